//! Indels of an alignment, moved as far left as their letters allow.
//!
//! Source: GATK 4.6 `AlignmentUtils.leftAlignIndels`.

use crate::cigar_builder::{CigarBuilder, NormalCigar};
use genome::cigar::{self, CigarKind, CigarOp};

/// A stretch of one of the two sequences.
#[derive(Debug, Clone, Copy)]
struct Stretch<'a> {
    letters: &'a [u8],
    start: usize,
    end: usize,
}

impl Stretch<'_> {
    const fn len(&self) -> usize {
        self.end - self.start
    }

    const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Moves both ends left.
    const fn shift(&mut self, count: usize) {
        self.start -= count;
        self.end -= count;
    }
}

/// An indel on its way: the deleted letters of the reference, the inserted ones of the read.
#[derive(Debug, Clone, Copy)]
struct Indel<'a> {
    reference: Stretch<'a>,
    read: Stretch<'a>,
}

/// How far the ends of an indel moved left; the start moves right where shared letters are cut.
struct Moves {
    start: isize,
    end: usize,
}

impl Indel<'_> {
    const fn is_empty(&self) -> bool {
        self.reference.is_empty() && self.read.is_empty()
    }

    fn ends_alike(&self) -> bool {
        self.reference.letters[self.reference.end - 1] == self.read.letters[self.read.end - 1]
    }

    /// Cuts letters that both alleles share, then moves left by at most `most`.
    fn normalise(&mut self, most: usize) -> Moves {
        let mut moves = Moves { start: 0, end: 0 };
        let mut shorter = self.reference.len().min(self.read.len());
        while shorter > 0 && self.ends_alike() {
            self.reference.end -= 1;
            self.read.end -= 1;
            shorter -= 1;
            moves.end += 1;
        }
        let (reference, read) = (&mut self.reference, &mut self.read);
        while shorter > 0 && reference.letters[reference.start] == read.letters[read.start] {
            reference.start += 1;
            read.start += 1;
            shorter -= 1;
            moves.start -= 1;
        }
        while moves.start < most as isize && self.may_move() {
            self.reference.shift(1);
            self.read.shift(1);
            moves.start += 1;
            moves.end += 1;
        }
        moves
    }

    fn may_move(&self) -> bool {
        let (reference, read) = (&self.reference, &self.read);
        reference.start > 0
            && read.start > 0
            && reference.letters[reference.start - 1] == read.letters[read.start - 1]
            && self.ends_alike()
    }
}

/// Returns an alignment with its indels moved left; neighbours that meet are joined.
///
/// `read` are the bases that `ops` cover, without clips; they begin at `start` of `reference`.
/// `None` if the alignment reaches past either of them.
pub fn left_align_indels(
    ops: &[CigarOp],
    reference: &[u8],
    read: &[u8],
    start: usize,
) -> Option<NormalCigar> {
    let is_indel = |op: &&CigarOp| matches!(op.kind(), CigarKind::Insertion | CigarKind::Deletion);
    let Some(last_indel) = ops.iter().rposition(|op| is_indel(&op)) else {
        return Some(NormalCigar {
            cigar: ops.to_vec(),
            leading_deletion_bp: 0,
        });
    };
    let needed = start + cigar::reference_span(ops[..=last_indel].iter().copied()) as usize;
    if needed > reference.len() || cigar::read_span(ops.iter().copied()) as usize != read.len() {
        return None;
    }
    let end = start + cigar::reference_span(ops.iter().copied()) as usize;
    let at_end = |letters, end| Stretch {
        letters,
        start: end,
        end,
    };
    let mut indel = Indel {
        reference: at_end(reference, end),
        read: at_end(read, read.len()),
    };
    let mut backwards: Vec<(CigarKind, usize)> = Vec::new();
    for (index, op) in ops.iter().enumerate().rev() {
        let on_reference = if op.kind().consumes_reference() {
            op.len() as usize
        } else {
            0
        };
        let on_read = if op.kind().consumes_read() {
            op.len() as usize
        } else {
            0
        };
        if is_indel(&op) {
            indel.reference.start -= on_reference;
            indel.read.start -= on_read;
        } else if indel.is_empty() {
            backwards.push((op.kind(), op.len() as usize));
            indel.reference.shift(on_reference);
            indel.read.shift(on_read);
        } else {
            pass(&mut indel, *op, index == 0, &mut backwards);
        }
    }
    backwards.push((CigarKind::Deletion, indel.reference.len()));
    backwards.push((CigarKind::Insertion, indel.read.len()));
    let mut builder = CigarBuilder::default();
    for (kind, length) in backwards.into_iter().rev() {
        builder.push(kind, length as u32);
    }
    Some(builder.finish())
}

/// Moves an indel into the operation on its left, and puts it down unless it gets through.
fn pass(
    indel: &mut Indel<'_>,
    op: CigarOp,
    is_first: bool,
    backwards: &mut Vec<(CigarKind, usize)>,
) {
    let length = op.len() as usize;
    let most = if op.kind().is_aligned() { length } else { 0 };
    let moves = indel.normalise(most);
    backwards.push((CigarKind::Match, moves.end));
    let cut_left = moves.start.min(0).unsigned_abs();
    let left = length - moves.start.max(0) as usize;
    if is_first || moves.start < most as isize || !op.kind().is_aligned() {
        backwards.push((CigarKind::Deletion, indel.reference.len()));
        backwards.push((CigarKind::Insertion, indel.read.len()));
        for (stretch, moves_along) in [
            (&mut indel.reference, op.kind().consumes_reference()),
            (&mut indel.read, op.kind().consumes_read()),
        ] {
            stretch.end = stretch.start;
            stretch.shift(cut_left + if moves_along { left } else { 0 });
        }
    }
    backwards.push((CigarKind::Match, cut_left));
    backwards.push((op.kind(), left));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ops;

    #[test]
    fn indels_move_through_their_repeat() {
        let table = [
            ("GATTTTC", "GATTTC", "5M1D1M", "2M1D4M", 0),
            ("GATTTC", "GATTTTC", "5M1I1M", "2M1I4M", 0),
            ("TTTTC", "TTTC", "3M1D1M", "4M", 1),
            ("CACACAG", "CACAG", "4M2D1M", "5M", 2),
            ("GACACAG", "GACACACAG", "5M2I2M", "1M2I6M", 0),
            ("GATTAC", "GATTAC", "6M", "6M", 0),
        ];
        for (reference, read, given, expected, removed) in table {
            let found = left_align_indels(&ops(given), reference.as_bytes(), read.as_bytes(), 0);
            let found = found.unwrap();
            assert_eq!(found.cigar, ops(expected), "{reference} {read}");
            assert_eq!(found.leading_deletion_bp, removed, "{reference} {read}");
        }
    }

    #[test]
    fn alignment_past_the_reference_is_refused() {
        assert_eq!(
            left_align_indels(&ops("5M1D1M"), b"GATT", b"GATTTC", 0),
            None
        );
    }
}
