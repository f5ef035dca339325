//! Local alignment (Smith–Waterman) of a read against a window of the reference.
//!
//! Gaps open from H here. The result is that of striped lanes of 8 or 16 bits in vectors of 128,
//! whose padding columns take part in the row maxima.

use super::striped::Striped;
use crate::Options;
use std::ops::Range;

/// Width of the lanes whose result is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// Sixteen lanes of 8 bits; scores near 255 overflow.
    Eight,
    /// Eight lanes of 16 bits.
    Sixteen,
}

impl Width {
    const fn lanes(self) -> usize {
        match self {
            Self::Eight => 16,
            Self::Sixteen => 8,
        }
    }

    /// Returns the number of columns of a read, padding included.
    pub const fn padded(self, read_bp: usize) -> usize {
        read_bp.next_multiple_of(self.lanes())
    }

    /// Says whether a score, with the offset that unsigned lanes need, fits.
    fn holds(self, options: &Options, score: i32) -> bool {
        let most = match self {
            Self::Eight => i32::from(u8::MAX),
            Self::Sixteen => i32::from(i16::MAX),
        };
        score + options.mismatch_penalty.max(1) < most
    }
}

/// The best local alignment; ends are exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Local {
    /// Its score.
    pub score: i32,
    /// First position in the read.
    pub query_start: i32,
    /// One past the last position in the read.
    pub query_end: i32,
    /// First position in the window.
    pub reference_start: i32,
    /// One past the last position in the window.
    pub reference_end: i32,
    /// Best score of another place of the window, if one reaches the least score.
    pub second_score: Option<i32>,
}

/// The best cell: the first row with the maximum, and its first column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Its score.
    pub score: i32,
    /// Position in the window.
    pub row: i32,
    /// Position in the read.
    pub column: i32,
}

impl Cell {
    /// Nothing above 0.
    pub const NONE: Self = Self {
        score: 0,
        row: -1,
        column: -1,
    };
}

/// What a run looks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Goal {
    /// Rows with at least this maximum are listed.
    pub listed: i32,
    /// The run stops at this score.
    pub enough: i32,
}

impl Goal {
    /// Lists a row; of neighbouring rows the first is replaced by a better second.
    #[inline(always)]
    pub fn list(self, rows: &mut Vec<(i32, i32)>, max: i32, row: i32) {
        if max < self.listed {
            return;
        }
        match rows.last_mut() {
            Some((last, at)) if *at + 1 == row => {
                if *last < max {
                    (*last, *at) = (max, row);
                }
            }
            _ => rows.push((max, row)),
        }
    }
}

/// Memory of the local aligner.
#[derive(Debug, Default)]
pub(crate) struct LocalAligner {
    eight: Striped<u8, 32>,
    sixteen: Striped<u16, 16>,
    scalar: Scalar,
    query_reversed: Vec<u8>,
    window_reversed: Vec<u8>,
    rows: Vec<(i32, i32)>,
}

impl LocalAligner {
    /// Returns the best local score.
    pub fn best_score(
        &mut self,
        options: &Options,
        query: &[u8],
        reference: &[u8],
        width: Width,
    ) -> i32 {
        let goal = Goal {
            listed: i32::MAX,
            enough: i32::MAX,
        };
        let rows = 0..reference.len();
        self.run(options, (query, reference), &[rows], (width, goal))
            .score
    }

    /// Returns the best local alignment of at least `least`, if its start is found; no cell
    /// outside `stretches` of the reference reaches that.
    pub fn align(
        &mut self,
        options: &Options,
        (query, reference): (&[u8], &[u8]),
        stretches: &[Range<usize>],
        (width, least): (Width, i32),
    ) -> Option<Local> {
        let goal = Goal {
            listed: least,
            enough: i32::MAX,
        };
        let end = self.run(options, (query, reference), stretches, (width, goal));
        if end.score < least || (width == Width::Eight && !width.holds(options, end.score)) {
            return None;
        }
        let reach = (end.score + options.match_score - 1) / options.match_score;
        let far = |&&(_, row): &&(i32, i32)| (row - end.row).abs() > reach;
        let second_score = self.rows.iter().filter(far).map(|&(score, _)| score).max();
        let mut reversed = std::mem::take(&mut self.query_reversed);
        let mut window = std::mem::take(&mut self.window_reversed);
        reversed.clear();
        reversed.extend(query.get(..=end.column as usize)?.iter().rev());
        window.clear();
        window.extend(reference[..=end.row as usize].iter().rev());
        let goal = Goal {
            listed: i32::MAX,
            enough: end.score,
        };
        let rows = 0..window.len();
        let start = self.run(options, (&reversed, &window), &[rows], (width, goal));
        (self.query_reversed, self.window_reversed) = (reversed, window);
        (start.score == end.score).then_some(Local {
            score: end.score,
            query_start: end.column - start.column,
            query_end: end.column + 1,
            reference_start: end.row - start.row,
            reference_end: end.row + 1,
            second_score,
        })
    }

