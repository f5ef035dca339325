//! `spindle sort`: sorts aligned reads, with the flags of `samtools sort`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use genome::monitor::Monitor;
use reads::sort::{SortOrder, Sorter, merge_spilled};
use worker::formats::bam::Levels;

use crate::exit::{Exit, ended};
use crate::output::{folder_of, is_device};
use crate::reads_input::ReadsInput;
use crate::reads_output::{FormatArgs, Plan, ReadsOutput};
use crate::spill::Spill;

/// The least that is worth sorting at a time.
const MIN_MEMORY_BYTES: usize = 1 << 20;

/// What reading, writing and merging take beside the records, for one thread and more: measured.
const OVERHEAD_BYTES: usize = 128 << 20;

/// Stretches that are merged at once.
const FAN_IN: usize = 64;

/// Levels of compression of records by coordinate: what `samtools` writes is less than 2 % smaller.
const LEVELS_BY_COORDINATE: Levels = Levels([6, 5]);

/// Level of compression of records by name, by the same measure.
const LEVEL_BY_NAME: Levels = Levels::one(5);

/// Records between two lines of progress.
const PROGRESS_RECORDS: u64 = 1 << 24;

/// Sorts a SAM, BAM or CRAM file by coordinate or name, as `samtools sort`
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Reads: a SAM, BAM or CRAM file, or - for standard input
    #[arg(default_value = "-")]
    input: PathBuf,
    /// Output: a SAM, BAM or CRAM file, or - for standard output
    #[arg(short = 'o', value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// Sort by read name
    #[arg(short = 'n')]
    by_name: bool,
    /// Threads
    #[arg(short = '@', long, value_name = "INT", default_value_t = 1)]
    threads: usize,
    /// Memory of each thread, with K, M or G; what does not fit waits in files without a name
    #[arg(short = 'm', value_name = "SIZE", default_value = "768M", value_parser = parse_size)]
    memory_bytes: usize,
    /// Folder of the files that wait [default: that of the output]
    #[arg(short = 'T', long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Level of compression of BAM, 0 to 12 [default: 5 with -n, else 6 and 5 by turns]
    #[arg(short = 'l', value_name = "INT", value_parser = parse_level)]
    level: Option<i32>,
    /// Reference FASTA of CRAM
    #[arg(long, value_name = "FASTA")]
    reference: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArgs,
    /// Writes the index as well: OUT.bai, OUT.csi where a contig is too long for it, or OUT.crai
    #[arg(long, conflicts_with = "by_name")]
    write_index: bool,
}

/// Sorts.
///
/// # Errors
/// What is wrong with the input; what the output answers.
pub fn run(args: &Args) -> Result<()> {
    if args.write_index && (is_device(&args.output) || args.output.as_os_str() == "-") {
        return Err(ended(Exit::Usage, "--write-index needs an output file"));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads.max(1));
    pool.build()?.install(|| sort(args))
}

fn sort(args: &Args) -> Result<()> {
    let (order, name, usual) = match args.by_name {
        true => (SortOrder::Name, "queryname", LEVEL_BY_NAME),
        false => (SortOrder::Coordinate, "coordinate", LEVELS_BY_COORDINATE),
    };
    let reference = args.reference.as_deref();
    let mut input = ReadsInput::open(&args.input, reference)?;
    let header = input.header().with_sort_order(name);
    let plan = Plan {
        wants_index: args.write_index,
        levels: args.level.map_or(usual, Levels::one),
        ..Plan::new(&args.output, &args.format, reference)
    };
    let mut out = ReadsOutput::create(&plan, header.with_program("spindle-sort"))?;
    let mut sorter = Sorter::new(order, room(args));
    let folder = scratch(args);
    let mut spill = Spill::new_in(&folder);
    let shown = || format!("scratch file in {}", folder.display());
    while let Some((number, record)) = input.next_record()? {
        if sorter.is_full(&record) {
            if spill.waiting() >= FAN_IN {
                spill
                    .merge_waiting(|waiting, out| merge_spilled(waiting, order, out))
                    .with_context(shown)?;
            }
            spill.add(|out| sorter.spill(out)).with_context(shown)?;
        }
        sorter.push(record);
        if number.is_multiple_of(PROGRESS_RECORDS) {
            eprintln!("{number} records read");
        }
    }
    let stretches = spill.into_stretches();
    let write = |record: genome::record::RecordView<'_>| out.write(&record);
    sorter.merge(stretches, &Monitor::default(), write)?;
    out.finish(&args.output)
}

/// Returns how much of the memory is for records.
fn room(args: &Args) -> usize {
    let total = args.memory_bytes.saturating_mul(args.threads.max(1));
    total.saturating_sub(OVERHEAD_BYTES).max(total / 2)
}

fn scratch(args: &Args) -> PathBuf {
    let beside = !is_device(&args.output) && args.output.as_os_str() != "-";
    let by_output = || match beside {
        true => folder_of(&args.output).to_owned(),
        false => std::env::temp_dir(),
    };
    args.scratch
        .as_deref()
        .map_or_else(by_output, Path::to_owned)
}

/// Parses a level of compression.
pub fn parse_level(text: &str) -> Result<i32, String> {
    let level = text.parse().ok().filter(|level| (0..=12).contains(level));
    level.ok_or_else(|| format!("a level is a number from 0 to 12, not {text:?}"))
}

/// Parses bytes with K, M or G after them.
pub fn parse_size(text: &str) -> Result<usize, String> {
    let (digits, shift) = match text.chars().last() {
        Some('K' | 'k') => (&text[..text.len() - 1], 10),
        Some('M' | 'm') => (&text[..text.len() - 1], 20),
        Some('G' | 'g') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let size = digits.parse::<usize>().ok();
    let size = size.and_then(|size| size.checked_mul(1 << shift));
    match size {
        Some(size) if size >= MIN_MEMORY_BYTES => Ok(size),
        Some(_) => Err("less than 1M".into()),
        None => Err(format!("not a size: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_the_library() {
        assert_eq!((parse_level("0"), parse_level("12")), (Ok(0), Ok(12)));
        for wrong in ["", "-1", "13", "fast"] {
            assert!(parse_level(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("2M"), Ok(2 << 20));
        assert_eq!(parse_size("3g"), Ok(3 << 30));
        assert_eq!(parse_size("4000000"), Ok(4_000_000));
        for wrong in ["", "M", "1T", "1000", "99999999999G", "-1G"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }
}
