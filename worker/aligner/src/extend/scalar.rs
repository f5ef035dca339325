//! The extension of a seed, one cell at a time: the reference for every faster kernel.

use crate::Options;

/// A stretch of read and reference, both running away from the seed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Problem<'a> {
    /// Codes of the read.
    pub query: &'a [u8],
    /// Codes of the reference.
    pub reference: &'a [u8],
    /// Widest distance from the diagonal.
    pub band: i32,
    /// What reaching the end of the read is worth.
    pub end_bonus: i32,
    /// Score of what is already aligned, > 0.
    pub start_score: i32,
}

/// How far and how well an extension went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Extension {
    /// Best score.
    pub score: i32,
    /// Bases of the read up to the best score.
    pub query_bp: i32,
    /// Bases of the reference up to the best score.
    pub reference_bp: i32,
    /// Best score at the end of the read; not positive if that was not reached.
    pub end_score: i32,
    /// Bases of the reference up to `end_score`.
    pub end_reference_bp: i32,
    /// Greatest distance from the diagonal of a best score.
    pub max_offset: i32,
}

/// A column: H of the last row and E of the next one.
#[derive(Debug, Clone, Copy, Default)]
struct Column {
    h: i32,
    e: i32,
}

/// Memory of the extension.
#[derive(Debug, Default)]
pub(crate) struct Extender {
    columns: Vec<Column>,
    profile: Vec<i8>,
}

/// The part of a row that is computed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// Its first column.
    pub start: usize,
    /// One past its last column.
    pub end: usize,
}

impl Extender {
    /// Extends: row i is reference base i, column j read base j.
    ///
    /// M = H\[i-1,j-1\] + s where that H is positive, else 0; H = max(M, E, F);
    /// E\[i+1,j\] = max(E - e, M - o - e, 0), F likewise along the row: gaps open from M only.
    pub fn extend(&mut self, options: &Options, problem: &Problem<'_>) -> Extension {
        self.prepare(options, problem);
        let mut rows = ScalarRows {
            extender: self,
            options,
            column: -1,
        };
        extend_rows(&mut rows, options, problem)
    }

    /// Fills the row above the first one and the scores of each base against the read.
    fn prepare(&mut self, options: &Options, problem: &Problem<'_>) {
        let columns = &mut self.columns;
        columns.clear();
        columns.resize(problem.query.len() + 1, Column::default());
        columns[0].h = problem.start_score;
        let mut h = (problem.start_score - options.first_insertion()).max(0);
        for column in &mut columns[1..] {
            column.h = h;
            h = if h > options.gap_extend_insertion {
                h - options.gap_extend_insertion
            } else {
                0
            };
        }
        self.profile.clear();
        for base in 0..5 {
            let scores = problem
                .query
                .iter()
                .map(|&code| options.score(base, code) as i8);
            self.profile.extend(scores);
        }
    }
}

/// The rows of a matrix, one after the other.
pub(super) trait Rows {
    /// Computes a row; `border` stands left of the first column.
    fn row(&mut self, base: u8, window: Window, border: i32) -> Row;
    /// Returns the last column that holds the maximum of the last row.
    fn column(&self) -> i32;
    /// Says whether H of the column before, or E of this one, is not zero.
    fn is_live(&self, column: usize) -> bool;
}

/// Computes row after row until nothing is alive, the score drops or the reference ends.
#[inline(always)]
pub(super) fn extend_rows(
    rows: &mut impl Rows,
    options: &Options,
    problem: &Problem<'_>,
) -> Extension {
    let query_length = problem.query.len();
    let band = effective_band(options, problem);
    let mut best = Best::new(problem.start_score);
    let mut window = Window {
        start: 0,
        end: query_length,
    };
    for (i, &base) in problem.reference.iter().enumerate() {
        window.start = window.start.max(i.saturating_sub(band));
        window.end = window.end.min(i + band + 1).min(query_length);
        let border = if window.start == 0 {
            let gap = options.gap_extend_deletion * (i as i32 + 1);
            (problem.start_score - options.gap_open_deletion - gap).max(0)
        } else {
            0
        };
        let row = rows.row(base, window, border);
        if window.start.max(window.end) == query_length {
            best.reach_end(i as i32, row.last);
        }
        if row.max == 0 || best.is_over(options, i as i32, (&row, rows)) {
            break;
        }
        window = next_window(rows, window, query_length);
    }
    best.into_extension()
}

