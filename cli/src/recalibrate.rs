//! `spindle recalibrate`: makes the recalibration table, with the flags of GATK's BaseRecalibrator.

use std::fs::File;
use std::path::PathBuf;

use aligner::Index;
use anyhow::Result;
use clap::Args as ClapArgs;
use common::failure::Failure;
use genome::dictionary::Dictionary;
use genome::record::RecordView;
use genome::region;
use reads::covariates::{
    CountOptions, Counter, Counts, KnownSites, MAX_CYCLE, MIN_QUALITY, ReadGroupKeys, Scope,
};
use reads::recalibration::RecalibrationTable;
use worker::formats::vcf;

use crate::apply_recal::key_of;
use crate::output::OutputFile;
use crate::reads_input::ReadsInput;
use crate::{index, intervals};

/// Counts how often bases are wrong, by what the sequencer claims, as GATK's BaseRecalibrator
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Reference FASTA with its index REF.spindle beside it
    #[arg(short = 'R', long, value_name = "FASTA")]
    reference: PathBuf,
    /// Reads: a SAM, BAM or CRAM file
    #[arg(short = 'I', long, value_name = "FILE")]
    input: PathBuf,
    /// Known variation (VCF; plain, gzip or BGZF); may be repeated
    #[arg(long, value_name = "VCF", required = true)]
    known_sites: Vec<PathBuf>,
    /// Count reads here only: contig, contig:start-end, contig:position or a BED file; may be repeated
    #[arg(short = 'L', long, value_name = "INTERVAL")]
    intervals: Vec<String>,
    /// Widens each interval on both sides
    #[arg(long, visible_alias = "ip", value_name = "BP", default_value_t = 0)]
    interval_padding: u64,
    /// Longer reads are refused
    #[arg(long, value_name = "INT", default_value_t = MAX_CYCLE)]
    maximum_cycle_value: usize,
    /// Bases of lower quality do not count
    #[arg(long, value_name = "QUALITY", default_value_t = MIN_QUALITY)]
    preserve_qscores_less_than: u8,
    /// Counts the qualities of the tag OQ, where there is one
    #[arg(long, visible_alias = "OQ")]
    use_original_qualities: bool,
    /// Output: the recalibration report
    #[arg(short = 'O', long, value_name = "TABLE")]
    output: PathBuf,
}

/// Counts, and writes the table.
///
/// # Errors
/// What is wrong with an input; what the output answers.
pub fn run(args: &Args) -> Result<()> {
    let index = index::open(&args.reference)?;
    let input = ReadsInput::open(&args.input, Some(&args.reference))?;
    let known_sites = known_sites(&args.known_sites, index.dictionary())?;
    let groups = input.read_groups()?;
    if groups.is_empty() {
        let message = "the header has no read group, and qualities are told apart by them";
        return Err(Failure::input(input.file(), message).into());
    }
    let keys = ReadGroupKeys::new(&groups);
    let counts = count(args, &index, input, &known_sites, &keys)?;
    let table = RecalibrationTable {
        max_cycle: args.maximum_cycle_value,
        ..RecalibrationTable::of(&counts, keys.names())
    };
    OutputFile::write_whole(&args.output, table.report().as_bytes())
}

fn count(
    args: &Args,
    index: &Index,
    mut input: ReadsInput,
    known_sites: &KnownSites,
    keys: &ReadGroupKeys,
) -> Result<Counts> {
    let reference = index.reference();
    let dictionary = reference.dictionary();
    let regions = intervals::regions(&args.intervals, args.interval_padding, dictionary)?;
    let regions = region::merge(regions);
    let scope = Scope {
        reference: reference.clone(),
        known_sites,
        intervals: (!args.intervals.is_empty()).then_some(&regions),
    };
    let options = CountOptions {
        max_cycle: args.maximum_cycle_value,
        min_quality: args.preserve_qscores_less_than,
        original_qualities: args.use_original_qualities,
    };
    let mut counter = Counter::with(scope, options);
    let shown = args.input.display().to_string();
    let contigs = input.contigs_in(dictionary)?;
    let mut renumbered = Vec::new();
    while let Some((number, record)) = input.next_record()? {
        let fault = |message: String| Failure::input(&shown, message).at_record(number);
        // Records without a read group are no well-formed ones.
        let Some(key) = key_of(keys, &record).map_err(fault)? else {
            continue;
        };
        let known = record
            .contig()
            .and_then(|contig| contigs[contig.0 as usize]);
        let Some(contig) = known else {
            continue;
        };
        let record = if record.contig() == Some(contig) {
            record
        } else {
            renumbered.clear();
            renumbered.extend_from_slice(record.bytes());
            renumbered[..4].copy_from_slice(&contig.0.to_le_bytes());
            RecordView::trusted(&renumbered)
        };
        let counted = counter.count(&record, key);
        counted.map_err(|error| fault(error.to_string()))?;
    }
    Ok(counter.finish())
}

fn known_sites(paths: &[PathBuf], dictionary: &Dictionary) -> Result<KnownSites> {
    let mut sites = Vec::new();
    for path in paths {
        let shown = path.display().to_string();
        let file = File::open(path)
            .map_err(|error| Failure::input(&shown, format!("cannot be opened: {error}")))?;
        let found = vcf::known_sites(Box::new(file), &shown, dictionary);
        sites.extend(found.map_err(Failure::from)?);
    }
    Ok(KnownSites::new(sites))
}
