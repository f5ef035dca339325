//! The stage that finds the duplicates among the keys of one partition.

use std::io::{BufWriter, Write};

use common::failure::{Failure, FailureClass};
use reads::duplicates::{self, EndKey, MarkOptions, PairKey};
use reads::merge::Merged;
use reads::run::{Error, KeyReader, Kind};

use super::runs::{self, Run};
use super::{Context, Finished, ObjectReader};
use crate::error::{self, storage};

/// Role of the places of duplicates, by the partition that holds them.
pub const BUCKETS: &str = "buckets";
/// Role of the counts: sets and optical duplicates.
pub const COUNTS: &str = "counts";

type Keys<K> = KeyReader<std::io::BufReader<ObjectReader>, K>;

/// Marks the partition of the task.
///
/// # Errors
/// [`FailureClass::IntermediateLost`] if a run is gone or damaged; what storage answers.
pub fn run(context: &Context<'_>) -> Result<Finished, Failure> {
    let partition = context.assignment.attempt.task.index;
    let partitions = context.partitions()?;
    let runs = runs::open(context)?;
    let damaged = |fault: Error| failure(&runs, fault);
    let pairs = Merged::new(pair_keys(context, &runs, partition)?).map_err(damaged)?;
    let ends = Merged::new(end_keys(context, &runs, partition)?).map_err(damaged)?;
    let marked = duplicates::mark(pairs, ends, &MarkOptions::default(), context.monitor);
    let marked = marked.map_err(damaged)?;
    context.monitor.add(marked.duplicates.len() as u64, 0);
    let mut out = BufWriter::new(context.create(BUCKETS)?);
    let written = duplicates::write_buckets(&marked.duplicates, &partitions, &mut out);
    written.map_err(|fault| error::sections(BUCKETS, fault))?;
    let buckets = out
        .into_inner()
        .map_err(|fault| storage(fault.error()))?
        .commit()?;
    let mut counts = Vec::new();
    marked.metrics.encode(&mut counts);
    let mut out = context.create(COUNTS)?;
    out.write_all(&counts).map_err(|fault| storage(&fault))?;
    Ok(Finished::default()
        .with(BUCKETS, buckets)
        .with(COUNTS, out.commit()?))
}

fn pair_keys(
    context: &Context<'_>,
    runs: &[Run],
    partition: u32,
) -> Result<Vec<Keys<PairKey>>, Failure> {
    let mut streams = Vec::new();
    for run in runs {
        let section = run.sections.section(context, partition, Kind::PairKeys)?;
        streams.extend(section.map(|section| KeyReader::new(section, run.source)));
    }
    Ok(streams)
}

fn end_keys(
    context: &Context<'_>,
    runs: &[Run],
    partition: u32,
) -> Result<Vec<Keys<EndKey>>, Failure> {
    let mut streams = Vec::new();
    for run in runs {
        let section = run.sections.section(context, partition, Kind::EndKeys)?;
        streams.extend(section.map(|section| KeyReader::new(section, run.source)));
    }
    Ok(streams)
}

/// Says what a fault among merged keys means: any of the runs may be the damaged one.
fn failure(runs: &[Run], fault: Error) -> Failure {
    match runs.first() {
        Some(run) => run.sections.failure(fault),
        None => Failure::new(FailureClass::Internal, fault.to_string()),
    }
}
