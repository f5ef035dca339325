//! `spindle align`: the aligner as a tool, with the flags of `bwa mem`.
//!
//! One thread reads, the pool aligns, one thread writes: each has a batch at hand.

mod choices;
mod header;
mod interleaved;
mod sink;
mod source;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use aligner::{Index, Options};
use anyhow::Result;
use clap::{ArgAction, Args as ClapArgs};
use genome::monitor::Monitor;
use genome::reads::Reads;
use genome::record::Records;

use crate::exit::{Exit, ended};
use crate::index::index_path;
use choices::Choices;
use header::ReadGroupLine;
use sink::Sink;
use source::{Batch, Layout, Source};

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
    #[arg(short = 'K', value_name = "INT", default_value_t = 100_000_000)]
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

/// Records of reads that were aligned together.
struct Aligned {
    records: Records,
    /// Where each read stands in its batch, if not in the same order.
    places: Option<Vec<u32>>,
}

/// What a batch became.
type Outcome = Result<(Vec<Aligned>, Vec<Vec<u8>>)>;

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
    let index = open_index(&args.reference)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads);
    let pool = pool.build()?;
    let header = header::text(
        &index,
        &header::added_lines(&args.header),
        read_group.as_ref(),
    );
    let sink = match &args.output {
        Some(path) => Sink::bam(path, (&index, &header), args.sort)?,
        None => Sink::sam(args.sam.as_deref(), (&index, &header), args.contig_comment)?,
    };
    let paths: Vec<&PathBuf> = std::iter::once(&args.reads1).chain(&args.reads2).collect();
    let source = Source::open(&paths, args.interleaved, (args.batch_bases, args.comments))?;
    let run = Run {
        index: &index,
        options: &options,
        layout: source.layout,
        read_group: read_group.as_ref().map(|group| group.id.as_str()),
    };
    std::thread::scope(|scope| {
        let (to_align, batches) = sync_channel(1);
        let (to_write, outcomes) = sync_channel(1);
        scope.spawn(move || read_all(source, &to_align));
        let writer = scope.spawn(move || write_all(sink, &outcomes));
        for batch in batches {
            let outcome = batch.and_then(|batch| pool.install(|| run.align(batch)));
            if to_write.send(outcome).is_err() {
                break;
            }
        }
        drop(to_write);
        writer
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Hands batches on until the reads end, one is refused or nobody takes them.
fn read_all(mut source: Source, to_align: &SyncSender<Result<Batch>>) {
    while let Some(batch) = source.next_batch().transpose() {
        let is_last = batch.is_err();
        if to_align.send(batch).is_err() || is_last {
            return;
        }
    }
}

/// Writes what comes until it ends or one is refused.
fn write_all(mut sink: Sink<'_>, outcomes: &Receiver<Outcome>) -> Result<()> {
    for outcome in outcomes {
        let (parts, comments) = outcome?;
        let comment = |place: usize| comments.get(place).map_or(&[][..], Vec::as_slice);
        let mut order = Vec::new();
        for (part, aligned) in parts.iter().enumerate() {
            order.extend((0..aligned.records.len()).map(|at| (aligned.place(at), part, at)));
        }
        if parts.len() > 1 {
            order.sort_unstable();
        }
        for (place, part, at) in order {
            sink.write(parts[part].records.get(at), comment(place as usize))?;
        }
    }
    sink.finish()
}

impl Aligned {
    /// Returns where the read of a record stands in its batch.
    fn place(&self, record: usize) -> u32 {
        let read = self.records.read(record);
        self.places
            .as_ref()
            .map_or(read, |places| places[read as usize])
    }
}

/// What all batches share.
struct Run<'a> {
    index: &'a Index,
    options: &'a Options,
    layout: Layout,
    read_group: Option<&'a str>,
}

impl Run<'_> {
    fn align(&self, batch: Batch) -> Outcome {
        let Batch {
            reads,
            comments,
            first_ordinal,
        } = batch;
        if self.layout != Layout::Interleaved {
            let records =
                self.align_part(&reads, (self.layout == Layout::TwoFiles, first_ordinal))?;
            let places = None;
            return Ok((vec![Aligned { records, places }], comments));
        }
        let [single, paired] = interleaved::split(&reads);
        let mut parts = Vec::new();
        let mut ordinal = first_ordinal;
        for (part, is_paired) in [(single, false), (paired, true)] {
            let records = self.align_part(&part.reads, (is_paired, ordinal))?;
            ordinal += part.reads.len() as u64;
            let places = Some(part.places);
            parts.push(Aligned { records, places });
        }
        Ok((parts, comments))
    }

    fn align_part(&self, reads: &Reads, (paired, first_ordinal): (bool, u64)) -> Result<Records> {
        let batch = aligner::Batch {
            reads,
            paired,
            first_ordinal,
            read_group: self.read_group,
        };
        Ok(aligner::align(
            self.index,
            self.options,
            &batch,
            &Monitor::default(),
        )?)
    }
}

/// Opens the index beside a reference.
///
/// # Errors
/// If it is missing or not one.
pub fn open_index(reference: &Path) -> Result<Index> {
    let path = index_path(reference);
    if !path.exists() {
        let message = format!(
            "{}: index is missing: run spindle index {}",
            path.display(),
            reference.display()
        );
        return Err(ended(Exit::InvalidInput, message));
    }
    Index::open(&path).map_err(|error| ended(Exit::InvalidInput, format!("{error}")))
}
