//! `spindle sort`: sorts a BAM file, with the flags of `samtools sort`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use genome::monitor::Monitor;
use reads::sort::{SortOrder, Sorter};

use crate::bam_input::BamInput;
use crate::bam_output::BamOutput;
use crate::exit::{Exit, ended};
use crate::output::{folder_of, is_device};
use crate::spill::Spill;

/// The least that is worth sorting at a time.
const MIN_MEMORY_BYTES: usize = 1 << 20;

/// Sorts a BAM file by coordinate or name, as `samtools sort`
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Reads: one BAM file
    input: PathBuf,
    /// Output: a BAM file, or - for standard output
    #[arg(short = 'o', value_name = "BAM")]
    output: PathBuf,
    /// Sort by read name
    #[arg(short = 'n')]
    by_name: bool,
    /// Threads
    #[arg(short = '@', long, value_name = "INT", default_value_t = 1)]
    threads: usize,
    /// Memory of each thread, with K, M or G; what does not fit waits in a file beside the output
    #[arg(short = 'm', value_name = "SIZE", default_value = "768M", value_parser = parse_size)]
    memory_bytes: usize,
    /// Writes the index as well: OUT.bai, or OUT.csi where a contig is too long for it
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
    let (order, name) = match args.by_name {
        true => (SortOrder::Name, "queryname"),
        false => (SortOrder::Coordinate, "coordinate"),
    };
    let mut input = BamInput::open(&args.input)?;
    let header = input.header().with_sort_order(name);
    let mut out = BamOutput::create(&args.output, header.with_program("spindle-sort"))?;
    let memory_bytes = args.memory_bytes.saturating_mul(args.threads.max(1));
    // The rest is for keys in the making and blocks under way.
    let mut sorter = Sorter::new(order, memory_bytes / 3 * 2);
    let mut spill: Option<Spill> = None;
    while let Some((_, record)) = input.next_record()? {
        sorter.push(record);
        if sorter.is_full() {
            let spill = match &mut spill {
                Some(spill) => spill,
                None => spill.insert(scratch(args)?),
            };
            let mut writer = spill.writer();
            sorter.spill(&mut writer).context("scratch file")?;
            spill.end_stretch(writer).context("scratch file")?;
        }
    }
    let stretches = spill.map_or(Vec::new(), Spill::into_stretches);
    let write = |record: genome::record::RecordView<'_>| out.write(&record);
    sorter.merge(stretches, &Monitor::default(), write)?;
    let finished = out.finish()?;
    match args.write_index {
        true => finished.write_index(&args.output),
        false => Ok(()),
    }
}

fn scratch(args: &Args) -> Result<Spill> {
    let temporary = std::env::temp_dir();
    let beside = !is_device(&args.output) && args.output.as_os_str() != "-";
    let folder = match beside {
        true => folder_of(&args.output),
        false => &temporary,
    };
    Spill::new_in(folder).with_context(|| folder.display().to_string())
}

/// Parses bytes with K, M or G after them.
fn parse_size(text: &str) -> Result<usize, String> {
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
    fn sizes_have_units() {
        assert_eq!(parse_size("2M"), Ok(2 << 20));
        assert_eq!(parse_size("3g"), Ok(3 << 30));
        assert_eq!(parse_size("4000000"), Ok(4_000_000));
        for wrong in ["", "M", "1T", "1000", "99999999999G", "-1G"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }
}
