//! Banded global alignment (Needleman–Wunsch with affine gaps) and its path.

use crate::Options;
use genome::cigar::{CigarKind, CigarOp};

const MINUS_INFINITY: i32 = -(1 << 30);
const FROM_MATCH: u8 = 0;
const FROM_DELETION: u8 = 1;
const FROM_INSERTION: u8 = 2;
const DELETION_GOES_ON: u8 = 1 << 2;
const INSERTION_GOES_ON: u8 = 2 << 4;

/// A column: H of the last row and E of the next one.
#[derive(Debug, Clone, Copy)]
struct Column {
    h: i32,
    e: i32,
}

/// Memory of the global aligner.
#[derive(Debug, Default)]
pub(crate) struct GlobalAligner {
    columns: Vec<Column>,
    profile: Vec<i8>,
    /// Per cell where H, E and F come from.
    origins: Vec<u8>,
    /// Cells kept of each row.
    width: usize,
    band: usize,
}

impl GlobalAligner {
    /// Returns the global score of a read stretch against a reference stretch.
    ///
    /// Only cells within `band` of the diagonal count; `band` is more than the lengths differ.
    /// Gaps open from M.
    pub fn score(&mut self, options: &Options, query: &[u8], reference: &[u8], band: i32) -> i32 {
        self.prepare(options, query, band);
        self.origins.clear();
        self.origins.resize(self.width * reference.len(), 0);
        for (i, &base) in reference.iter().enumerate() {
            self.row(options, i, base);
        }
        self.columns[query.len()].h
    }

    /// Appends the path of the last [`Self::score`], ties decided M over deletion over insertion.
    pub fn path(&self, query_length: usize, reference_length: usize, cigar: &mut Vec<CigarOp>) {
        let first = cigar.len();
        let (mut i, mut j) = (reference_length, query_length);
        let mut state = 0;
        while i > 0 && j > 0 {
            let row = i - 1;
            let column = j - 1 - row.saturating_sub(self.band);
            let origin = self.origins[row * self.width + column];
            state = origin >> (state << 1) & 3;
            match state {
                FROM_MATCH => {
                    push(cigar, first, CigarKind::Match, 1);
                    (i, j) = (i - 1, j - 1);
                }
                FROM_DELETION => {
                    push(cigar, first, CigarKind::Deletion, 1);
                    i -= 1;
                }
                _ => {
                    push(cigar, first, CigarKind::Insertion, 1);
                    j -= 1;
                }
            }
        }
        push(cigar, first, CigarKind::Deletion, i as u32);
        push(cigar, first, CigarKind::Insertion, j as u32);
        cigar[first..].reverse();
    }

    fn prepare(&mut self, options: &Options, query: &[u8], band: i32) {
        self.band = band.max(0) as usize;
        self.width = query.len().min(2 * self.band + 1);
        self.columns.clear();
        for j in 0..=query.len() {
            let border = options.gap_open_insertion + options.gap_extend_insertion * j as i32;
            let h = match j {
                0 => 0,
                j if j <= self.band => -border,
                _ => MINUS_INFINITY,
            };
            self.columns.push(Column {
                h,
                e: MINUS_INFINITY,
            });
        }
        self.profile.clear();
        for base in 0..5 {
            let scores = query.iter().map(|&code| options.score(base, code) as i8);
            self.profile.extend(scores);
        }
    }

    fn row(&mut self, options: &Options, i: usize, base: u8) {
        let length = self.columns.len() - 1;
        let start = i.saturating_sub(self.band);
        let end = (i + self.band + 1).min(length);
        let border = options.gap_open_deletion + options.gap_extend_deletion * (i as i32 + 1);
        let mut h_left = if start == 0 { -border } else { MINUS_INFINITY };
        if start >= end {
            return;
        }
        let scores = &self.profile[base as usize * length..][start..end];
        let origins = &mut self.origins[i * self.width..][..end - start];
        let mut f = MINUS_INFINITY;
        for ((column, &score), origin) in
            self.columns[start..end].iter_mut().zip(scores).zip(origins)
        {
            let m = column.h + i32::from(score);
            let e = column.e;
            column.h = h_left;
            let mut from = if m >= e { FROM_MATCH } else { FROM_DELETION };
            let mut h = m.max(e);
            if h < f {
                from = FROM_INSERTION;
                h = f;
            }
            h_left = h;
            let opened = m - options.first_deletion();
            let extended = e - options.gap_extend_deletion;
            from |= if extended > opened {
                DELETION_GOES_ON
            } else {
                0
            };
            column.e = extended.max(opened);
            let opened = m - options.first_insertion();
            let extended = f - options.gap_extend_insertion;
            from |= if extended > opened {
                INSERTION_GOES_ON
            } else {
                0
            };
            f = extended.max(opened);
            *origin = from;
        }
        self.columns[end] = Column {
            h: h_left,
            e: MINUS_INFINITY,
        };
    }
}

/// Lengthens the last operation or appends one; those before `first` belong to others.
fn push(cigar: &mut Vec<CigarOp>, first: usize, kind: CigarKind, length: u32) {
    if length == 0 {
        return;
    }
    match cigar[first..].last_mut() {
        Some(last) if last.kind() == kind => *last = CigarOp::new(kind, last.len() + length),
        _ => cigar.push(CigarOp::new(kind, length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path_score(options: &Options, query: &[u8], reference: &[u8], cigar: &[CigarOp]) -> i32 {
        let (mut x, mut y, mut score) = (0, 0, 0);
        for op in cigar {
            let length = op.len() as usize;
            match op.kind() {
                CigarKind::Match => {
                    let pairs = query[x..x + length].iter().zip(&reference[y..y + length]);
                    score += pairs
                        .map(|(&one, &other)| options.score(one, other))
                        .sum::<i32>();
                    (x, y) = (x + length, y + length);
                }
                CigarKind::Insertion => {
                    let gap = options.gap_extend_insertion * length as i32;
                    score -= options.gap_open_insertion + gap;
                    x += length;
                }
                _ => {
                    let gap = options.gap_extend_deletion * length as i32;
                    score -= options.gap_open_deletion + gap;
                    y += length;
                }
            }
        }
        assert_eq!((x, y), (query.len(), reference.len()));
        score
    }

    proptest! {
        #[test]
        fn the_path_has_the_score(
            query in prop::collection::vec(0u8..4, 1..60),
            reference in prop::collection::vec(0u8..4, 1..60),
            extra in 1i32..30,
        ) {
            let options = Options::default();
            let band = (query.len() as i32 - reference.len() as i32).abs() + extra;
            let mut aligner = GlobalAligner::default();
            let score = aligner.score(&options, &query, &reference, band);
            let mut cigar = Vec::new();
            aligner.path(query.len(), reference.len(), &mut cigar);
            prop_assert_eq!(path_score(&options, &query, &reference, &cigar), score);
            let wider = aligner.score(&options, &query, &reference, band + 10);
            prop_assert!(wider >= score);
        }
    }

    #[test]
    fn a_gap_is_opened_once() {
        let options = Options::default();
        let mut aligner = GlobalAligner::default();
        let reference = [0, 1, 2, 3, 0, 0, 1, 1, 2, 2, 3, 3, 0, 1, 2, 3];
        let query = [&reference[..7], &reference[9..]].concat();
        assert_eq!(aligner.score(&options, &query, &reference, 10), 14 - 8);
        let mut cigar = Vec::new();
        aligner.path(query.len(), reference.len(), &mut cigar);
        let mut text = Vec::new();
        genome::cigar::write_text(cigar, &mut text);
        assert_eq!(text, b"7M2D7M");
    }
}
