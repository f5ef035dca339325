//! `spindle apply-recal`: gives reads recalibrated qualities, with the flags of GATK's ApplyBQSR.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args as ClapArgs;
use common::failure::Failure;
use genome::record::{RecordView, TagValue, tags, without_tags};
use reads::covariates::{MIN_QUALITY, ReadGroupKeys, is_well_formed};
use reads::recalibration::{
    ApplyOptions, Outcome, RecalibrationTable, Recalibrator, quantize, quantize_to,
};
use worker::formats::bam::{FAST_LEVEL, Levels};

use crate::output::is_device;
use crate::reads_input::ReadsInput;
use crate::reads_output::{FormatArgs, Plan, ReadsOutput};
use crate::sequences::Sequences;
use crate::sort::parse_level;

/// Tags of qualities that are no longer true.
const OLD_TAGS: [[u8; 2]; 2] = [*b"BI", *b"BD"];

/// The tag of the qualities before recalibration.
const ORIGINAL_TAG: [u8; 2] = *b"OQ";

/// Replaces base qualities by recalibrated ones, as GATK's ApplyBQSR
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Reference FASTA, read from its index REF.spindle where that is beside it; the reads have to fit it
    #[arg(short = 'R', long, value_name = "FASTA")]
    reference: Option<PathBuf>,
    /// Reads: a SAM, BAM or CRAM file
    #[arg(short = 'I', long, value_name = "FILE")]
    input: PathBuf,
    /// Recalibration report
    #[arg(long, visible_alias = "bqsr", value_name = "TABLE")]
    bqsr_recal_file: PathBuf,
    /// Output: a SAM, BAM or CRAM file; its index is written if it is sorted by coordinate
    #[arg(short = 'O', long, value_name = "FILE")]
    output: PathBuf,
    /// Reads whose read group the table lacks keep their qualities
    #[arg(long)]
    allow_missing_read_group: bool,
    /// Takes this quality for what each read group claims, if above 0
    #[arg(long, value_name = "QUALITY")]
    global_qscore_prior: Option<f64>,
    /// Rounds to so many levels, which the table chooses; 0 does not round
    #[arg(
        long,
        value_name = "INT",
        default_value_t = 0,
        conflicts_with = "static_quantized_quals"
    )]
    quantize_quals: usize,
    /// Rounds to the nearest of these qualities; may be repeated
    #[arg(long, value_name = "QUALITY", value_parser = clap::value_parser!(u8).range(0..=93))]
    static_quantized_quals: Vec<u8>,
    /// Rounds to the next lower one of the static qualities
    #[arg(long, requires = "static_quantized_quals")]
    round_down_quantized: bool,
    /// Lower qualities stay as they are
    #[arg(long, value_name = "QUALITY", default_value_t = MIN_QUALITY)]
    preserve_qscores_less_than: u8,
    /// Starts from the qualities of the tag OQ, where there is one
    #[arg(long, visible_alias = "OQ")]
    use_original_qualities: bool,
    /// Keeps the qualities before recalibration in the tag OQ, if it is free
    #[arg(long)]
    emit_original_quals: bool,
    #[command(flatten)]
    format: FormatArgs,
    /// Level of compression of BAM, 0 to 12
    #[arg(
        short = 'l',
        long,
        value_name = "INT",
        default_value_t = FAST_LEVEL,
        value_parser = parse_level
    )]
    compression_level: i32,
}

