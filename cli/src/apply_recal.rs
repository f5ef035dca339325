//! `spindle apply-recal`: gives reads recalibrated qualities, with the flags of GATK's ApplyBQSR.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args as ClapArgs;
use common::failure::Failure;
use genome::record::{RecordView, without_tags};
use reads::covariates::{ReadGroupKeys, is_well_formed};
use reads::recalibration::{ApplyOptions, Outcome, RecalibrationTable, Recalibrator};

use crate::bam_input::BamInput;
use crate::bam_output::BamOutput;
use crate::output::is_device;
use crate::recalibrate::open_index;

/// Tags of qualities that are no longer true.
const OLD_TAGS: [[u8; 2]; 2] = [*b"BI", *b"BD"];

/// Replaces base qualities by recalibrated ones, as GATK's ApplyBQSR
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Reference FASTA with its index REF.spindle beside it; the reads have to fit it
    #[arg(short = 'R', long, value_name = "FASTA")]
    reference: Option<PathBuf>,
    /// Reads: one BAM file
    #[arg(short = 'I', long, value_name = "BAM")]
    input: PathBuf,
    /// Recalibration report
    #[arg(long, visible_alias = "bqsr", value_name = "TABLE")]
    bqsr_recal_file: PathBuf,
    /// Output: a BAM file; its index is written if it is sorted by coordinate
    #[arg(short = 'O', long, value_name = "BAM")]
    output: PathBuf,
    /// Reads whose read group the table lacks keep their qualities
    #[arg(long)]
    allow_missing_read_group: bool,
    /// Takes this quality for what each read group claims, if above 0
    #[arg(long, value_name = "QUALITY")]
    global_qscore_prior: Option<f64>,
}

/// Recalibrates; records that GATK does not call well formed are left out, and counted.
///
/// # Errors
/// What is wrong with an input; what the output answers.
pub fn run(args: &Args) -> Result<()> {
    let mut input = BamInput::open(&args.input)?;
    if let Some(reference) = &args.reference {
        input.contigs_in(open_index(reference)?.dictionary())?;
    }
    let is_sorted = input.header().sort_order() == Some("coordinate");
    if is_sorted {
        input.require_sorted()?;
    }
    let keys = ReadGroupKeys::new(&input.read_groups()?);
    let options = ApplyOptions {
        global_prior: args.global_qscore_prior,
        allow_missing_read_group: args.allow_missing_read_group,
        ..ApplyOptions::default()
    };
    let table = read_table(&args.bqsr_recal_file)?;
    let recalibrator = Recalibrator::new(&table, keys.names(), &options);
    let header = input.header().with_program("spindle-apply-recal");
    let dictionary = header.dictionary.clone();
    let mut out = BamOutput::create(&args.output, header)?;
    let shown = args.input.display().to_string();
    let (mut qualities, mut bytes, mut left_out) = (Vec::new(), Vec::new(), 0u64);
    while let Some((number, record)) = input.next_record()? {
        let fault = |message: String| Failure::input(&shown, message).at_record(number);
        let key = keys.key_of(&record);
        let key = key.ok_or_else(|| fault("record has no read group of the header".into()))?;
        if !is_well_formed(&record, &dictionary) {
            left_out += 1;
            continue;
        }
        let outcome = recalibrator.recalibrate(&record, Some(key), &mut qualities);
        if outcome.map_err(|error| fault(error.to_string()))? == Outcome::UnknownReadGroup {
            let name = &keys.names()[usize::from(key)];
            let message = format!("the recalibration table has no read group {name}");
            return Err(fault(message).into());
        }
        replace(&record, &qualities, &mut bytes);
        out.write(&RecordView::trusted(&bytes))?;
    }
    let finished = out.finish()?;
    if left_out > 0 {
        eprintln!("{left_out} malformed records were left out");
    }
    match is_sorted && !is_device(&args.output) {
        true => finished.write_index(&args.output.with_extension("")),
        false => Ok(()),
    }
}

fn read_table(path: &Path) -> Result<RecalibrationTable, Failure> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::input(&shown, format!("cannot be read: {error}")))?;
    let table = RecalibrationTable::parse(&text);
    table.map_err(|error| Failure::input(&shown, error.to_string()))
}

/// Writes the record's bytes with other qualities, without tags that go with the old ones.
fn replace(record: &RecordView<'_>, qualities: &[u8], bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.extend_from_slice(&record.bytes()[..record.qualities_start()]);
    bytes.extend_from_slice(qualities);
    without_tags(record.tag_bytes(), &OLD_TAGS, bytes);
}