/// Returns the columns that the next row must look at: from the first to two past the last that
/// is not zero.
#[inline(always)]
fn next_window(rows: &impl Rows, window: Window, query_length: usize) -> Window {
    let Window { mut start, end } = window;
    while start < end && !rows.is_live(start) {
        start += 1;
    }
    let mut last = end;
    while last >= start && !rows.is_live(last) {
        if last == 0 {
            let end = 1.min(query_length);
            return Window { start, end };
        }
        last -= 1;
    }
    Window {
        start,
        end: (last + 2).min(query_length),
    }
}

/// The rows of the scalar matrix.
struct ScalarRows<'a> {
    extender: &'a mut Extender,
    options: &'a Options,
    column: i32,
}

impl Rows for ScalarRows<'_> {
    fn row(&mut self, base: u8, window: Window, border: i32) -> Row {
        let (options, extender) = (self.options, &mut *self.extender);
        let length = extender.columns.len() - 1;
        self.column = -1;
        let mut row = Row {
            max: 0,
            last: border,
        };
        let mut f = 0;
        let (mut h_left, mut best) = (border, 0);
        if window.start < window.end {
            let scores = &extender.profile[base as usize * length..][window.start..window.end];
            let columns = &mut extender.columns[window.start..window.end];
            for (j, (column, &score)) in columns.iter_mut().zip(scores).enumerate() {
                let diagonal = column.h;
                column.h = h_left;
                let m = if diagonal > 0 {
                    diagonal + i32::from(score)
                } else {
                    0
                };
                let h = m.max(column.e).max(f);
                h_left = h;
                if h >= row.max {
                    row.max = h;
                    best = j;
                }
                let opened = (m - options.first_deletion()).max(0);
                column.e = (column.e - options.gap_extend_deletion).max(opened);
                let opened = (m - options.first_insertion()).max(0);
                f = (f - options.gap_extend_insertion).max(opened);
            }
            self.column = (window.start + best) as i32;
        }
        row.last = h_left;
        extender.columns[window.end] = Column { h: h_left, e: 0 };
        row
    }

    fn column(&self) -> i32 {
        self.column
    }

    fn is_live(&self, column: usize) -> bool {
        let column = &self.extender.columns[column];
        column.h != 0 || column.e != 0
    }
}

/// The outcome of a row.
pub(super) struct Row {
    /// Greatest H.
    pub max: i32,
    /// H of the last column.
    pub last: i32,
}

/// The best cells so far.
struct Best {
    score: i32,
    row: i32,
    column: i32,
    end_score: i32,
    end_row: i32,
    max_offset: i32,
}

impl Best {
    const fn new(start_score: i32) -> Self {
        Self {
            score: start_score,
            row: -1,
            column: -1,
            end_score: -1,
            end_row: -1,
            max_offset: 0,
        }
    }

    fn reach_end(&mut self, row: i32, h: i32) {
        if h >= self.end_score {
            self.end_row = row;
            self.end_score = h;
        }
    }

    /// Takes a new best score, or says whether the row has dropped too far below the best.
    #[inline(always)]
    fn is_over(&mut self, options: &Options, i: i32, (row, rows): (&Row, &impl Rows)) -> bool {
        if row.max > self.score {
            self.score = row.max;
            (self.row, self.column) = (i, rows.column());
            self.max_offset = self.max_offset.max((self.column - i).abs());
            return false;
        }
        let lost = self.score - row.max;
        if options.z_drop <= 0 || lost <= options.z_drop {
            return false;
        }
        let (down, right) = (i - self.row, rows.column() - self.column);
        let gap = if down > right {
            (down - right) * options.gap_extend_deletion
        } else {
            (right - down) * options.gap_extend_insertion
        };
        lost - gap > options.z_drop
    }

