//! Pairwise alignment with affine gaps, and with the field's rules for ties.
//!
//! Over target row i and query column j, with `open` for the first base of a gap and `extend` for
//! each further one:
//! `score[i][j] = max(score[i−1][j−1] + s(i, j), down[i][j], right[i][j])`,
//! `down[i][j] = max(score[i−1][j] + open, down[i−1][j] + extend)`, `right` likewise along a row.
//! A match wins ties over gaps, an insertion over a deletion, extending over opening.
//!
//! Source: GATK 4.6 `SmithWatermanAligner`.

mod diagonals;
mod ungapped;
mod vectors;

use diagonals::Diagonals;
use genome::cigar::{self, Cigar, CigarKind, CigarOp};

/// Scores lower than this do not fall further.
const FLOOR: i32 = -100_000_000;

/// Worse than any score, with room to add to.
const NEVER: i32 = i32::MIN / 2;

/// The scores of an alignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    /// Added for equal letters.
    pub matching: i32,
    /// Added for different letters.
    pub mismatch: i32,
    /// Added for the first base of a gap.
    pub open: i32,
    /// Added for each further base of a gap.
    pub extend: i32,
}

/// Dangling ends of the assembly graph.
pub const DANGLING_END: Parameters = Parameters::new(25, -50, -110, -6);

/// Haplotypes to the reference.
pub const HAPLOTYPE_TO_REFERENCE: Parameters = Parameters::new(200, -150, -260, -11);

/// Reads to their best haplotype.
pub const READ_TO_HAPLOTYPE: Parameters = Parameters::new(10, -15, -30, -5);

impl Parameters {
    const fn new(matching: i32, mismatch: i32, open: i32, extend: i32) -> Self {
        Self {
            matching,
            mismatch,
            open,
            extend,
        }
    }
}

/// What becomes of query bases that reach past the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overhang {
    /// They are clipped; gaps at the start are free. A query that occurs in the target as it is
    /// lies at its last occurrence.
    SoftClip,
    /// Everything is aligned from corner to corner.
    Indel,
    /// As [`Overhang::Indel`] at the start; the end of the query may lie anywhere in the target.
    LeadingIndel,
}

/// Where a query lies in a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alignment {
    /// Target bases before the alignment.
    pub offset: usize,
    /// The operations: deletions are bases of the target that the query lacks.
    pub cigar: Cigar,
}

/// Aligns, with memory kept from one alignment to the next.
#[derive(Debug, Default)]
pub struct Aligner {
    table: Diagonals,
}

impl Aligner {
    /// Aligns a query to a target; both have at least one letter, and far fewer than a gap can count:
    /// 32,767.
    ///
    /// Time and memory O(target · query).
    pub fn align(
        &mut self,
        target: &[u8],
        query: &[u8],
        parameters: &Parameters,
        overhang: Overhang,
    ) -> Alignment {
        if let Some(offset) = ungapped::offset(target, query, parameters, overhang) {
            let cigar = vec![CigarOp::new(CigarKind::Match, query.len() as u32)];
            return Alignment { offset, cigar };
        }
        self.align_by_table((target, query), parameters, overhang)
    }

    fn align_by_table(
        &mut self,
        (target, query): (&[u8], &[u8]),
        parameters: &Parameters,
        overhang: Overhang,
    ) -> Alignment {
        let pays = overhang != Overhang::SoftClip;
        self.table.fill(target, query, parameters, |length| {
            leading_gap(length, pays, parameters)
        });
        let end = self.end(target.len(), query.len(), overhang);
        self.trace(end, (target.len(), query.len()), overhang)
    }

    /// Returns the cell in which the alignment ends.
    fn end(&self, rows: usize, columns: usize, overhang: Overhang) -> (usize, usize) {
        if overhang == Overhang::Indel {
            return (rows, columns);
        }
        let mut best = (1, columns);
        for row in 2..=rows {
            if self.table.last[0][row] >= self.table.last[0][best.0] {
                best.0 = row;
            }
        }
        if overhang == Overhang::LeadingIndel {
            return best;
        }
        let mut score = self.table.last[0][best.0];
        for column in 1..=columns {
            let here = self.table.last[1][column];
            let nearer = rows.abs_diff(column) < best.0.abs_diff(best.1);
            if here > score || (here == score && nearer) {
                best = (rows, column);
                score = here;
            }
        }
        best
    }

