//! Reads, laid out along the haplotype that fits them best.
//!
//! A read is aligned to its haplotype, and that alignment mapped through the haplotype's own to the
//! reference. Only position and CIGAR change.
//!
//! Source: GATK 4.6 `AlignmentUtils.createReadAlignedToRef`.

use crate::cigar_builder::CigarBuilder;
use crate::haplotype::Haplotype;
use crate::left_align::left_align_indels;
use crate::likelihoods::{Best, ReadLikelihoods};
use crate::region_read::RegionRead;
use crate::smith_waterman::{Aligner, Overhang, READ_TO_HAPLOTYPE};
use genome::cigar::{self, Cigar, CigarKind, CigarOp};

/// Reference bases that a haplotype is thought to go on for.
const PADDING_BP: u32 = 1000;

/// Realigns each read to its best haplotype; among near ties the reference, then the one with the
/// fewest operations, is taken. Returns for each read the haplotype that it tells from the others.
pub fn realign(
    found: &mut ReadLikelihoods,
    haplotypes: &[Haplotype],
    aligner: &mut Aligner,
) -> Vec<Option<usize>> {
    let mut told = Vec::with_capacity(found.reads.len());
    let Some(reference) = haplotypes.iter().find(|one| one.is_reference) else {
        return told;
    };
    let priority = |index: usize| {
        let haplotype: &Haplotype = &haplotypes[index];
        i32::from(haplotype.is_reference) + 1 - haplotype.cigar.len() as i32
    };
    for (read, row) in found.reads.iter_mut().zip(&found.rows) {
        let best = Best::find(row, priority);
        told.push(best.is_informative().then_some(best.index));
        let aligned = align(read, &haplotypes[best.index], reference, aligner);
        if let Some((start, cigar)) = aligned {
            read.start = start;
            read.cigar = cigar;
        }
    }
    told
}

/// Returns the read's place and alignment to the reference; `None` where there is none.
fn align(
    read: &RegionRead,
    haplotype: &Haplotype,
    reference: &Haplotype,
    aligner: &mut Aligner,
) -> Option<(u64, Cigar)> {
    let clips = Clips::of(&read.cigar);
    let bases = &read.bases[clips.soft_left..read.bases.len() - clips.soft_right];
    if bases.is_empty() {
        return None;
    }
    let to_haplotype = aligner.align(
        &haplotype.bases,
        bases,
        &READ_TO_HAPLOTYPE,
        Overhang::SoftClip,
    );
    let mut padded = haplotype.cigar.clone();
    cigar::push(&mut padded, CigarKind::Match, PADDING_BP);
    let offset = reference_offset(&padded, to_haplotype.offset);
    let from_start = from_base(&padded, to_haplotype.offset);
    let to_reference = compose(&to_haplotype.cigar, &from_start);
    let normal = left_align_indels(&to_reference, &reference.bases, bases, offset)?;
    let start = haplotype.start + offset as u64 + u64::from(normal.leading_deletion_bp);
    let mut cigar = read.cigar[..clips.left].to_vec();
    cigar.extend(normal.cigar);
    cigar.extend_from_slice(&read.cigar[read.cigar.len() - clips.right..]);
    Some((start, cigar))
}

/// The clips at both ends of a read.
struct Clips {
    /// Operations on the left and on the right.
    left: usize,
    right: usize,
    /// Bases that are soft-clipped.
    soft_left: usize,
    soft_right: usize,
}

impl Clips {
    fn of(ops: &[CigarOp]) -> Self {
        let is_clip = |op: &&CigarOp| op.kind().is_clip();
        let left = ops.iter().take_while(is_clip).count();
        let right = ops[left..].iter().rev().take_while(is_clip).count();
        let soft = |ops: &[CigarOp]| cigar::read_span(ops.iter().copied()) as usize;
        Self {
            left,
            right,
            soft_left: soft(&ops[..left]),
            soft_right: soft(&ops[ops.len() - right..]),
        }
    }
}

