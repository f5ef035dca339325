//! What the reads of a block align to, kept small until the insert sizes are known.

use super::{Batch, Finder};
use crate::alignment::Alignment;
use crate::context::Context;
use crate::insert_size::{Orientations, countable};
use std::ops::Range;

/// The alignments of a block of reads.
#[derive(Debug, Default)]
pub(crate) struct Found {
    kept: Vec<Kept>,
    /// One past the last alignment of each read.
    ends: Vec<u32>,
    /// Orientations and distances of the pairs that count for the insert sizes.
    distances: Vec<(u8, u32)>,
}

/// An alignment before its mate counts: all else is still 0.
#[derive(Debug, Clone, Copy)]
struct Kept {
    reference_start: i64,
    reference_bp: u32,
    query: [i32; 2],
    contig: u32,
    score: i32,
    true_score: i32,
    band: i32,
    seed_coverage: i32,
    repeat_fraction: f32,
}

impl Kept {
    const fn new(alignment: &Alignment) -> Self {
        Self {
            reference_start: alignment.reference_start,
            reference_bp: alignment.reference_span() as u32,
            query: [alignment.query_start, alignment.query_end],
            contig: alignment.contig,
            score: alignment.score,
            true_score: alignment.true_score,
            band: alignment.band,
            seed_coverage: alignment.seed_coverage,
            repeat_fraction: alignment.repeat_fraction,
        }
    }

    fn restore(&self, context: &Context<'_>) -> Alignment {
        Alignment {
            reference_start: self.reference_start,
            reference_end: self.reference_start + i64::from(self.reference_bp),
            query_start: self.query[0],
            query_end: self.query[1],
            contig: self.contig,
            score: self.score,
            true_score: self.true_score,
            band: self.band,
            seed_coverage: self.seed_coverage,
            repeat_fraction: self.repeat_fraction,
            is_alternate: context.is_alternate(self.contig),
            ..Alignment::default()
        }
    }
}

impl Found {
    /// Aligns every read of a block for itself; of pairs, the block holds both ends.
    pub fn of_block(
        context: &Context<'_>,
        batch: &Batch<'_>,
        block: Range<usize>,
        finder: &mut Finder,
    ) -> Self {
        let mut found = Self::default();
        let bases = block.clone().map(|read| batch.reads.get(read).bases);
        finder.load(context, bases);
        let mut first: Vec<Alignment> = Vec::new();
        for number in 0..block.len() {
            let alignments = finder.find(context, number);
            found.kept.extend(alignments.iter().map(Kept::new));
            found.ends.push(found.kept.len() as u32);
            if !batch.paired {
                continue;
            }
            if number % 2 == 1 {
                let counted = countable(context, &first, alignments);
                let counted = counted.map(|(which, distance)| (which as u8, distance as u32));
                found.distances.extend(counted);
            }
            first.clear();
            first.extend_from_slice(alignments);
        }
        found.kept.shrink_to_fit();
        found
    }

    /// Returns the alignments of a read of the block.
    pub fn of(&self, context: &Context<'_>, read: usize) -> impl Iterator<Item = Alignment> {
        let start = read.checked_sub(1).map_or(0, |before| self.ends[before]);
        let kept = &self.kept[start as usize..self.ends[read] as usize];
        kept.iter().map(|kept| kept.restore(context))
    }
}

/// Estimates the insert sizes from the blocks of a batch, unless they are given.
pub(crate) fn orientations<'a>(
    context: &Context<'_>,
    blocks: impl Iterator<Item = &'a Found>,
) -> Orientations {
    if let Some(given) = context.options.insert_size {
        return Orientations::given(given);
    }
    let mut distances: [Vec<i64>; 4] = Default::default();
    for &(orientation, distance) in blocks.flat_map(|found| &found.distances) {
        distances[usize::from(orientation)].push(i64::from(distance));
    }
    Orientations::estimate(&mut distances)
}