    /// Fills the matrix in the narrowest lanes that hold every score.
    fn run(
        &mut self,
        options: &Options,
        (query, reference): (&[u8], &[u8]),
        stretches: &[Range<usize>],
        (width, goal): (Width, Goal),
    ) -> Cell {
        let padded = width.padded(query.len());
        let most = query.len() as i32 * options.match_score;
        self.rows.clear();
        let listed = &mut self.rows;
        let rows = (reference, stretches);
        if Width::Eight.holds(options, most) {
            self.eight.prepare(options, query, padded);
            self.eight.run(rows, goal, listed)
        } else if Width::Sixteen.holds(options, most) {
            self.sixteen.prepare(options, query, padded);
            self.sixteen.run(rows, goal, listed)
        } else {
            self.scalar.prepare(options, query, padded);
            self.scalar.run(options, rows, goal, listed)
        }
    }
}

/// The matrix one cell at a time: the reference for the striped kernels, and for scores that
/// none of them holds.
#[derive(Debug, Default)]
struct Scalar {
    h: Vec<i32>,
    e: Vec<i32>,
    profile: Vec<i32>,
}

impl Scalar {
    /// Fills the scores of each base against the read, padded with zeros.
    fn prepare(&mut self, options: &Options, query: &[u8], padded: usize) {
        self.profile.clear();
        for base in 0..5 {
            self.profile
                .extend(query.iter().map(|&code| options.score(base, code)));
            self.profile
                .extend(std::iter::repeat_n(0, padded - query.len()));
        }
        self.h.clear();
        self.h.resize(padded, 0);
        self.e.clear();
        self.e.resize(padded, 0);
    }

    fn run(
        &mut self,
        options: &Options,
        (reference, stretches): (&[u8], &[Range<usize>]),
        goal: Goal,
        listed: &mut Vec<(i32, i32)>,
    ) -> Cell {
        let padded = self.h.len();
        let mut best = Cell::NONE;
        for stretch in stretches {
            self.h.fill(0);
            self.e.fill(0);
            for (row, &base) in (stretch.start as i32..).zip(&reference[stretch.clone()]) {
                let scores = &self.profile[base as usize * padded..][..padded];
                let max = next_row(options, scores, &mut self.h, &mut self.e);
                goal.list(listed, max, row);
                if max > best.score {
                    let column = self.h.iter().position(|&h| h == max);
                    best = Cell {
                        score: max,
                        row,
                        column: column.map_or(-1, |column| column as i32),
                    };
                    if max >= goal.enough {
                        return best;
                    }
                }
            }
        }
        best
    }
}

