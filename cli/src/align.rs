//! `spindle align`: the aligner as a tool, with the flags of `bwa mem`.
//!
//! One thread reads, some align and make lines, one writes.

mod choices;
mod header;
mod interleaved;
mod mixed;
mod sink;
mod source;

use std::path::PathBuf;

use aligner::stream::{READS_PER_BLOCK, Stream};
use anyhow::Result;
use clap::{ArgAction, Args as ClapArgs};
use common::failure::Failure;
use genome::record::Records;

use crate::exit::{Exit, ended};
use crate::index;
use choices::Choices;
use header::ReadGroupLine;
use sink::Sink;
use source::{Block, Layout, Source};

/// Bases of a batch if nothing else is said.
const BATCH_BASES: u64 = 100_000_000;

/// Aligns reads and writes SAM, as `bwa mem`
#[derive(Debug, ClapArgs)]
#[command(disable_help_flag = true, args_override_self = true)]
pub struct Args {
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
    /// Reference FASTA with its index REF.spindle beside it
    reference: PathBuf,
    /// Reads (FASTQ or FASTA; plain, gzip or BGZF)
    reads1: PathBuf,
    /// Their mates
    reads2: Option<PathBuf>,
    /// Threads that align
    #[arg(short = 't', value_name = "INT", default_value_t = 1)]
    threads: usize,
    /// Bases of a batch; insert sizes are estimated per batch
    #[arg(short = 'K', value_name = "INT", default_value_t = BATCH_BASES)]
    batch_bases: u64,
    /// Header line of the read group, '@RG\tID:...'
    #[arg(short = 'R', value_name = "STR")]
    read_group: Option<String>,
    /// Lines to add to the header: text that starts with @, or a file
    #[arg(short = 'H', value_name = "STR|FILE", action = ArgAction::Append)]
    header: Vec<String>,
    /// SAM file instead of standard output
    #[arg(short = 'o', short_alias = 'f', value_name = "FILE")]
    sam: Option<PathBuf>,
    /// BAM file instead of SAM
    #[arg(long, value_name = "BAM", conflicts_with_all = ["sam", "comments", "contig_comment"])]
    output: Option<PathBuf>,
    /// Sorts the BAM file by coordinate
    #[arg(long, requires = "output")]
    sort: bool,
    /// Mates are neighbours in the one file; reads without a neighbour of their name are alone
    #[arg(short = 'p')]
    interleaved: bool,
    /// Append what stands behind the name of a read to its lines
    #[arg(short = 'C')]
    comments: bool,
    /// Append what stands behind the name of a contig as XR
    #[arg(short = 'V')]
    contig_comment: bool,
    /// One thread for reading and writing; taken for the sake of scripts, it changes nothing
    #[arg(short = '1')]
    one_io_thread: bool,
    /// How much to say; only errors are told, whatever the number
    #[arg(short = 'v', value_name = "INT")]
    verbosity: Option<i32>,
    #[command(flatten)]
    choices: Choices,
}

/// Aligns batch after batch.
///
/// # Errors
/// What is wrong with the options, the index or the reads; what the output answers.
pub fn run(args: &Args) -> Result<()> {
    let options = args.choices.options();
    options
        .validate()
        .map_err(|error| ended(Exit::Usage, error.to_string()))?;
    let read_group = args.read_group.as_deref().map(ReadGroupLine::parse);
    let read_group = read_group.transpose()?;
    let index = index::open(&args.reference)?;
    let header = header::text(
        (&index, options.ignore_alternate),
        &header::added_lines(&args.header),
        read_group.as_ref(),
    );
    let sink = match &args.output {
        Some(path) => Sink::bam(path, (&index, &header), args.sort)?,
        None => Sink::sam(args.sam.as_deref(), (&index, &header), args.contig_comment)?,
    };
    let paths: Vec<&PathBuf> = std::iter::once(&args.reads1).chain(&args.reads2).collect();
    // As with bwa, no bases at all is no wish.
    let batch_bases = match args.batch_bases {
        0 => BATCH_BASES,
        bases => bases,
    };
    let source = Source::open(&paths, args.interleaved, (batch_bases, args.comments))?;
    let stream = Stream {
        index: &index,
        options: &options,
        threads: args.threads,
        paired: source.layout == Layout::TwoFiles,
        read_group: read_group.as_ref().map(|group| group.id.as_str()),
        waiting_bases: batch_bases,
    };
    let aligned = match source.layout {
        Layout::Interleaved => mixed::run(&stream, source, sink),
        _ => align(&stream, source, sink),
    };
    let files: Vec<_> = paths.iter().map(|path| path.to_string_lossy()).collect();
    aligned.map_err(|error| blame(error, &files.join(", ")))
}

/// What the aligner refuses is the fault of the files with the reads.
fn blame(error: anyhow::Error, files: &str) -> anyhow::Error {
    match error.downcast::<aligner::Error>() {
        Ok(refused) => Failure::input(files, refused.to_string()).into(),
        Err(other) => other,
    }
}

/// Aligns block after block.
fn align(stream: &Stream<'_>, mut source: Source, mut sink: Sink<'_>) -> Result<()> {
    let lines = sink.lines();
    let render = |block: &Block, records: Records| lines.render(records, &block.extra);
    stream.run(
        || source.next_block(READS_PER_BLOCK),
        render,
        |rendered| sink.write_all(rendered),
    )?;
    sink.finish()
}
