//! `spindle align`: the aligner as a tool, with the flags of `bwa mem`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use aligner::{Batch, Index, Options};
use anyhow::{Context, Result};
use clap::{ArgAction, Args as ClapArgs};
use common::failure::Failure;
use genome::monitor::Monitor;
use genome::read_group::ReadGroup;
use genome::reads::Reads;
use genome::record::sam::write_sam;
use worker::formats::fastq::{FastqReader, Record};

use crate::exit::{Exit, ended};
use crate::index::index_path;

/// Aligns reads and writes SAM, as `bwa mem`
#[derive(Debug, ClapArgs)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
    /// Reference FASTA with its index REF.spindle beside it
    reference: PathBuf,
    /// Reads (FASTQ; plain, gzip or BGZF)
    reads1: PathBuf,
    /// Their mates
    reads2: Option<PathBuf>,
    /// Threads
    #[arg(short = 't', value_name = "INT", default_value_t = 1)]
    threads: usize,
    /// Bases of a batch; insert sizes are estimated per batch
    #[arg(short = 'K', value_name = "INT", default_value_t = 100_000_000)]
    batch_bases: u64,
    /// Header line of the read group, '@RG\tID:...'
    #[arg(short = 'R', value_name = "STR")]
    read_group: Option<String>,
    /// Output file instead of standard output
    #[arg(short = 'o', value_name = "FILE")]
    output: Option<PathBuf>,
    /// Mates are neighbours in the one file
    #[arg(short = 'p')]
    interleaved: bool,
    #[command(flatten)]
    scoring: Scoring,
    #[command(flatten)]
    search: Search,
    #[command(flatten)]
    reporting: Reporting,
}

/// Scores and penalties.
#[derive(Debug, ClapArgs)]
struct Scoring {
    /// Score of a match; scales the others that are not given
    #[arg(short = 'A', value_name = "INT")]
    match_score: Option<i32>,
    /// Penalty of a mismatch; 4 if not given
    #[arg(short = 'B', value_name = "INT")]
    mismatch: Option<i32>,
    /// Penalty of opening a deletion and an insertion; 6,6 if not given
    #[arg(short = 'O', value_name = "INT[,INT]", value_parser = parse_pair)]
    gap_open: Option<(i32, i32)>,
    /// Penalty of each base of a deletion and an insertion; 1,1 if not given
    #[arg(short = 'E', value_name = "INT[,INT]", value_parser = parse_pair)]
    gap_extend: Option<(i32, i32)>,
    /// Penalty of clipping at the 5' and the 3' end; 5,5 if not given
    #[arg(short = 'L', value_name = "INT[,INT]", value_parser = parse_pair)]
    clip: Option<(i32, i32)>,
    /// Penalty of an unpaired pair; 17 if not given
    #[arg(short = 'U', value_name = "INT")]
    unpaired: Option<i32>,
    /// Least score of a reported alignment; 30 if not given
    #[arg(short = 'T', value_name = "INT")]
    min_score: Option<i32>,
    /// Drop below the best score at which an extension ends; 100 if not given
    #[arg(short = 'd', value_name = "INT")]
    z_drop: Option<i32>,
}

/// Where to look.
#[derive(Debug, ClapArgs)]
struct Search {
    /// Least length of a seed; 19 if not given
    #[arg(short = 'k', value_name = "INT")]
    min_seed_length: Option<i32>,
    /// Band width; 100 if not given
    #[arg(short = 'w', value_name = "INT")]
    band_width: Option<i32>,
    /// Seeds this many times longer than -k are searched for inner ones; 1.5 if not given
    #[arg(short = 'r', value_name = "FLOAT")]
    reseed_factor: Option<f32>,
    /// Occurrences below which seeds of the third round are taken; 20 if not given
    #[arg(short = 'y', value_name = "INT")]
    third_round: Option<u64>,
    /// Most occurrences of a seed that are used; 500 if not given
    #[arg(short = 'c', value_name = "INT")]
    max_occurrences: Option<u64>,
    /// Chains with less than this fraction of an overlapping better one are dropped; 0.50 if not given
    #[arg(short = 'D', value_name = "FLOAT")]
    drop_ratio: Option<f32>,
    /// Least weight of a chain; 0 if not given
    #[arg(short = 'W', value_name = "INT")]
    min_chain_weight: Option<i32>,
    /// Most rescues tried for a mate; 50 if not given
    #[arg(short = 'm', value_name = "INT")]
    max_mate_rescues: Option<usize>,
    /// No mate rescue
    #[arg(short = 'S')]
    skip_mate_rescue: bool,
    /// No pairing; mate rescue stays on
    #[arg(short = 'P')]
    skip_pairing: bool,
    /// Treat alternate contigs as others
    #[arg(short = 'j')]
    ignore_alternate: bool,
}

