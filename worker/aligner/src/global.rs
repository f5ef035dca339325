//! Banded global alignment (Needleman–Wunsch with affine gaps) and its path.

use crate::Options;
use crate::extend::global_row::{GlobalRow, LANES};
use genome::cigar::{CigarKind, CigarOp};

pub(crate) const MINUS_INFINITY: i32 = -(1 << 30);
pub(crate) const FROM_MATCH: u8 = 0;
pub(crate) const FROM_DELETION: u8 = 1;
pub(crate) const FROM_INSERTION: u8 = 2;
pub(crate) const DELETION_GOES_ON: u8 = 1 << 2;
pub(crate) const INSERTION_GOES_ON: u8 = 2 << 4;
/// Columns from which on a row is worth vectors.
const WIDE: usize = 24;
/// Bytes that are kept for the next alignment.
const MOST_KEPT: usize = 16 << 20;

/// Memory of the global aligner.
#[derive(Debug, Default)]
pub(crate) struct GlobalAligner {
    /// H of the last row, from the column left of the first on, and E of the next one.
    h: Vec<i32>,
    e: Vec<i32>,
    /// Scores of the five codes against the read.
    profile: Vec<i8>,
    stride: usize,
    /// Per cell where H, E and F come from.
    origins: Vec<u8>,
    /// Cells kept of each row.
    width: usize,
    band: usize,
}

/// Whether the path of an alignment is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// The score alone.
    Score,
    /// The path too.
    Path,
}

impl GlobalAligner {
    /// Returns the global score of a read stretch against a reference stretch.
    ///
    /// Only cells within `band` of the diagonal count; `band` is more than the lengths differ.
    /// Gaps open from M.
    pub fn score(
        &mut self,
        options: &Options,
        (query, reference): (&[u8], &[u8]),
        band: i32,
        want: Want,
    ) -> i32 {
        self.prepare(options, query, band);
        let rows = match want {
            Want::Score => 1,
            Want::Path => reference.len(),
        };
        let cells = self.width * rows + LANES;
        self.origins.truncate(cells.max(MOST_KEPT));
        self.origins.shrink_to(MOST_KEPT);
        self.origins.resize(cells.max(self.origins.len()), 0);
        for (i, &base) in reference.iter().enumerate() {
            let first_origin = self.width * i.min(rows - 1);
            self.row(options, (i, base), first_origin);
        }
        self.h[query.len()]
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
        self.h.clear();
        for j in 0..=query.len() {
            let border = options.gap_open_insertion + options.gap_extend_insertion * j as i32;
            self.h.push(match j {
                0 => 0,
                j if j <= self.band => -border,
                _ => MINUS_INFINITY,
            });
        }
        self.stride = query.len() + LANES;
        self.h.resize(self.stride + 2 * LANES, MINUS_INFINITY);
        self.e.clear();
        self.e.resize(self.stride + LANES, MINUS_INFINITY);
        self.profile.clear();
        for base in 0..5 {
            let scores = query.iter().map(|&code| options.score(base, code) as i8);
            self.profile.extend(scores);
            self.profile.resize((base as usize + 1) * self.stride, 0);
        }
    }

    fn row(&mut self, options: &Options, (i, base): (usize, u8), first_origin: usize) {
        let length = self.stride - LANES;
        let start = i.saturating_sub(self.band);
        let end = (i + self.band + 1).min(length);
        if start >= end {
            return;
        }
        let border = options.gap_open_deletion + options.gap_extend_deletion * (i as i32 + 1);
        let mut row = GlobalRow {
            columns: end - start,
            scores: &self.profile[base as usize * self.stride..][start..],
            h: &mut self.h[start..],
            e: &mut self.e[start..],
            origins: &mut self.origins[first_origin..],
            costs: [
                options.first_deletion(),
                options.gap_extend_deletion,
                options.first_insertion(),
                options.gap_extend_insertion,
            ],
        };
        if row.columns < WIDE || !row.fill(options.level) {
            fill(&mut row);
        }
        self.h[start] = if start == 0 { -border } else { MINUS_INFINITY };
        self.e[end] = MINUS_INFINITY;
    }
}