    const fn into_extension(self) -> Extension {
        Extension {
            score: self.score,
            query_bp: self.column + 1,
            reference_bp: self.row + 1,
            end_score: self.end_score,
            end_reference_bp: self.end_row + 1,
            max_offset: self.max_offset,
        }
    }
}

/// Returns the band cut to the longest gap that can still pay.
fn effective_band(options: &Options, problem: &Problem<'_>) -> usize {
    let matches = problem.query.len() as i32 * options.match_score;
    let best = f64::from(matches + problem.end_bonus);
    let longest = |open: i32, extend: i32| {
        (((best - f64::from(open)) / f64::from(extend) + 1.0) as i32).max(1)
    };
    let insertion = longest(options.gap_open_insertion, options.gap_extend_insertion);
    let deletion = longest(options.gap_open_deletion, options.gap_extend_deletion);
    problem.band.min(insertion).min(deletion) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The whole matrix, without band and drop: best score, score at the end of the read.
    fn whole_matrix(options: &Options, problem: &Problem<'_>) -> (i32, i32) {
        let (n, m) = (problem.query.len(), problem.reference.len());
        let mut h = vec![vec![0; n + 1]; m + 1];
        let mut e = vec![vec![0; n + 1]; m + 1];
        h[0][0] = problem.start_score;
        for (h, j) in h[0].iter_mut().zip(0..).skip(1) {
            let gap = options.gap_extend_insertion * j;
            *h = (problem.start_score - options.gap_open_insertion - gap).max(0);
        }
        let (mut best, mut end) = (problem.start_score, -1);
        for i in 1..=m {
            let gap = options.gap_extend_deletion * i as i32;
            h[i][0] = (problem.start_score - options.gap_open_deletion - gap).max(0);
            let mut f = 0;
            for j in 1..=n {
                let above = h[i - 1][j - 1];
                let score = options.score(problem.query[j - 1], problem.reference[i - 1]);
                let matched = if above > 0 { above + score } else { 0 };
                let from_above = e[i - 1][j];
                h[i][j] = matched.max(from_above).max(f);
                let opened = matched - options.first_deletion();
                e[i][j] = (from_above - options.gap_extend_deletion)
                    .max(opened)
                    .max(0);
                f = (f - options.gap_extend_insertion).max(matched - options.first_insertion());
                f = f.max(0);
                best = best.max(h[i][j]);
            }
            end = end.max(h[i][n]);
        }
        (best, end)
    }

    proptest! {
        #[test]
        fn a_wide_band_finds_what_the_whole_matrix_holds(
            query in prop::collection::vec(0u8..4, 1..40),
            changes in prop::collection::vec((0usize..40, 0u8..6), 0..5),
            start_score in 1i32..80,
        ) {
            let mut reference = query.clone();
            for (at, change) in changes {
                let at = at % reference.len().max(1);
                match change {
                    4 => { reference.insert(at, 1); }
                    5 if reference.len() > 1 => { reference.remove(at); }
                    code => reference[at] = code & 3,
                }
            }
            reference.extend([0, 1, 2, 3, 3, 2, 1, 0]);
            let options = Options { z_drop: 1000, ..Options::default() };
            let problem = Problem {
                query: &query,
                reference: &reference,
                band: 1000,
                end_bonus: 1000,
                start_score,
            };
            let found = Extender::default().extend(&options, &problem);
            let (best, end) = whole_matrix(&options, &problem);
            prop_assert_eq!(found.score, best);
            prop_assert_eq!(found.end_score.max(0), end.max(0));
        }
    }

    #[test]
    fn an_equal_stretch_is_taken_whole() {
        let problem = Problem {
            query: &[0, 1, 2, 3],
            reference: &[0, 1, 2, 3, 0, 0],
            band: 100,
            end_bonus: 5,
            start_score: 20,
        };
        let expected = Extension {
            score: 24,
            query_bp: 4,
            reference_bp: 4,
            end_score: 24,
            end_reference_bp: 4,
            max_offset: 0,
        };
        let found = Extender::default().extend(&Options::default(), &problem);
        assert_eq!(found, expected);
    }
}
