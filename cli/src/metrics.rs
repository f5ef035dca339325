//! `spindle metrics`: quality metrics of aligned reads, in Picard's text formats.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args as ClapArgs;
use genome::record::RecordView;
use genome::region;
use reads::covariates::ReadGroupKeys;
use reads::qc::depth::DepthCounter;
use reads::qc::{Collector, GroupName, Report, Texts};

use crate::intervals;
use crate::output::{OutputFile, with_ending};
use crate::reads_input::ReadsInput;
use crate::recalibrate::open_index;

/// Counts what Picard's CollectAlignmentSummaryMetrics, CollectInsertSizeMetrics, MeanQualityByCycle,
/// QualityScoreDistribution and CollectWgsMetrics count, in one pass
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
    /// Targets whose coverage is told apart: contig, contig:start-end or a BED file; may be repeated
    #[arg(long, value_name = "BED")]
    targets: Vec<String>,
}

/// Counts, and writes the files.
///
/// # Errors
/// What is wrong with an input; what an output answers.
pub fn run(args: &Args) -> Result<()> {
    let index = open_index(&args.reference)?;
    let reference = index.reference();
    let dictionary = reference.dictionary();
    let mut input = ReadsInput::open(&args.input, Some(&args.reference))?;
    input.require_sorted()?;
    let groups = input.read_groups()?;
    let keys = ReadGroupKeys::new(&groups);
    let contigs = input.contigs_in(dictionary)?;
    let targets = region::merge(intervals::regions(&args.targets, 0, dictionary)?);
    let mut collector = Collector::new(reference.clone());
    let mut depths = DepthCounter::new(reference.clone(), &targets);
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
        depths.add(&record);
    }
    let name = |group: &genome::read_group::ReadGroup| GroupName {
        sample: group.get("SM").unwrap_or_default().into(),
        library: group.get("LB").unwrap_or_default().into(),
        unit: group.get("PU").unwrap_or(group.id()).into(),
    };
    let names: Vec<GroupName> = groups.iter().map(name).collect();
    let qc = collector.finish();
    let coverage = depths.finish();
    let texts = Texts::new(&qc, &names);
    let contigs: Vec<String> = dictionary
        .contigs()
        .iter()
        .map(|c| c.name.clone())
        .collect();
    let report = Report {
        title: &args.input.display().to_string(),
        counts: texts.total(),
        duplicates: None,
        table: None,
        coverage: Some(&coverage),
    };
    let page = with_ending(&args.output, ".report.html");
    OutputFile::write_whole(&page, report.html().as_bytes())?;
    let table = coverage.table(&contigs, !args.targets.is_empty());
    for (ending, text) in [
        ("alignment_summary_metrics", texts.alignment()),
        ("insert_size_metrics", texts.insert_sizes()),
        ("quality_by_cycle_metrics", texts.quality_by_cycle()),
        ("quality_distribution_metrics", texts.quality_distribution()),
        ("wgs_metrics", coverage.text()),
        ("coverage", table),
    ] {
        if !text.is_empty() {
            write(&args.output, ending, &text)?;
        }
    }
    Ok(())
}

fn write(prefix: &Path, ending: &str, text: &str) -> Result<()> {
    let path = with_ending(prefix, &format!(".{ending}.txt"));
    OutputFile::write_whole(&path, text.as_bytes())
}
