//! `spindle markdup`: marks duplicates, with the flags of Picard's MarkDuplicates.

mod fields;
mod find;
mod inputs;
mod libraries;
mod notes;
mod write;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args as ClapArgs, ValueEnum};
use genome::record::Tag;
use reads::duplicates::{BarcodeTags, EndOptions, MarkOptions, NameFormat};

use crate::exit::{Exit, ended};
use crate::reads_output::FormatArgs;
use crate::sort::{parse_level, parse_size};
use inputs::{Grouping, Inputs};

/// Marks duplicates in SAM, BAM or CRAM files sorted by coordinate or grouped by name, as Picard's
/// MarkDuplicates
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Reads: SAM, BAM or CRAM files
    #[arg(value_name = "IN")]
    positional: Vec<PathBuf>,
    /// Reads: a SAM, BAM or CRAM file; may be repeated
    #[arg(short = 'I', long = "INPUT", alias = "input", value_name = "FILE")]
    input: Vec<PathBuf>,
    /// Output: a SAM, BAM or CRAM file
    #[arg(
        short = 'O',
        short_alias = 'o',
        long = "OUTPUT",
        alias = "output",
        value_name = "FILE"
    )]
    output: PathBuf,
    /// Output: counts of each library
    #[arg(
        short = 'M',
        long = "METRICS_FILE",
        visible_alias = "metrics",
        value_name = "FILE"
    )]
    metrics: PathBuf,
    /// Leaves duplicates out instead of marking them
    #[arg(
        long = "REMOVE_DUPLICATES",
        visible_alias = "remove-duplicates",
        value_name = "BOOL",
        num_args = 0..=1,
        default_value_t = false,
        default_missing_value = "true"
    )]
    remove: bool,
    /// Leaves optical duplicates out, whatever happens to the others
    #[arg(
        long = "REMOVE_SEQUENCING_DUPLICATES",
        alias = "remove-sequencing-duplicates",
        value_name = "BOOL",
        num_args = 0..=1,
        default_value_t = false,
        default_missing_value = "true"
    )]
    remove_sequencing: bool,
    /// Which duplicates get the tag DT: SQ for optical ones, LB for others
    #[arg(
        long = "TAGGING_POLICY",
        visible_alias = "tagging-policy",
        value_name = "POLICY",
        value_enum,
        ignore_case = true,
        default_value_t = TaggingPolicy::DontTag
    )]
    tagging: TaggingPolicy,
    /// Removes DT of an earlier marking
    #[arg(
        long = "CLEAR_DT",
        alias = "clear-dt",
        value_name = "BOOL",
        num_args = 0..=1,
        default_value_t = true,
        default_missing_value = "true",
        action = clap::ArgAction::Set
    )]
    clear_tags: bool,
    /// Order of the records, if the header does not say it
    #[arg(
        long = "ASSUME_SORT_ORDER",
        alias = "assume-sort-order",
        value_name = "ORDER",
        value_enum,
        ignore_case = true
    )]
    assumed_order: Option<AssumedOrder>,
    #[command(flatten)]
    optical: OpticalArgs,
    #[command(flatten)]
    barcodes: BarcodeArgs,
    /// Writes the index as well: OUT.bai, OUT.csi where a contig is too long for it, or OUT.crai
    #[arg(
        long = "CREATE_INDEX",
        visible_alias = "write-index",
        value_name = "BOOL",
        num_args = 0..=1,
        default_value_t = false,
        default_missing_value = "true"
    )]
    write_index: bool,
    /// Reference FASTA of CRAM
    #[arg(
        short = 'R',
        long = "REFERENCE_SEQUENCE",
        alias = "reference",
        value_name = "FASTA"
    )]
    reference: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArgs,
    /// Level of compression of BAM, 0 to 12 [default: matches of the input are kept, or 4]
    #[arg(
        short = 'l',
        long = "COMPRESSION_LEVEL",
        visible_alias = "compression-level",
        value_name = "INT",
        value_parser = parse_level
    )]
    level: Option<i32>,
    /// Threads
    #[arg(short = '@', long, value_name = "INT", default_value_t = 1)]
    threads: usize,
    /// Memory for keys, with K, M or G; what does not fit waits in files without a name
    #[arg(short = 'm', long, value_name = "SIZE", default_value = "1G", value_parser = parse_size)]
    memory: usize,
}