/// Computes the next row of H in place and E for the one after it; returns the row's maximum.
fn next_row(options: &Options, scores: &[i32], h: &mut [i32], e: &mut [i32]) -> i32 {
    let (mut diagonal, mut f, mut max) = (0, 0, 0);
    for ((h, e), &score) in h.iter_mut().zip(e).zip(scores) {
        let here = (diagonal + score).max(*e).max(f).max(0);
        diagonal = *h;
        *h = here;
        max = max.max(here);
        *e = (*e - options.gap_extend_deletion).max(here - options.first_deletion());
        f = (f - options.gap_extend_insertion).max(here - options.first_insertion());
    }
    max
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A window with mutated copies of the read among random bases.
    fn scene() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
        let read = prop::collection::vec(0u8..5, 1..200);
        let pieces = prop::collection::vec((any::<u32>(), 1usize..200, 0u8..6), 1..12);
        (read, pieces).prop_map(|(read, pieces)| {
            let mut window = Vec::new();
            for (seed, length, kind) in pieces {
                let start = seed as usize % read.len();
                let end = (start + length).min(read.len());
                match kind {
                    0 => window.extend((0..length as u32).map(|i| (seed >> (i % 29)) as u8 & 3)),
                    1 => window.push(seed as u8 & 3),
                    _ => window.extend(read[start..end].iter().map(|&code| code & 3)),
                }
            }
            (read, window)
        })
    }

    fn options(gap_open: i32, mismatch_penalty: i32) -> Options {
        Options {
            gap_open_deletion: gap_open,
            gap_open_insertion: gap_open,
            mismatch_penalty,
            ..Options::default()
        }
    }

    proptest! {
        #[test]
        fn striped_lanes_agree_with_the_scalar_matrix(
            (query, window) in scene(),
            gap_open in 0i32..8,
            mismatch in 1i32..6,
            width in prop::sample::select(vec![Width::Eight, Width::Sixteen]),
            cut in (0usize..200, 0usize..200),
        ) {
            let options = options(gap_open, mismatch);
            let padded = width.padded(query.len());
            let cut = cut.0.min(cut.1).min(window.len())..cut.0.max(cut.1).min(window.len());
            let stretches = [0..cut.start, cut.end..window.len()];
            let rows = (window.as_slice(), stretches.as_slice());
            for enough in [i32::MAX, 15] {
                let goal = Goal { listed: 10, enough };
                let (mut expected, mut found) = (Vec::new(), Vec::new());
                let mut scalar = Scalar::default();
                scalar.prepare(&options, &query, padded);
                let cell = scalar.run(&options, rows, goal, &mut expected);
                let mut sixteen = Striped::<u16, 16>::default();
                sixteen.prepare(&options, &query, padded);
                prop_assert_eq!(sixteen.run(rows, goal, &mut found), cell);
                prop_assert_eq!(&found, &expected);
                found.clear();
                let mut eight = Striped::<u8, 32>::default();
                eight.prepare(&options, &query, padded);
                if Width::Eight.holds(&options, query.len() as i32) {
                    prop_assert_eq!(eight.run(rows, goal, &mut found), cell);
                    prop_assert_eq!(&found, &expected);
                }
            }
        }

        #[test]
        fn a_local_alignment_spans_what_it_says((query, window) in scene()) {
            let options = Options::default();
            let mut aligner = LocalAligner::default();
            let goal = (Width::Sixteen, 19);
            let rows = 0..window.len();
            let found = aligner.align(&options, (&query, &window), &[rows], goal);
            if let Some(local) = found {
                let best = aligner.best_score(&options, &query, &window, Width::Sixteen);
                prop_assert_eq!(local.score, best);
                let query = &query[local.query_start as usize..local.query_end as usize];
                let window = &window[local.reference_start as usize..local.reference_end as usize];
                let rows = 0..window.len();
                let again = aligner.align(&options, (query, window), &[rows], goal);
                prop_assert_eq!(again.map(|local| local.score), Some(best));
            }
        }
    }

    #[test]
    fn a_second_copy_is_reported_as_second_score() {
        let query: Vec<u8> = (0..40).map(|i| (i * i % 7 + i / 5) as u8 & 3).collect();
        let window = [&query[..], &[0; 60], &query[..30], &[3; 20]].concat();
        let options = Options::default();
        let align = |options: &Options, query: &[u8], window: &[u8]| {
            let rows = 0..window.len();
            let goal = (Width::Eight, 19);
            LocalAligner::default().align(options, (query, window), &[rows], goal)
        };
        let local = align(&options, &query, &window).unwrap();
        assert_eq!((local.score, local.second_score), (40, Some(30)));
        assert_eq!((local.reference_start, local.reference_end), (0, 40));
        let steep = self::options(6, 127);
        let score = align(&steep, &query, &query).map(|local| local.score);
        assert_eq!(score, Some(40));
        let long = [query.as_slice(); 4].concat();
        assert_eq!(align(&steep, &long, &long), None);
    }
}
