//! `spindle metrics`: quality metrics of aligned reads, in Picard's text formats.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args as ClapArgs;
use genome::dictionary::Dictionary;
use genome::record::RecordView;
use genome::region;
use genome::region::{ContigId, Region};
use reads::covariates::ReadGroupKeys;
use reads::qc::depth::{Coverage, join};
use reads::qc::{Collector, GroupName, Qc, Report, Texts};

use crate::index;
use crate::intervals;
use crate::output::{OutputFile, with_ending};
use crate::reads_input::ReadsInput;

/// Counts what Picard's CollectAlignmentSummaryMetrics, CollectInsertSizeMetrics, MeanQualityByCycle,
/// QualityScoreDistribution, CollectGcBiasMetrics and CollectWgsMetrics count, in one pass
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Reference FASTA with its index REF.spindle beside it
    #[arg(short = 'R', long, value_name = "FASTA")]
    reference: PathBuf,
    /// Reads: a SAM, BAM or CRAM file sorted by coordinate
    #[arg(short = 'I', long, value_name = "FILE")]
    input: PathBuf,
    /// Outputs: PREFIX.alignment_summary_metrics.txt, PREFIX.report.html and others
    #[arg(short = 'O', long, value_name = "PREFIX")]
    output: PathBuf,
    /// Targets whose coverage is told apart: contig, contig:start-end, contig:position or a BED file; may be repeated
    #[arg(long, value_name = "BED")]
    targets: Vec<String>,
}

/// Counts, and writes the files.
///
/// # Errors
/// What is wrong with an input; what an output answers.
pub fn run(args: &Args) -> Result<()> {
    let index = index::open(&args.reference)?;
    let reference = index.reference();
    let dictionary = reference.dictionary();
    let mut input = ReadsInput::open(&args.input, Some(&args.reference))?;
    input.require_sorted()?;
    let groups = input.read_groups()?;
    let keys = ReadGroupKeys::new(&groups);
    let contigs = input.contigs_in(dictionary)?;
    let targets = region::merge(intervals::regions(&args.targets, 0, dictionary)?);
    let whole = whole_contigs(dictionary);
    let mut collector = Collector::new(reference.clone(), &whole, &targets);
    let mut renumbered = Vec::new();
    while let Some((_, record)) = input.next_record()? {
        let group = keys.index_of(&record).unwrap_or(groups.len());
        let contig = record.contig();
        let known = contig.map(|contig| contigs[contig.0 as usize]);
        let record = match known {
            Some(Some(known)) if Some(known) != contig => {
                renumbered.clear();
                renumbered.extend_from_slice(record.bytes());
                renumbered[..4].copy_from_slice(&known.0.to_le_bytes());
                RecordView::trusted(&renumbered)
            }
            Some(None) => continue,
            _ => record,
        };
        collector.add(&record, group);
    }
    let (qc, depths) = collector.finish();
    let coverage = join([depths], &reference, &targets);
    let names: Vec<GroupName> = groups.iter().map(GroupName::of).collect();
    Outputs {
        args,
        qc: &qc,
        names: &names,
        coverage: &coverage,
        dictionary,
        targets: &targets,
    }
    .write()
}

fn whole_contigs(dictionary: &Dictionary) -> Vec<Region> {
    let lengths = dictionary.contigs().iter().map(|contig| contig.length);
    let contigs = (0..).map(ContigId).zip(lengths);
    contigs
        .map(|(contig, length)| Region::new(contig, 0, length))
        .collect()
}

/// What is written.
struct Outputs<'a> {
    args: &'a Args,
    qc: &'a Qc,
    names: &'a [GroupName],
    coverage: &'a Coverage,
    dictionary: &'a Dictionary,
    targets: &'a [Region],
}

impl Outputs<'_> {
    fn write(&self) -> Result<()> {
        let (args, coverage) = (self.args, self.coverage);
        let texts = Texts::new(self.qc, self.names);
        let contigs = self.dictionary.contigs().iter();
        let contigs: Vec<String> = contigs.map(|contig| contig.name.clone()).collect();
        let gc = texts.gc_summary();
        let report = Report {
            title: &args.input.display().to_string(),
            counts: texts.total(),
            duplicates: None,
            table: None,
            coverage: Some(coverage),
            windows: &self.qc.windows,
        };
        let page = with_ending(&args.output, ".report.html");
        OutputFile::write_whole(&page, report.html().as_bytes())?;
        let has_targets = !args.targets.is_empty();
        let by_target = match has_targets {
            true => coverage.target_table(&contigs, self.targets),
            false => String::new(),
        };
        let (summary, detail) = match gc {
            Some(_) => (texts.gc_summary_text(), texts.gc_detail_text()),
            None => (String::new(), String::new()),
        };
        for (ending, text) in [
            ("alignment_summary_metrics", texts.alignment()),
            ("insert_size_metrics", texts.insert_sizes()),
            ("quality_by_cycle_metrics", texts.quality_by_cycle()),
            (
                "quality_by_cycle_and_unit",
                texts.quality_by_cycle_and_unit(),
            ),
            ("quality_distribution_metrics", texts.quality_distribution()),
            ("gc_bias.summary_metrics", summary),
            ("gc_bias.detail_metrics", detail),
            ("wgs_metrics", coverage.text()),
            ("coverage", coverage.table(&contigs, has_targets)),
            ("target_coverage", by_target),
        ] {
            if !text.is_empty() {
                write(&args.output, ending, &text)?;
            }
        }
        Ok(())
    }
}

fn write(prefix: &Path, ending: &str, text: &str) -> Result<()> {
    let path = with_ending(prefix, &format!(".{ending}.txt"));
    OutputFile::write_whole(&path, text.as_bytes())
}
