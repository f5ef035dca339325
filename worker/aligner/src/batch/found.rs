//! What the reads of a block align to, kept small until the insert sizes are known.

use super::{Batch, Finder};
use crate::alignment::Alignment;
use crate::context::Context;
use crate::insert_size::{Orientations, countable};
use crate::varint::Cursor;
use genome::varint::{put, put_signed};
use std::ops::Range;

/// The alignments of a block of reads.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The alignments of all reads, packed.
    packed: Box<[u8]>,
    /// Where those of each read end.
    ends: Vec<u32>,
    /// Orientations and distances of the pairs that count for the insert sizes.
    distances: Vec<(u8, u32)>,
}

/// Appends an alignment before its mate counts: all that is left out is still 0.
fn pack(alignment: &Alignment, out: &mut Vec<u8>) {
    put(out, alignment.reference_start.cast_unsigned());
    put(out, alignment.reference_span().cast_unsigned());
    put(out, u64::from(alignment.contig));
    put(out, u64::from(alignment.repeat_fraction.to_bits()));
    let numbers = [
        alignment.query_start,
        alignment.query_span(),
        alignment.score,
        alignment.true_score.wrapping_sub(alignment.score),
        alignment.band,
        alignment.seed_coverage,
    ];
    numbers
        .into_iter()
        .for_each(|number| put_signed(out, number.into()));
}

/// Returns the alignment that was appended.
fn unpack(context: &Context<'_>, packed: &mut Cursor<'_>) -> Alignment {
    let reference_start = packed.number().cast_signed();
    let reference_bp = packed.number().cast_signed();
    let contig = packed.number() as u32;
    let repeat_fraction = f32::from_bits(packed.number() as u32);
    let query_start = packed.signed();
    let query_bp = packed.signed();
    let score = packed.signed();
    Alignment {
        reference_start,
        reference_end: reference_start + reference_bp,
        query_start,
        query_end: query_start + query_bp,
        contig,
        score,
        true_score: score.wrapping_add(packed.signed()),
        band: packed.signed(),
        seed_coverage: packed.signed(),
        repeat_fraction,
        is_alternate: context.is_alternate(contig),
        ..Alignment::default()
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
        let mut found = Self {
            ends: Vec::with_capacity(block.len()),
            distances: Vec::with_capacity(if batch.paired { block.len() / 2 } else { 0 }),
            ..Self::default()
        };
        let mut packed = Vec::new();
        let bases = block.clone().map(|read| batch.reads.get(read).bases);
        finder.load(context, bases);
        let mut first: Vec<Alignment> = Vec::new();
        for number in 0..block.len() {
            let alignments = finder.find(context, number);
            alignments
                .iter()
                .for_each(|alignment| pack(alignment, &mut packed));
            found.ends.push(packed.len() as u32);
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
        found.packed = packed.as_slice().into();
        found
    }

    /// Returns the alignments of a read of the block.
    pub fn of(&self, context: &Context<'_>, read: usize) -> impl Iterator<Item = Alignment> {
        let start = read.checked_sub(1).map_or(0, |before| self.ends[before]);
        let mut packed = Cursor(&self.packed[start as usize..self.ends[read] as usize]);
        std::iter::from_fn(move || (!packed.0.is_empty()).then(|| unpack(context, &mut packed)))
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