/// How optical duplicates are told.
#[derive(Debug, ClapArgs)]
struct OpticalArgs {
    /// Clusters at most so far apart are optical duplicates; 2500 fits patterned flow cells
    #[arg(
        long = "OPTICAL_DUPLICATE_PIXEL_DISTANCE",
        alias = "optical-duplicate-pixel-distance",
        value_name = "PIXELS",
        default_value_t = 100
    )]
    distance: u32,
    /// Expression whose three groups are tile, x and y in a read's name; null tells none optical
    /// [default: the last three of five or seven fields between colons]
    #[arg(
        long = "READ_NAME_REGEX",
        alias = "read-name-regex",
        value_name = "REGEX",
        value_parser = NameFormat::parse
    )]
    names: Option<NameFormat>,
    /// Larger sets are not searched for optical duplicates
    #[arg(
        long = "MAX_OPTICAL_DUPLICATE_SET_SIZE",
        alias = "max-optical-duplicate-set-size",
        value_name = "INT",
        default_value_t = 300_000
    )]
    max_set: usize,
}

/// Tags by which molecules are told apart.
#[derive(Debug, ClapArgs)]
struct BarcodeArgs {
    /// Tag of a molecule's barcode
    #[arg(long = "BARCODE_TAG", visible_alias = "barcode-tag", value_name = "TAG", value_parser = parse_tag)]
    molecule: Option<Tag>,
    /// Tag of the first read's barcode
    #[arg(long = "READ_ONE_BARCODE_TAG", alias = "read-one-barcode-tag", value_name = "TAG", value_parser = parse_tag)]
    first_read: Option<Tag>,
    /// Tag of the second read's barcode
    #[arg(long = "READ_TWO_BARCODE_TAG", alias = "read-two-barcode-tag", value_name = "TAG", value_parser = parse_tag)]
    second_read: Option<Tag>,
}

/// Which duplicates get a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum TaggingPolicy {
    /// None.
    DontTag,
    /// Optical ones.
    OpticalOnly,
    /// All.
    All,
}

/// An order that the user vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AssumedOrder {
    /// By coordinate.
    Coordinate,
    /// All records of a name together.
    Queryname,
}

impl Args {
    fn paths(&self) -> Vec<PathBuf> {
        [self.positional.as_slice(), &self.input].concat()
    }

    fn open(&self) -> Result<Inputs> {
        let assumed = self.assumed_order.map(|order| match order {
            AssumedOrder::Coordinate => Grouping::Coordinate,
            AssumedOrder::Queryname => Grouping::Name,
        });
        Ok(Inputs::open(
            &self.paths(),
            self.reference.as_deref(),
            assumed,
        )?)
    }

    /// Says whether blocks of BAM may be copied: all records are written, as long as they were, to
    /// BAM of any level.
    fn may_copy(&self) -> bool {
        let keeps_all = !self.remove && !self.remove_sequencing;
        let is_free = self.level.is_none() && self.format.is_bam(&self.output);
        let is_file = self.paths().iter().all(|path| path.is_file());
        keeps_all && is_free && is_file && self.tagging == TaggingPolicy::DontTag
    }

    fn end_options(&self) -> EndOptions {
        EndOptions {
            names: self.optical.names.clone().unwrap_or_default(),
            barcodes: BarcodeTags {
                molecule: self.barcodes.molecule,
                first_read: self.barcodes.first_read,
                second_read: self.barcodes.second_read,
            },
        }
    }

    const fn mark_options(&self) -> MarkOptions {
        MarkOptions {
            tells_optical: !matches!(self.optical.names, Some(NameFormat::Nothing)),
            optical_distance_pixels: self.optical.distance,
            max_optical_set: self.optical.max_set,
        }
    }
}

/// Marks, in two passes over the inputs.
///
/// # Errors
/// What is wrong with an input; what the outputs answer.
pub fn run(args: &Args) -> Result<()> {
    if args.paths().is_empty() {
        return Err(ended(Exit::Usage, "no input: name files, or give -I FILE"));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads.max(1));
    pool.build()?.install(|| {
        let found = find::find(args)?;
        write::write(args, found)
    })
}

fn parse_tag(text: &str) -> Result<Tag, String> {
    let tag = <Tag>::try_from(text.as_bytes());
    tag.map_err(|_| format!("a tag has two letters, not {text:?}"))
}