/// Recalibrates; records that GATK does not call well formed are left out, and counted.
///
/// # Errors
/// What is wrong with an input; what the output answers.
pub fn run(args: &Args) -> Result<()> {
    let mut input = ReadsInput::open(&args.input, args.reference.as_deref())?;
    if let Some(reference) = &args.reference {
        input.contigs_in(Sequences::open(reference)?.reference().dictionary())?;
    }
    let is_sorted = input.header().sort_order() == Some("coordinate");
    if is_sorted {
        input.require_sorted()?;
    }
    let keys = ReadGroupKeys::new(&input.read_groups()?);
    let table = read_table(&args.bqsr_recal_file)?;
    let recalibrator = Recalibrator::new(&table, keys.names(), &options(args, &table));
    let header = input.header().with_program("spindle-apply-recal");
    let dictionary = header.dictionary.clone();
    let plan = Plan {
        levels: Levels::one(args.compression_level),
        wants_index: is_sorted && !is_device(&args.output) && args.output != Path::new("-"),
        ..Plan::new(&args.output, &args.format, args.reference.as_deref())
    };
    let mut out = ReadsOutput::create(&plan, header)?;
    let shown = args.input.display().to_string();
    let (mut qualities, mut bytes) = (Vec::new(), Vec::new());
    let mut left_out = LeftOut::default();
    while let Some((number, record)) = input.next_record()? {
        let fault = |message: String| Failure::input(&shown, message).at_record(number);
        let Some(key) = key_of(&keys, &record).map_err(fault)? else {
            left_out.without_group += 1;
            continue;
        };
        if !is_well_formed(&record, &dictionary) {
            left_out.malformed += 1;
            continue;
        }
        let outcome = recalibrator.recalibrate(&record, Some(key), &mut qualities);
        if outcome.map_err(|error| fault(error.to_string()))? == Outcome::UnknownReadGroup {
            let name = &keys.names()[usize::from(key)];
            let message = format!("the recalibration table has no read group {name}");
            return Err(fault(message).into());
        }
        replace(&record, &qualities, args.emit_original_quals, &mut bytes);
        out.write(&RecordView::trusted(&bytes))?;
    }
    let stem = match args.output.extension() {
        Some(ending) if ending == "bam" => args.output.with_extension(""),
        _ => args.output.clone(),
    };
    out.finish(&stem)?;
    left_out.report();
    Ok(())
}

/// Records that GATK filters.
#[derive(Debug, Default)]
struct LeftOut {
    malformed: u64,
    without_group: u64,
}

impl LeftOut {
    fn report(&self) {
        for (count, what) in [
            (self.malformed, "malformed records were"),
            (self.without_group, "records without a read group were"),
        ] {
            if count > 0 {
                eprintln!("{count} {what} left out");
            }
        }
    }
}

/// Returns the key of a record's read group; `None` if it names none.
///
/// # Errors
/// The read group that the header lacks.
pub fn key_of(keys: &ReadGroupKeys, record: &RecordView<'_>) -> Result<Option<u16>, String> {
    if let Some(key) = keys.key_of(record) {
        return Ok(Some(key));
    }
    let named = tags(record.tag_bytes()).find_map(|(tag, value)| match value {
        TagValue::Text(name) if tag == *b"RG" => Some(String::from_utf8_lossy(name).into_owned()),
        _ => None,
    });
    match named {
        Some(name) => Err(format!("read group {name} is not in the header")),
        None => Ok(None),
    }
}

fn options(args: &Args, table: &RecalibrationTable) -> ApplyOptions {
    let quantized = match (args.quantize_quals, args.static_quantized_quals.as_slice()) {
        (0, []) => None,
        (0, bins) => Some(quantize_to(bins, args.round_down_quantized)),
        (levels, _) => Some(quantize(&table.quality_counts, levels)),
    };
    ApplyOptions {
        global_prior: args.global_qscore_prior,
        quantized,
        allow_missing_read_group: args.allow_missing_read_group,
        min_quality: args.preserve_qscores_less_than,
        original_qualities: args.use_original_qualities,
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
fn replace(record: &RecordView<'_>, qualities: &[u8], keeps: bool, bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.extend_from_slice(&record.bytes()[..record.qualities_start()]);
    bytes.extend_from_slice(qualities);
    without_tags(record.tag_bytes(), &OLD_TAGS, bytes);
    if keeps && !tags(record.tag_bytes()).any(|(tag, _)| tag == ORIGINAL_TAG) {
        bytes.extend_from_slice(&ORIGINAL_TAG);
        bytes.push(b'Z');
        bytes.extend(record.qualities().iter().map(|quality| quality + b'!'));
        bytes.push(0);
    }
}