    fn trace(
        &self,
        end: (usize, usize),
        (target, query): (usize, usize),
        overhang: Overhang,
    ) -> Alignment {
        let (mut i, mut j) = end;
        let mut cigar = Cigar::new();
        cigar::push(&mut cigar, CigarKind::SoftClip, (query - j) as u32);
        while i > 0 && j > 0 {
            let step = self.table.step((i, j), target);
            match step {
                0 => {
                    cigar::push(&mut cigar, CigarKind::Match, 1);
                    i -= 1;
                    j -= 1;
                }
                1.. => {
                    cigar::push(&mut cigar, CigarKind::Deletion, step as u32);
                    i -= step as usize;
                }
                _ => {
                    let inserted = step.unsigned_abs();
                    cigar::push(&mut cigar, CigarKind::Insertion, inserted.into());
                    j -= usize::from(inserted);
                }
            }
        }
        let offset = if overhang == Overhang::SoftClip {
            cigar::push(&mut cigar, CigarKind::SoftClip, j as u32);
            i
        } else {
            cigar::push(&mut cigar, CigarKind::Deletion, i as u32);
            cigar::push(&mut cigar, CigarKind::Insertion, j as u32);
            0
        };
        cigar.reverse();
        Alignment { offset, cigar }
    }
}

/// Returns the score of a gap before everything else.
const fn leading_gap(length: usize, pays: bool, parameters: &Parameters) -> i32 {
    match length {
        0 => 0,
        length if pays => parameters.open + (length as i32 - 1) * parameters.extend,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn aligned(target: &[u8], query: &[u8], overhang: Overhang) -> (usize, String) {
        let mut aligner = Aligner::default();
        let alignment = aligner.align(target, query, &HAPLOTYPE_TO_REFERENCE, overhang);
        let mut text = Vec::new();
        cigar::write_text(alignment.cigar, &mut text);
        (alignment.offset, String::from_utf8(text).unwrap())
    }

    #[test]
    fn last_occurrence_is_taken_as_it_is() {
        assert_eq!(
            aligned(b"GACGTACGTT", b"ACGT", Overhang::SoftClip),
            (5, "4M".into())
        );
    }

    #[test]
    fn overhang_decides_about_the_ends() {
        let target = b"AACCGGTTACGTACGTGATC";
        let cut = aligned(target, b"TTTTAACCGGTTACGTACG", Overhang::SoftClip);
        assert_eq!(cut, (0, "4S15M".into()));
        let indel = aligned(target, b"AACCGGTTACGTACG", Overhang::Indel);
        assert_eq!(indel, (0, "15M5D".into()));
        let open = aligned(target, b"CCGGTTACGTACG", Overhang::LeadingIndel);
        assert_eq!(open, (0, "2D13M".into()));
    }

    /// A target, and a stretch of it with a letter or two changed, cut or put in.
    fn nearly_equal() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
        let letters = || prop::sample::select(b"ACGT".to_vec());
        let target = prop::collection::vec(letters(), 8..60);
        let change = (0usize..60, 0usize..9, letters());
        let changes = prop::collection::vec(change, 0..3);
        (target, 0usize..8, 0usize..8, changes).prop_map(|(target, left, right, changes)| {
            let mut query = target[left..target
                .len()
                .saturating_sub(right)
                .max(left + 1)
                .min(target.len())]
                .to_vec();
            for (at, kind, letter) in changes {
                let at = at % query.len();
                match kind {
                    0 => query.insert(at, letter),
                    1 if query.len() > 1 => _ = query.remove(at),
                    _ => query[at] = letter,
                }
            }
            (target, query)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn what_needs_no_table_is_what_the_table_gives((target, query) in nearly_equal()) {
            let mut aligner = Aligner::default();
            for parameters in [DANGLING_END, HAPLOTYPE_TO_REFERENCE, READ_TO_HAPLOTYPE] {
                for overhang in [Overhang::SoftClip, Overhang::Indel] {
                    let is_within = target.windows(query.len()).any(|one| one == query);
                    if overhang == Overhang::SoftClip && is_within {
                        continue;
                    }
                    let expected = aligner.align_by_table((&target, &query), &parameters, overhang);
                    let found = aligner.align(&target, &query, &parameters, overhang);
                    prop_assert_eq!(found, expected);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn operations_cover_the_query(
            target in prop::collection::vec(prop::sample::select(b"AC".to_vec()), 1..30),
            query in prop::collection::vec(prop::sample::select(b"AC".to_vec()), 1..30),
        ) {
            for overhang in [Overhang::SoftClip, Overhang::Indel, Overhang::LeadingIndel] {
                let mut aligner = Aligner::default();
                let found = aligner.align(&target, &query, &READ_TO_HAPLOTYPE, overhang);
                let span = cigar::read_span(found.cigar.iter().copied());
                prop_assert_eq!(span as usize, query.len());
                let covered = cigar::reference_span(found.cigar.iter().copied()) as usize;
                prop_assert!(found.offset + covered <= target.len());
            }
        }
    }
}
