//! A batch from reads to records, in parallel and independent of the number of threads.

mod check;
mod finder;
mod pair_reporter;

use crate::alignment::Alignment;
use crate::context::Context;
use crate::insert_size::{Orientations, countable};
use crate::{Error, Index, Options};
use check::check;
use finder::Finder;
use genome::monitor::Monitor;
use genome::reads::Reads;
use genome::record::Records;
use pair_reporter::PairReporter;
use rayon::prelude::*;

/// Reads that one thread takes at a time, even.
const READS_PER_BLOCK: usize = 512;

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
    options.validate()?;
    check(batch)?;
    index.announce(batch.reads.len());
    let context = Context::new(index, options);
    let found = find_all(&context, batch, monitor)?;
    let orientations = if batch.paired {
        orientations(&context, batch, &found)
    } else {
        Orientations::default()
    };
    report_all(&context, batch, (&found, &orientations), monitor)
}

/// The alignments of a block of reads.
#[derive(Debug, Default)]
struct Found {
    alignments: Vec<Alignment>,
    /// One past the last alignment of each read.
    ends: Vec<usize>,
}

impl Found {
    fn of(&self, read: usize) -> &[Alignment] {
        let start = read.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.alignments[start..self.ends[read]]
    }
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
            let mut found = Found::default();
            let bases = block.clone().map(|read| batch.reads.get(read).bases);
            finder.load(context, bases);
            for number in 0..block.len() {
                let alignments = finder.find(context, number);
                found.alignments.extend_from_slice(alignments);
                found.ends.push(found.alignments.len());
            }
            Ok(found)
        })
        .collect()
}

fn orientations(context: &Context<'_>, batch: &Batch<'_>, found: &[Found]) -> Orientations {
    if let Some(given) = context.options.insert_size {
        return Orientations::given(given);
    }
    let mut distances: [Vec<i64>; 4] = Default::default();
    for (found, block) in found.iter().zip(blocks(batch)) {
        for first in (0..block.len()).step_by(2) {
            let counted = countable(context, found.of(first), found.of(first + 1));
            if let Some((orientation, distance)) = counted {
                distances[orientation].push(distance);
            }
        }
    }
    Orientations::estimate(&mut distances)
}

fn report_all(
    context: &Context<'_>,
    batch: &Batch<'_>,
    (found, orientations): (&[Found], &Orientations),
    monitor: &Monitor,
) -> Result<Records, Error> {
    let parts: Vec<Records> = blocks(batch)
        .into_par_iter()
        .zip(found)
        .map_init(PairReporter::default, |reporter, (block, found)| {
            if monitor.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let mut records = Records::default();
            let step = if batch.paired { 2 } else { 1 };
            for at in (0..block.len()).step_by(step) {
                let read = block.start + at;
                if batch.paired {
                    let ends = [found.of(at), found.of(at + 1)];
                    reporter.pair(context, batch, orientations, (read, ends), &mut records);
                } else {
                    reporter.single(context, batch, (read, found.of(at)), &mut records);
                }
            }
            let bases = block
                .clone()
                .map(|read| batch.reads.get(read).bases.len() as u64);
            monitor.add(block.len() as u64, bases.sum());
            Ok(records)
        })
        .collect::<Result<_, _>>()?;
    let mut records = Records::default();
    for part in parts {
        records.append(&part, 0);
    }
    Ok(records)
}

fn blocks(batch: &Batch<'_>) -> Vec<std::ops::Range<usize>> {
    let count = batch.reads.len();
    let block = |start: usize| start..(start + READS_PER_BLOCK).min(count);
    (0..count).step_by(READS_PER_BLOCK).map(block).collect()
}