/// What to report.
#[derive(Debug, ClapArgs)]
struct Reporting {
    /// More hits than this give no XA tag; the second number counts where one is alternate; 5,200 if not given
    #[arg(short = 'h', value_name = "INT[,INT]", value_parser = parse_pair)]
    max_alternatives: Option<(i32, i32)>,
    /// Report all hits
    #[arg(short = 'a')]
    all: bool,
    /// Flag shorter split hits as secondary
    #[arg(short = 'M')]
    split_as_secondary: bool,
    /// Soft clips in supplementary records
    #[arg(short = 'Y')]
    soft_clip: bool,
    /// The split hit nearest the 5' end is the primary one; implies -q
    #[arg(short = '5')]
    five_prime: bool,
    /// Supplementary records keep their own mapping quality
    #[arg(short = 'q')]
    keep_quality: bool,
}

/// Parses one or two numbers; one stands for both.
fn parse_pair(text: &str) -> Result<(i32, i32), String> {
    let number = |text: &str| {
        text.parse()
            .map_err(|_| format!("not INT or INT,INT: {text}"))
    };
    match text.split_once(',') {
        Some((first, second)) => Ok((number(first)?, number(second)?)),
        None => number(text).map(|both| (both, both)),
    }
}

impl Args {
    fn options(&self) -> Options {
        let mut options = self.scoring.options();
        let Search {
            min_seed_length,
            band_width,
            reseed_factor,
            third_round,
            ..
        } = &self.search;
        let Search {
            max_occurrences,
            drop_ratio,
            min_chain_weight,
            ..
        } = &self.search;
        set(&mut options.min_seed_length, min_seed_length);
        set(&mut options.band_width, band_width);
        set(&mut options.reseed_factor, reseed_factor);
        set(&mut options.third_round_occurrences, third_round);
        set(&mut options.max_occurrences, max_occurrences);
        set(&mut options.drop_ratio, drop_ratio);
        set(&mut options.min_chain_weight, min_chain_weight);
        set(&mut options.max_mate_rescues, &self.search.max_mate_rescues);
        options.skip_mate_rescue = self.search.skip_mate_rescue;
        options.skip_pairing = self.search.skip_pairing;
        options.ignore_alternate = self.search.ignore_alternate;
        if let Some((plain, alternate)) = self.reporting.max_alternatives {
            options.max_alternatives = plain.max(0) as usize;
            options.max_alternatives_with_alternate = alternate.max(0) as usize;
        }
        options.report_all = self.reporting.all;
        options.split_as_secondary = self.reporting.split_as_secondary;
        options.soft_clip_supplementary = self.reporting.soft_clip;
        options.five_prime_primary = self.reporting.five_prime;
        options.keep_supplementary_quality =
            self.reporting.keep_quality || self.reporting.five_prime;
        options
    }
}

impl Scoring {
    /// Applies the flags; `-A` multiplies what is not given.
    fn options(&self) -> Options {
        let mut options = Options::default();
        let scale = self.match_score.unwrap_or(1);
        options.match_score = scale;
        let scaled = |value: i32| value.saturating_mul(scale);
        options.mismatch_penalty = self.mismatch.unwrap_or(scaled(options.mismatch_penalty));
        options.unpaired_penalty = self.unpaired.unwrap_or(scaled(options.unpaired_penalty));
        options.min_score = self.min_score.unwrap_or(scaled(options.min_score));
        options.z_drop = self.z_drop.unwrap_or(scaled(options.z_drop));
        let pair = |given: Option<(i32, i32)>, first: &mut i32, second: &mut i32| {
            (*first, *second) = given.unwrap_or((scaled(*first), scaled(*second)));
        };
        pair(
            self.gap_open,
            &mut options.gap_open_deletion,
            &mut options.gap_open_insertion,
        );
        pair(
            self.gap_extend,
            &mut options.gap_extend_deletion,
            &mut options.gap_extend_insertion,
        );
        pair(
            self.clip,
            &mut options.clip_penalty_5,
            &mut options.clip_penalty_3,
        );
        options
    }
}