/// Returns how many reference bases lie before base `start` of a haplotype.
fn reference_offset(ops: &[CigarOp], start: usize) -> usize {
    let (mut on_reference, mut on_haplotype) = (0, 0);
    if start == 0 {
        return 0;
    }
    for op in ops {
        let length = op.len() as usize;
        on_reference += if op.kind().consumes_reference() {
            length
        } else {
            0
        };
        on_haplotype += if op.kind().consumes_read() { length } else { 0 };
        if on_haplotype >= start {
            let excess = on_haplotype - start;
            return if op.kind().consumes_reference() {
                on_reference - excess
            } else {
                on_reference
            };
        }
    }
    on_reference
}

/// Returns the operations from base `start` of a haplotype on.
fn from_base(ops: &[CigarOp], start: usize) -> Cigar {
    let mut builder = CigarBuilder::default();
    let mut end = 0;
    for op in ops {
        let begin = end;
        let length = op.len() as usize;
        end += if op.kind().consumes_read() { length } else { 0 };
        if end < start || (end == start && begin < start) {
            continue;
        }
        let kept = if begin == end {
            length
        } else {
            end - begin.max(start)
        };
        builder.push(op.kind(), kept as u32);
    }
    builder.finish().cigar
}

/// Maps the alignment of a read to a haplotype through that of the haplotype to the reference.
fn compose(to_haplotype: &[CigarOp], to_reference: &[CigarOp]) -> Cigar {
    let mut builder = CigarBuilder::default();
    let mut first = Steps::new(to_haplotype);
    let mut second = Steps::new(to_reference);
    while let (Some(read), Some(haplotype)) = (first.kind(), second.kind()) {
        let (kind, moves) = match (read, haplotype) {
            (CigarKind::Insertion | CigarKind::SoftClip, _) => {
                (Some(CigarKind::Insertion), [true, false])
            }
            (_, CigarKind::Deletion) => (Some(CigarKind::Deletion), [false, true]),
            (CigarKind::Deletion, CigarKind::Insertion) => (None, [true, true]),
            (CigarKind::Deletion, _) => (Some(CigarKind::Deletion), [true, true]),
            (_, CigarKind::Insertion) => (Some(CigarKind::Insertion), [true, true]),
            _ => (Some(CigarKind::Match), [true, true]),
        };
        let steps = match moves {
            [true, true] => first.left.min(second.left),
            [true, false] => first.left,
            _ => second.left,
        };
        if let Some(kind) = kind {
            builder.push(kind, steps);
        }
        first.advance(if moves[0] { steps } else { 0 });
        second.advance(if moves[1] { steps } else { 0 });
    }
    builder.finish().cigar
}

/// A walk along a CIGAR.
struct Steps<'a> {
    ops: &'a [CigarOp],
    /// What is left of the first operation.
    left: u32,
}

impl<'a> Steps<'a> {
    fn new(ops: &'a [CigarOp]) -> Self {
        Self {
            ops,
            left: ops.first().map_or(0, |op| op.len()),
        }
    }

    fn kind(&self) -> Option<CigarKind> {
        self.ops.first().map(|op| op.kind())
    }

    fn advance(&mut self, steps: u32) {
        self.left -= steps;
        if self.left == 0 {
            *self = Self::new(self.ops.get(1..).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ops;

    #[test]
    fn alignments_compose() {
        let table = [
            ("5M", "2M1I2M", "2M1I2M"),
            ("1M2D3M", "2M1I3M", "1M1D3M"),
            ("3M1I2M", "2M1D3M", "2M1D1M1I2M"),
            ("3M", "2M3D1M", "2M3D1M"),
            ("2S3M", "9M", "2I3M"),
        ];
        for (first, second, expected) in table {
            assert_eq!(
                compose(&ops(first), &ops(second)),
                ops(expected),
                "{first} {second}"
            );
        }
    }

    #[test]
    fn start_on_the_reference_counts_deletions() {
        let padded = ops("10M2D5M3I20M");
        let offsets = [0, 4, 10, 11, 15, 16, 18, 19].map(|start| reference_offset(&padded, start));
        assert_eq!(offsets, [0, 4, 10, 13, 17, 17, 17, 18]);
        assert_eq!(from_base(&padded, 12), ops("3M3I20M"));
    }
}
