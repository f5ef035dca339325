//! `spindle index`: makes the index of a reference.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use aligner::Index;
use aligner::index::{Builder, Limits};
use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use common::failure::Failure;
use genome::monitor::Monitor;
use indicatif::{ProgressBar, ProgressStyle};
use worker::formats::fasta;

use crate::exit::{Exit, ended};
use crate::genome_args::parse_bytes;
use crate::memory::available_bytes;
use crate::output::{OutputFile, with_ending};

/// Makes REF.spindle, which `run`, `align` and the cluster need beside the reference
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Reference FASTA, plain or gzip
    pub reference: PathBuf,
    /// Memory to stay within, with K, M, G or T [default: what is free on this machine]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub memory: Option<u64>,
    /// Threads, where several are of use: if memory is too short for the fastest way
    #[arg(long, short = 't', value_name = "N", default_value_t = 1)]
    pub threads: usize,
}

/// Builds the index; it appears whole or not at all.
///
/// # Errors
/// What is wrong with the reference, or the file system's answer.
pub fn run(args: &Args) -> Result<()> {
    let index = index_path(&args.reference);
    let shown = index.display().to_string();
    let style = "{spinner} {msg} {percent:>3} %";
    let style = ProgressStyle::with_template(style).expect("the template is well-formed");
    let bar = ProgressBar::new(0).with_style(style);
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    bar.set_message(format!("reading {}", args.reference.display()));
    let builder = read(&args.reference)?;
    bar.set_message(format!("making {shown}"));
    let limits = Limits {
        memory_bytes: args.memory.or_else(available_bytes).unwrap_or(u64::MAX),
        threads: args.threads,
        progress: &|done, all| {
            bar.set_length(all);
            bar.set_position(done);
        },
    };
    let mut file = OutputFile::create(&index)?;
    let mut out = BufWriter::with_capacity(1 << 20, &mut file);
    builder
        .finish_within(&limits, &Monitor::default(), &mut out)
        .with_context(|| shown.clone())?;
    out.flush().with_context(|| shown.clone())?;
    drop(out);
    file.publish()?;
    bar.finish_and_clear();
    crate::stdout::say!("{shown}");
    Ok(())
}

fn read(reference: &Path) -> Result<Builder> {
    let mut builder = Builder::new();
    for_each_contig(reference, |contig| {
        builder.add_contig(contig.name, contig.bases);
        builder.add_comment(contig.comment);
    })?;
    mark_alternate(reference, &mut builder)?;
    Ok(builder)
}

/// Reads a FASTA file contig by contig.
///
/// # Errors
/// What is wrong with it.
pub fn for_each_contig(reference: &Path, take: impl FnMut(fasta::Contig<'_>)) -> Result<()> {
    let shown = reference.display().to_string();
    let file = File::open(reference)
        .map_err(|error| Failure::input(shown.clone(), format!("cannot be opened: {error}")))?;
    fasta::for_each_contig(Box::new(file), &shown, take).map_err(Failure::from)?;
    Ok(())
}

/// Marks the contigs that `REF.alt` names, if there is such a file.
fn mark_alternate(reference: &Path, builder: &mut Builder) -> Result<()> {
    let path = with_ending(reference, ".alt");
    if !path.exists() {
        return Ok(());
    }
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Failure::input(shown, format!("cannot be read: {error}")))?;
    builder.mark_alternates(&text);
    Ok(())
}

/// Opens the index beside a reference.
///
/// # Errors
/// [`Exit::InvalidInput`] if it is missing or not one.
pub fn open(reference: &Path) -> Result<Index> {
    let path = index_path(reference);
    if !path.exists() {
        let message = format!(
            "{}: index is missing: run spindle index {}",
            path.display(),
            reference.display()
        );
        return Err(ended(Exit::InvalidInput, message));
    }
    Index::open(&path).map_err(|error| ended(Exit::InvalidInput, error.to_string()))
}

/// Returns the path of the index of a reference: `REF.spindle`.
pub fn index_path(reference: &Path) -> PathBuf {
    with_ending(reference, ".spindle")
}
