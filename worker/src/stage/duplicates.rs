//! The stage that finds the duplicates among the keys of a partition.

use std::io::Write;

use common::failure::Failure;
use reads::duplicates::{EndKey, MarkOptions, PairKey, mark, write_buckets};
use reads::merge::Merged;
use reads::run::{KeyReader, Kind};

use super::{Context, Finished, sections};
use crate::error::storage;

/// Role of the places of duplicates among the outputs.
pub const DUPLICATES: &str = "duplicates";

/// Role of the counts of sets and optical duplicates.
pub const SETS: &str = "sets";

/// Marks the keys that all runs sent to the partition of the task.
///
/// # Errors
/// What storage answers, or a run that is damaged.
pub fn run(context: &Context<'_>) -> Result<Finished, Failure> {
    let partition = context.assignment.attempt.task.index;
    let runs = sections::runs(context)?;
    let wanted = (partition, Kind::PairKeys);
    let pairs = runs.readers(context, wanted, KeyReader::<_, PairKey>::new)?;
    let wanted = (partition, Kind::EndKeys);
    let ends = runs.readers(context, wanted, KeyReader::<_, EndKey>::new)?;
    let pairs = Merged::new(pairs).map_err(sections::failure)?;
    let ends = Merged::new(ends).map_err(sections::failure)?;
    let marked = mark(pairs, ends, &MarkOptions::default(), context.monitor);
    let marked = marked.map_err(sections::failure)?;
    let mut places = context.create(DUPLICATES)?;
    let written = write_buckets(&marked.duplicates, &context.partitions()?, &mut places);
    written.map_err(sections::failure)?;
    let mut bytes = Vec::new();
    marked.metrics.encode(&mut bytes);
    let mut sets = context.create(SETS)?;
    sets.write_all(&bytes).map_err(|fault| storage(&fault))?;
    Ok(Finished::default()
        .with(DUPLICATES, places.commit()?)
        .with(SETS, sets.commit()?))
}
