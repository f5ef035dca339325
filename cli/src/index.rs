//! `spindle index`: makes the index of a reference.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aligner::index::Builder;
use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use common::failure::Failure;
use genome::monitor::Monitor;
use indicatif::ProgressBar;
use worker::formats::fasta;

/// Makes REF.spindle, which `run`, `align` and the cluster need beside the reference
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Reference FASTA, plain or gzip
    reference: PathBuf,
}

/// Builds the index; it appears whole or not at all.
///
/// # Errors
/// What is wrong with the reference, or the file system's answer.
pub fn run(args: &Args) -> Result<()> {
    let index = index_path(&args.reference);
    let shown = index.display().to_string();
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    bar.set_message(format!("reading {}", args.reference.display()));
    let builder = read(&args.reference)?;
    bar.set_message(format!("sorting suffixes for {shown}"));
    let folder = index
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let part = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")));
    let mut part = part.with_context(|| shown.clone())?;
    let mut out = BufWriter::with_capacity(1 << 20, part.as_file_mut());
    builder
        .finish(&Arc::new(Monitor::default()), &mut out)
        .with_context(|| shown.clone())?;
    out.flush().with_context(|| shown.clone())?;
    drop(out);
    publish(part, &index)?;
    bar.finish_and_clear();
    crate::stdout::say!("{shown}");
    Ok(())
}

fn read(reference: &Path) -> Result<Builder> {
    let shown = reference.display().to_string();
    let file = File::open(reference)
        .map_err(|error| Failure::input(shown.clone(), format!("cannot be opened: {error}")))?;
    let mut builder = Builder::new();
    fasta::for_each_contig(Box::new(file), &shown, |name, bases| {
        builder.add_contig(name, bases)
    })
    .map_err(Failure::from)?;
    Ok(builder)
}

fn publish(part: tempfile::NamedTempFile, index: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    const READABLE_BY_ALL: u32 = 0o644;
    let shown = || index.display().to_string();
    let permissions = std::fs::Permissions::from_mode(READABLE_BY_ALL);
    part.as_file()
        .set_permissions(permissions)
        .with_context(shown)?;
    part.as_file().sync_all().with_context(shown)?;
    part.persist(index).with_context(shown)?;
    Ok(())
}

/// Returns the path of the index of a reference: `REF.spindle`.
pub fn index_path(reference: &Path) -> PathBuf {
    let mut path = reference.as_os_str().to_owned();
    path.push(".spindle");
    path.into()
}
