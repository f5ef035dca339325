//! Local alignment (Smith–Waterman) of a read against a window of the reference.
//!
//! Gaps open from H here. The result is that of a striped kernel of 8- or 16-bit lanes, whose
//! padding columns take part in the row maxima.

use crate::Options;

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
}

/// The best local alignment; ends are exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Local {
    pub score: i32,
    pub query_start: i32,
    pub query_end: i32,
    pub reference_start: i32,
    pub reference_end: i32,
    /// Best score of another place of the window, if one reaches the least score.
    pub second_score: Option<i32>,
}

/// Memory of the local aligner.
#[derive(Debug, Default)]
pub(crate) struct LocalAligner {
    h: Vec<i32>,
    e: Vec<i32>,
    profile: Vec<i32>,
    query_reversed: Vec<u8>,
    rows: Vec<(i32, i32)>,
}

/// The best cell: score, row, column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    score: i32,
    row: i32,
    column: i32,
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
        self.prepare(options, query.iter().copied(), width);
        self.run(options, reference.iter().copied(), i32::MAX, i32::MAX)
            .score
    }

    /// Returns the best local alignment of at least `least`, if its start is found.
    pub fn align(
        &mut self,
        options: &Options,
        (query, reference): (&[u8], &[u8]),
        width: Width,
        least: i32,
    ) -> Option<Local> {
        self.prepare(options, query.iter().copied(), width);
        let end = self.run(options, reference.iter().copied(), least, i32::MAX);
        let overflow = end.score + options.mismatch_penalty.max(1) >= 255;
        if end.score < least || (width == Width::Eight && overflow) {
            return None;
        }
        let reach = (end.score + options.match_score - 1) / options.match_score;
        let far = |&&(_, row): &&(i32, i32)| (row - end.row).abs() > reach;
        let second_score = self.rows.iter().filter(far).map(|&(score, _)| score).max();
        let (query_end, row_end) = (end.column as usize + 1, end.row as usize + 1);
        self.query_reversed.clear();
        self.query_reversed
            .extend(query.get(..query_end)?.iter().rev());
        let reversed = std::mem::take(&mut self.query_reversed);
        self.prepare(options, reversed.iter().copied(), width);
        self.query_reversed = reversed;
        let (before, after) = reference.split_at(row_end);
        let backward = before.iter().rev().chain(after).copied();
        let start = self.run(options, backward, i32::MAX, end.score);
        (start.score == end.score).then_some(Local {
            score: end.score,
            query_start: end.column - start.column,
            query_end: end.column + 1,
            reference_start: end.row - start.row,
            reference_end: end.row + 1,
            second_score,
        })
    }

    /// Fills the scores of each base against the read, padded to whole lanes with zeros.
    fn prepare(
        &mut self,
        options: &Options,
        query: impl Iterator<Item = u8> + Clone,
        width: Width,
    ) {
        let length = query.clone().count();
        let padded = length.next_multiple_of(width.lanes());
        self.profile.clear();
        for base in 0..5 {
            self.profile
                .extend(query.clone().map(|code| options.score(base, code)));
            self.profile.extend(std::iter::repeat_n(0, padded - length));
        }
        self.h.clear();
        self.h.resize(padded, 0);
        self.e.clear();
        self.e.resize(padded, 0);
    }

    /// Fills the matrix; lists rows whose maximum is at least `listed`; stops at a maximum of
    /// `enough`. Returns the first row that has the maximum, and its first such column.
    fn run(
        &mut self,
        options: &Options,
        reference: impl Iterator<Item = u8>,
        listed: i32,
        enough: i32,
    ) -> Cell {
        self.rows.clear();
        let padded = self.h.len();
        let mut best = Cell {
            score: 0,
            row: -1,
            column: -1,
        };
        for (row, base) in (0..).zip(reference) {
            let scores = &self.profile[base as usize * padded..][..padded];
            let max = next_row(options, scores, &mut self.h, &mut self.e);
            if max >= listed {
                match self.rows.last_mut() {
                    Some((last, at)) if *at + 1 == row => {
                        if *last < max {
                            (*last, *at) = (max, row);
                        }
                    }
                    _ => self.rows.push((max, row)),
                }
            }
            if max > best.score {
                let column = self.h.iter().position(|&h| h == max);
                best = Cell {
                    score: max,
                    row,
                    column: column.map_or(-1, |column| column as i32),
                };
                if max >= enough {
                    break;
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
