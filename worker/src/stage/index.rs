//! The stage that makes the index of a reference where it is missing.

use std::io::{Read, Write};

use aligner::index;
use common::failure::{Failure, FailureClass};

use super::{Context, Finished};
use crate::formats::fasta;

/// Role of the index among the outputs.
pub const INDEX: &str = "index";

/// Ending of the file beside the reference that names its alternate contigs.
const ALTERNATES: &str = ".alt";

/// Indexes the reference of the genome.
///
/// # Errors
/// What is wrong with the reference, or what storage answers.
pub fn run(context: &Context<'_>) -> Result<Finished, Failure> {
    let reference = &context.genome()?.reference;
    let mut builder = index::Builder::new();
    let stream = context.open_input(reference, 0)?;
    fasta::for_each_contig(stream, &reference.to_string(), |contig| {
        context.monitor.add(0, contig.bases.len() as u64);
        builder.add_contig(contig.name, contig.bases);
        builder.add_comment(contig.comment);
    })?;
    if let Some(mut alternates) = context.open_if_there(&reference.with_ending(ALTERNATES))? {
        let mut text = String::new();
        let read = alternates.read_to_string(&mut text);
        read.map_err(|error| {
            Failure::input(reference.to_string() + ALTERNATES, error.to_string())
        })?;
        builder.mark_alternates(&text);
    }
    let mut out = context.create(INDEX)?;
    let limits = index::Limits {
        memory_bytes: match context.memory_bytes {
            0 => u64::MAX,
            bytes => bytes,
        },
        threads: context.threads,
        ..index::Limits::default()
    };
    let finished = builder.finish_within(&limits, context.monitor, &mut out);
    finished.map_err(failure)?;
    out.flush().map_err(|error| crate::error::storage(&error))?;
    Ok(Finished::default().with(INDEX, out.commit()?))
}

/// Says what an indexing error means for the task.
pub fn failure(error: index::Error) -> Failure {
    let class = match &error {
        index::Error::Cancelled => FailureClass::Cancelled,
        index::Error::Memory { .. } => FailureClass::OutOfResources,
        index::Error::Write { source } => return crate::error::storage(source),
        _ => FailureClass::InputInvalid,
    };
    Failure::new(class, error.to_string())
}