/// Computes a row, one column at a time.
fn fill(row: &mut GlobalRow<'_>) {
    let [
        open_deletion,
        extend_deletion,
        open_insertion,
        extend_insertion,
    ] = row.costs;
    let columns = row.columns;
    let (scores, origins) = (&row.scores[..columns], &mut row.origins[..columns]);
    let (h, e) = (&mut row.h[..=columns], &mut row.e[..columns]);
    let (mut f, mut diagonal) = (MINUS_INFINITY, h[0]);
    for (((h, e), &score), origin) in h[1..].iter_mut().zip(e).zip(scores).zip(origins) {
        let m = diagonal + i32::from(score);
        diagonal = *h;
        let mut from = if m >= *e { FROM_MATCH } else { FROM_DELETION };
        *h = m.max(*e);
        if *h < f {
            from = FROM_INSERTION;
            *h = f;
        }
        let (extended, opened) = (*e - extend_deletion, m - open_deletion);
        from |= if extended > opened {
            DELETION_GOES_ON
        } else {
            0
        };
        *e = extended.max(opened);
        let (extended, opened) = (f - extend_insertion, m - open_insertion);
        from |= if extended > opened {
            INSERTION_GOES_ON
        } else {
            0
        };
        f = extended.max(opened);
        *origin = from;
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
    use crate::extend::level::Level;
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
            let score = aligner.score(&options, (&query, &reference), band, Want::Path);
            let mut cigar = Vec::new();
            aligner.path(query.len(), reference.len(), &mut cigar);
            prop_assert_eq!(path_score(&options, &query, &reference, &cigar), score);
            let wider = aligner.score(&options, (&query, &reference), band + 10, Want::Score);
            prop_assert!(wider >= score);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn every_level_finds_the_path_of_the_single_columns(
            reference in prop::collection::vec(0u8..4, 1..120),
            changes in prop::collection::vec((0usize..120, 0u8..7, 1usize..20), 0..8),
            costs in (0i32..8, 0i32..8, 0i32..8, 1i32..4, 1i32..4),
            extra in 1i32..60,
        ) {
            let mut query = reference.clone();
            for (at, change, length) in changes {
                let at = at % query.len();
                match change {
                    5 => drop(query.splice(at..at, (0..length).map(|i| (i * i % 7) as u8 & 3))),
                    6 => drop(query.drain(at.max(1)..(at + length).min(query.len()).max(at.max(1)))),
                    code => query[at] = code,
                }
            }
            let mut options = Options::of_costs(costs);
            let band = (query.len() as i32 - reference.len() as i32).abs() + extra;
            let mut aligned = |level| {
                options.level = level;
                let (mut aligner, mut cigar) = (GlobalAligner::default(), Vec::new());
                let score = aligner.score(&options, (&query, &reference), band, Want::Path);
                aligner.path(query.len(), reference.len(), &mut cigar);
                let alone = aligner.score(&options, (&query, &reference), band, Want::Score);
                (score, alone, cigar)
            };
            let expected = aligned(Level::Scalar);
            prop_assert_eq!(expected.0, expected.1);
            for level in Level::available() {
                prop_assert_eq!(&aligned(level), &expected, "{:?}", level);
            }
        }
    }

    #[test]
    fn a_gap_is_opened_once() {
        let options = Options::default();
        let mut aligner = GlobalAligner::default();
        let reference = [0, 1, 2, 3, 0, 0, 1, 1, 2, 2, 3, 3, 0, 1, 2, 3];
        let query = [&reference[..7], &reference[9..]].concat();
        assert_eq!(
            aligner.score(&options, (&query, &reference), 10, Want::Path),
            14 - 8
        );
        let mut cigar = Vec::new();
        aligner.path(query.len(), reference.len(), &mut cigar);
        let mut text = Vec::new();
        genome::cigar::write_text(cigar, &mut text);
        assert_eq!(text, b"7M2D7M");
    }
}
