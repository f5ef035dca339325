//! A batch from reads to records, in parallel and independent of the number of threads.

mod check;
mod finder;
mod found;
mod pair_reporter;

pub(crate) use check::check;
pub(crate) use finder::Finder;
pub(crate) use found::{Found, orientations};
pub(crate) use pair_reporter::PairReporter;

use crate::context::Context;
use crate::insert_size::Orientations;
use crate::{Error, Events, Index, Options};
use genome::monitor::Monitor;
use genome::reads::Reads;
use genome::record::Records;
use rayon::prelude::*;
use std::ops::Range;

/// Reads that one thread takes at a time, even.
pub const READS_PER_BLOCK: usize = 512;

/// Reads that are aligned together: their insert sizes are estimated from them alone.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// The reads; of pairs, the two ends are neighbours.
    pub reads: &'a Reads,
    /// Whether the reads are pairs.
    pub paired: bool,
    /// Ordinal in its lane of the first read; decides between equals.
    pub first_ordinal: u64,
    /// Value of the RG tag.
    pub read_group: Option<&'a str>,
}

/// Aligns a batch as `bwa mem` does, in the current rayon pool.
///
/// Records come read by read, the main one of each read first, then split and secondary ones.
///
/// # Errors
/// If an option or a read is out of bounds, mates have different names, or the monitor says stop.
pub fn align(
    index: &Index,
    options: &Options,
    batch: &Batch<'_>,
    monitor: &Monitor,
) -> Result<Records, Error> {
    let blocks = run(index, options, batch, (monitor, None))?;
    Ok(joined(&blocks))
}

/// Does the same and leaves the records in the arenas in which they were made, one a block of
/// reads.
///
/// # Errors
/// As [`align`].
pub fn align_blocks(
    index: &Index,
    options: &Options,
    batch: &Batch<'_>,
    monitor: &Monitor,
) -> Result<Vec<Records>, Error> {
    run(index, options, batch, (monitor, None))
}

/// Does the same and counts rare steps.
///
/// # Errors
/// As [`align`].
pub fn align_counting(
    index: &Index,
    options: &Options,
    batch: &Batch<'_>,
    monitor: &Monitor,
    events: &Events,
) -> Result<Records, Error> {
    let blocks = run(index, options, batch, (monitor, Some(events)))?;
    Ok(joined(&blocks))
}

fn joined(blocks: &[Records]) -> Records {
    let mut records = Records::default();
    for block in blocks {
        records.append(block, 0);
    }
    records
}

fn run(
    index: &Index,
    options: &Options,
    batch: &Batch<'_>,
    (monitor, events): (&Monitor, Option<&Events>),
) -> Result<Vec<Records>, Error> {
    options.validate()?;
    check(options, batch)?;
    index.announce(batch.reads.len());
    index.settle(rayon::current_num_threads());
    let mut context = Context::new(index, options);
    context.events = events;
    let found = find_all(&context, batch, monitor)?;
    let orientations = orientations(&context, found.iter());
    report_all(&context, batch, (&found, &orientations), monitor)
}

/// Aligns every read for itself.
fn find_all(
    context: &Context<'_>,
    batch: &Batch<'_>,
    monitor: &Monitor,
) -> Result<Vec<Found>, Error> {
    blocks(batch)
        .into_par_iter()
        .map_init(Finder::default, |finder, block| {
            if monitor.is_cancelled() {
                return Err(Error::Cancelled);
            }
            Ok(Found::of_block(context, batch, block, finder))
        })
        .collect()
}

fn report_all(
    context: &Context<'_>,
    batch: &Batch<'_>,
    (found, orientations): (&[Found], &Orientations),
    monitor: &Monitor,
) -> Result<Vec<Records>, Error> {
    let start = || (PairReporter::default(), Records::default());
    blocks(batch)
        .into_par_iter()
        .zip(found)
        .map_init(start, |(reporter, records), (block, found)| {
            if monitor.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let bases = block
                .clone()
                .map(|read| batch.reads.get(read).bases.len() as u64);
            monitor.add(block.len() as u64, bases.sum());
            records.clear();
            report_block(
                context,
                batch,
                block,
                (found, orientations, reporter),
                records,
            );
            // A copy takes no more room than it needs.
            Ok(records.clone())
        })
        .collect()
}

/// Appends the records of a block whose reads are aligned.
pub(crate) fn report_block(
    context: &Context<'_>,
    batch: &Batch<'_>,
    block: Range<usize>,
    (found, orientations, reporter): (&Found, &Orientations, &mut PairReporter),
    records: &mut Records,
) {
    let step = if batch.paired { 2 } else { 1 };
    for at in (0..block.len()).step_by(step) {
        let read = block.start + at;
        if batch.paired {
            reporter.pair(context, batch, orientations, (read, at, found), records);
        } else {
            reporter.single(context, batch, (read, at, found), records);
        }
    }
}

fn blocks(batch: &Batch<'_>) -> Vec<Range<usize>> {
    let count = batch.reads.len();
    let block = |start: usize| start..(start + READS_PER_BLOCK).min(count);
    (0..count).step_by(READS_PER_BLOCK).map(block).collect()
}
