//! `spindle markdup`: marks duplicates, with the flags of Picard's MarkDuplicates.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args as ClapArgs;
use common::failure::Failure;
use genome::monitor::Monitor;
use genome::order::Place;
use genome::read_group::ReadGroup;
use genome::record::{Flags, RecordView, without_tags};
use reads::covariates::ReadGroupKeys;
use reads::duplicates::{DuplicateMetrics, End, MarkOptions, Marked, Pairing, mark};

use crate::bam_input::BamInput;
use crate::bam_output::BamOutput;
use crate::output::OutputFile;

/// Picard's word for the library of reads that name none.
const UNKNOWN_LIBRARY: &str = "Unknown Library";

/// Where FLAG stands in a record. SAM v1 §4.2 (2024-11-06).
const FLAG_OFFSET: usize = 14;

/// Marks duplicates in a BAM file sorted by coordinate, as Picard's MarkDuplicates
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Reads: one BAM file, sorted by coordinate
    #[arg(short = 'I', long = "INPUT", alias = "input", value_name = "BAM")]
    input: PathBuf,
    /// Output: a BAM file
    #[arg(
        short = 'O',
        short_alias = 'o',
        long = "OUTPUT",
        alias = "output",
        value_name = "BAM"
    )]
    output: PathBuf,
    /// Output: counts of each library
    #[arg(
        short = 'M',
        long = "METRICS_FILE",
        alias = "metrics",
        value_name = "FILE"
    )]
    metrics: PathBuf,
    /// Leaves duplicates out instead of marking them
    #[arg(
        long = "REMOVE_DUPLICATES",
        alias = "remove-duplicates",
        value_name = "BOOL",
        num_args = 0..=1,
        default_value_t = false,
        default_missing_value = "true"
    )]
    remove: bool,
    /// Clusters at most so far apart are optical duplicates; 2500 fits patterned flow cells
    #[arg(
        long = "OPTICAL_DUPLICATE_PIXEL_DISTANCE",
        alias = "optical-duplicate-pixel-distance",
        value_name = "PIXELS",
        default_value_t = 100
    )]
    optical_distance: u32,
}

/// Marks, in two passes over the input.
///
/// # Errors
/// What is wrong with the input; what the outputs answer.
pub fn run(args: &Args) -> Result<()> {
    let (marked, libraries) = find(args)?;
    let mut metrics = marked.metrics;
    let mut duplicates = marked.duplicates.iter().map(|place| place.ordinal);
    let mut next = duplicates.next();
    let mut input = open(&args.input)?;
    let header = input.header().with_program("spindle-markdup");
    let mut out = BamOutput::create(&args.output, header)?;
    let mut bytes = Vec::new();
    while let Some((number, record)) = input.next_record()? {
        let is_duplicate = next == Some(number);
        if is_duplicate {
            next = duplicates.next();
        }
        flag(&record, is_duplicate, &mut bytes);
        let flagged = RecordView::trusted(&bytes);
        metrics.add_record(&flagged, libraries.of(&flagged).0);
        if !(args.remove && is_duplicate) {
            out.write(&flagged)?;
        }
    }
    out.finish()?;
    OutputFile::write_whole(&args.metrics, libraries.text(&metrics).as_bytes())
}

/// Finds the duplicates; their places are the numbers of the records.
fn find(args: &Args) -> Result<(Marked, Libraries)> {
    let mut input = open(&args.input)?;
    let mut libraries = Libraries::new(&input.read_groups()?);
    let mut pairing = Pairing::default();
    while let Some((number, record)) = input.next_record()? {
        let (library, read_group) = libraries.of(&record);
        libraries.meet(library);
        if let Some(end) = End::of(&record, numbered(number), library, read_group) {
            pairing.add(&end, &record);
        }
    }
    let options = MarkOptions {
        optical_distance_pixels: args.optical_distance,
        ..MarkOptions::default()
    };
    let (pairs, ends) = pairing.finish();
    let (pairs, ends) = (pairs.into_iter().map(Ok), ends.into_iter().map(Ok));
    let marked = mark(pairs, ends, &options, &Monitor::default())?;
    Ok((marked, libraries))
}

fn open(path: &Path) -> Result<BamInput, Failure> {
    let mut input = BamInput::open(path)?;
    if !path.is_file() {
        let message = "is read twice: it has to be a regular file";
        return Err(Failure::input(path.display().to_string(), message));
    }
    input.require_sorted()?;
    Ok(input)
}

/// Returns a place that says the number of a record in its file alone.
const fn numbered(number: u64) -> Place {
    Place {
        contig: 0,
        position: 0,
        reverse: false,
        lane: 0,
        ordinal: number,
        index: 0,
    }
}

/// Writes the record's bytes with its flag as given, without the tag of an earlier marking.
fn flag(record: &RecordView<'_>, is_duplicate: bool, bytes: &mut Vec<u8>) {
    let tags = record.tag_bytes();
    let block = record.bytes();
    bytes.clear();
    bytes.extend_from_slice(&block[..block.len() - tags.len()]);
    without_tags(tags, &[*b"DT"], bytes);
    let others = record.flags().0 & !Flags::DUPLICATE;
    let flags = others | if is_duplicate { Flags::DUPLICATE } else { 0 };
    bytes[FLAG_OFFSET..FLAG_OFFSET + 2].copy_from_slice(&flags.to_le_bytes());
}

/// The libraries of a header in its order, then that of reads without a read group, if there are any.
struct Libraries {
    names: Vec<String>,
    /// The library of each read group.
    of_group: Vec<u16>,
    keys: ReadGroupKeys,
    /// How many libraries the header names.
    named: usize,
}

impl Libraries {
    fn new(groups: &[ReadGroup]) -> Self {
        let mut names: Vec<String> = Vec::new();
        let mut of_group = Vec::new();
        for group in groups {
            let known = names.iter().position(|name| name == group.library());
            let library = known.unwrap_or_else(|| {
                names.push(group.library().to_owned());
                names.len() - 1
            });
            of_group.push(library as u16);
        }
        let named = names.len();
        if !names.iter().any(|name| name == UNKNOWN_LIBRARY) {
            names.push(UNKNOWN_LIBRARY.into());
        }
        Self {
            named,
            names,
            of_group,
            keys: ReadGroupKeys::new(groups),
        }
    }

    /// Returns library and read group of a record.
    fn of(&self, record: &RecordView<'_>) -> (u16, u16) {
        match self.keys.index_of(record) {
            Some(group) => (self.of_group[group], group as u16),
            None => {
                let unknown = self.names.iter().position(|name| name == UNKNOWN_LIBRARY);
                (unknown.unwrap_or(self.named) as u16, u16::MAX)
            }
        }
    }

    /// Notes that a library has a read.
    fn meet(&mut self, library: u16) {
        self.named = self.named.max(usize::from(library) + 1);
    }

    fn text(&self, metrics: &DuplicateMetrics) -> String {
        metrics.text(&self.names[..self.named])
    }
}