fn set<T: Copy>(option: &mut T, given: &Option<T>) {
    if let Some(value) = given {
        *option = *value;
    }
}

/// Aligns batch after batch.
///
/// # Errors
/// What is wrong with the options, the index or the reads; what the output answers.
pub fn run(args: &Args) -> Result<()> {
    let options = args.options();
    options
        .validate()
        .map_err(|error| ended(Exit::Usage, error.to_string()))?;
    let read_group = args.read_group.as_deref().map(ReadGroup::parse).transpose();
    let read_group = read_group.map_err(|error| ended(Exit::Usage, error.to_string()))?;
    let index = open_index(&args.reference)?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads)
        .build()?;
    let mut out: Box<dyn Write> = match &args.output {
        Some(path) => Box::new(File::create(path).with_context(|| path.display().to_string())?),
        None => Box::new(std::io::stdout().lock()),
    };
    let mut out = BufWriter::with_capacity(1 << 20, &mut out);
    out.write_all(header(&index, read_group.as_ref()).as_bytes())?;
    let mut source = Source::open(args)?;
    let (mut reads, mut first_ordinal, mut text) = (Reads::default(), 0, Vec::new());
    while source.fill(&mut reads, args.batch_bases)? {
        let batch = Batch {
            reads: &reads,
            paired: source.is_paired(),
            first_ordinal,
            read_group: read_group.as_ref().map(ReadGroup::id),
        };
        let records =
            pool.install(|| aligner::align(&index, &options, &batch, &Monitor::default()))?;
        first_ordinal += reads.len() as u64;
        for record in records.iter() {
            text.clear();
            write_sam(record, index.dictionary(), &mut text);
            out.write_all(&text)?;
        }
    }
    out.flush()?;
    Ok(())
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

fn header(index: &Index, read_group: Option<&ReadGroup>) -> String {
    let contig = |contig: &genome::dictionary::Contig| {
        format!("@SQ\tSN:{}\tLN:{}\n", contig.name, contig.length)
    };
    let mut header: String = index.dictionary().contigs().iter().map(contig).collect();
    if let Some(group) = read_group {
        header.push_str(&group.line());
        header.push('\n');
    }
    let version = env!("CARGO_PKG_VERSION");
    header.push_str(&format!("@PG\tID:spindle\tPN:spindle\tVN:{version}\n"));
    header
}

/// The reads of one or two files.
struct Source {
    files: Vec<FastqReader>,
    interleaved: bool,
    record: Record,
}

impl Source {
    fn open(args: &Args) -> Result<Self> {
        let open = |path: &PathBuf| -> Result<FastqReader> {
            let shown = path.display().to_string();
            let file = File::open(path)
                .map_err(|error| Failure::input(shown.clone(), error.to_string()))?;
            Ok(FastqReader::open(Box::new(file), &shown).map_err(Failure::from)?)
        };
        let files: Result<Vec<_>> = std::iter::once(&args.reads1)
            .chain(&args.reads2)
            .map(open)
            .collect();
        Ok(Self {
            files: files?,
            interleaved: args.interleaved,
            record: Record::default(),
        })
    }

    fn is_paired(&self) -> bool {
        self.interleaved || self.files.len() == 2
    }

    /// Reads a batch as `bwa mem -K` cuts it; false at the end of the files.
    fn fill(&mut self, reads: &mut Reads, batch_bases: u64) -> Result<bool> {
        reads.clear();
        while reads.total_bases() < batch_bases || !reads.len().is_multiple_of(2) {
            let file = reads.len() % self.files.len();
            if !self.files[file]
                .read(&mut self.record)
                .map_err(Failure::from)?
            {
                break;
            }
            reads.push(self.record.read());
        }
        if self.is_paired() && !reads.len().is_multiple_of(2) {
            let reader = &self.files[0];
            let failure = Failure::input(reader.file(), "read has no mate");
            return Err(failure.at_record(reader.record_number()).into());
        }
        if self.files.len() == 2
            && reads.is_empty()
            && self.files[1]
                .read(&mut self.record)
                .map_err(Failure::from)?
        {
            let reader = &self.files[1];
            let failure = Failure::input(reader.file(), "read has no mate");
            return Err(failure.at_record(reader.record_number()).into());
        }
        Ok(!reads.is_empty())
    }
}
