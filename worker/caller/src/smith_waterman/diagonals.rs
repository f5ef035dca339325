//! The table of an alignment, diagonal by diagonal: cells of one do not depend on each other.
//!
//! Each row of the table is one lane; what a cell needs from above and from the left lies on the
//! diagonal before, what it needs from both on the one before that.

use super::{FLOOR, NEVER, Parameters, vectors};

/// Cells that are computed together.
const LANES: usize = 16;

/// Scores and gaps of two diagonals, by row.
#[derive(Debug, Default)]
pub struct Diagonals {
    /// Scores of this diagonal and of the two before it.
    scores: [Vec<i32>; 3],
    /// Gaps down that end in this diagonal and in the one before: scores, lengths.
    down: [Lane; 2],
    /// The same for gaps to the right.
    right: [Lane; 2],
    /// The query from its last letter to its first.
    reversed: Vec<u8>,
    /// A row for each diagonal: 0 for a match, n for n bases deleted, −n for n inserted.
    pub steps: Vec<i16>,
    /// The scores of the last column, by row, and of the last row, by column.
    pub last: [Vec<i32>; 2],
}

/// Gaps by row.
#[derive(Debug, Default)]
struct Lane {
    scores: Vec<i32>,
    lengths: Vec<i32>,
}

/// What the cells of a diagonal are computed from; all slices are of one length.
pub(super) struct Inputs<'a> {
    pub target: &'a [u8],
    pub query: &'a [u8],
    pub both_before: &'a [i32],
    pub above: &'a [i32],
    pub left: &'a [i32],
    pub down: (&'a [i32], &'a [i32]),
    pub right: (&'a [i32], &'a [i32]),
}

/// Where the cells of a diagonal go.
pub(super) struct Results<'a> {
    pub scores: &'a mut [i32],
    pub down: (&'a mut [i32], &'a mut [i32]),
    pub right: (&'a mut [i32], &'a mut [i32]),
    pub steps: &'a mut [i16],
}

impl Diagonals {
    /// Fills the table; `leading` gives the scores of its first row and column.
    pub fn fill(
        &mut self,
        target: &[u8],
        query: &[u8],
        parameters: &Parameters,
        leading: impl Fn(usize) -> i32,
    ) {
        let (rows, columns) = (target.len(), query.len());
        self.clear(rows, columns);
        self.reversed.extend(query.iter().rev());
        for diagonal in 0..=rows + columns {
            self.scores.rotate_right(1);
            self.down.rotate_right(1);
            self.right.rotate_right(1);
            if diagonal <= columns {
                self.border(0, leading(diagonal));
            }
            if diagonal <= rows {
                self.border(diagonal, leading(diagonal));
            }
            let first = diagonal.saturating_sub(columns).max(1);
            let last = diagonal.saturating_sub(1).min(rows);
            if first <= last {
                self.compute(target, (diagonal, first, last), parameters);
            }
            if diagonal >= columns {
                self.last[0][diagonal - columns] = self.scores[0][diagonal - columns];
            }
            if diagonal >= rows {
                self.last[1][diagonal - rows] = self.scores[0][rows];
            }
        }
    }

    /// Returns the step of a cell.
    pub fn step(&self, (row, column): (usize, usize), rows: usize) -> i16 {
        self.steps[(row + column) * (rows + 1) + row]
    }

    fn clear(&mut self, rows: usize, columns: usize) {
        for scores in &mut self.scores {
            scores.clear();
            scores.resize(rows + 1, 0);
        }
        for lane in self.down.iter_mut().chain(&mut self.right) {
            lane.scores.clear();
            lane.scores.resize(rows + 1, NEVER);
            lane.lengths.clear();
            lane.lengths.resize(rows + 1, 0);
        }
        self.reversed.clear();
        self.steps.clear();
        self.steps.resize((rows + columns + 1) * (rows + 1), 0);
        for (scores, cells) in self.last.iter_mut().zip([rows, columns]) {
            scores.clear();
            scores.resize(cells + 1, 0);
        }
    }

    fn border(&mut self, row: usize, score: i32) {
        self.scores[0][row] = score;
        for lane in [&mut self.down[0], &mut self.right[0]] {
            lane.scores[row] = NEVER;
            lane.lengths[row] = 0;
        }
    }

    /// Computes the inner cells of a diagonal, from row `first` to row `last`.
    fn compute(
        &mut self,
        target: &[u8],
        (diagonal, first, last): (usize, usize, usize),
        parameters: &Parameters,
    ) {
        let rows = target.len();
        let [scores, before, both_before] = &mut self.scores;
        let [down, down_before] = &mut self.down;
        let [right, right_before] = &mut self.right;
        let (here, above) = (first..last + 1, first - 1..last);
        // Row i of this diagonal has query letter diagonal − i − 1.
        let letters = self.reversed.len() - (diagonal - first);
        let inputs = Inputs {
            target: &target[above.clone()],
            query: &self.reversed[letters..letters + here.len()],
            both_before: &both_before[above.clone()],
            above: &before[above.clone()],
            left: &before[here.clone()],
            down: (
                &down_before.scores[above.clone()],
                &down_before.lengths[above],
            ),
            right: (
                &right_before.scores[here.clone()],
                &right_before.lengths[here.clone()],
            ),
        };
        let at = diagonal * (rows + 1);
        let mut results = Results {
            scores: &mut scores[here.clone()],
            down: (
                &mut down.scores[here.clone()],
                &mut down.lengths[here.clone()],
            ),
            right: (&mut right.scores[here.clone()], &mut right.lengths[here]),
            steps: &mut self.steps[at + first..=at + last],
        };
        vectors::cells(&inputs, &mut results, parameters);
    }
}

/// Computes cells that do not depend on each other: vectors of them, then what is left.
#[inline(always)]
pub(super) fn cells(inputs: &Inputs<'_>, results: &mut Results<'_>, parameters: &Parameters) {
    let count = results.scores.len();
    let whole = count - count % LANES;
    for at in (0..whole).step_by(LANES) {
        lanes::<LANES>(inputs, results, at, parameters);
    }
    for at in whole..count {
        lanes::<1>(inputs, results, at, parameters);
    }
}

/// Computes `N` cells without branches.
#[inline(always)]
fn lanes<const N: usize>(
    inputs: &Inputs<'_>,
    results: &mut Results<'_>,
    at: usize,
    parameters: &Parameters,
) {
    let here = at..at + N;
    let load = |values: &[i32]| -> [i32; N] {
        let values = values[here.clone()].try_into();
        values.expect("a range of N values has N")
    };
    let (target, query) = (&inputs.target[here.clone()], &inputs.query[here.clone()]);
    let both_before = load(inputs.both_before);
    let (above, left) = (load(inputs.above), load(inputs.left));
    let (mut down, mut down_lengths) = (load(inputs.down.0), load(inputs.down.1));
    let (mut right, mut right_lengths) = (load(inputs.right.0), load(inputs.right.1));
    let (mut scores, mut steps) = ([0; N], [0i16; N]);
    for i in 0..N {
        let score = if target[i] == query[i] {
            parameters.matching
        } else {
            parameters.mismatch
        };
        let matched = both_before[i].wrapping_add(score);
        let opened = above[i].wrapping_add(parameters.open);
        let extended = down[i].wrapping_add(parameters.extend);
        down_lengths[i] = if opened > extended {
            1
        } else {
            down_lengths[i].wrapping_add(1)
        };
        down[i] = opened.max(extended);
        let opened = left[i].wrapping_add(parameters.open);
        let extended = right[i].wrapping_add(parameters.extend);
        right_lengths[i] = if opened > extended {
            1
        } else {
            right_lengths[i].wrapping_add(1)
        };
        right[i] = opened.max(extended);
        let gap = right[i].max(down[i]);
        let gap_step = if right[i] >= down[i] {
            right_lengths[i].wrapping_neg()
        } else {
            down_lengths[i]
        };
        scores[i] = matched.max(gap).max(FLOOR);
        steps[i] = if matched >= gap { 0 } else { gap_step as i16 };
    }
    results.down.0[here.clone()].copy_from_slice(&down);
    results.down.1[here.clone()].copy_from_slice(&down_lengths);
    results.right.0[here.clone()].copy_from_slice(&right);
    results.right.1[here.clone()].copy_from_slice(&right_lengths);
    results.scores[here.clone()].copy_from_slice(&scores);
    results.steps[here].copy_from_slice(&steps);
}

#[cfg(test)]
mod tests {
    use super::super::{DANGLING_END, HAPLOTYPE_TO_REFERENCE, READ_TO_HAPLOTYPE, leading_gap};
    use super::*;
    use proptest::prelude::*;

    /// The same table cell by cell, row by row: scores and steps.
    fn row_by_row(
        target: &[u8],
        query: &[u8],
        parameters: &Parameters,
        pays: bool,
    ) -> Vec<Vec<(i32, i32)>> {
        let leading = |length| leading_gap(length, pays, parameters);
        let mut table: Vec<Vec<(i32, i32)>> =
            vec![(0..=query.len()).map(|j| (leading(j), 0)).collect()];
        let mut down = vec![(NEVER, 0); query.len() + 1];
        let longer = |(score, length): (i32, i32), before: i32| {
            let (opened, extended) = (before + parameters.open, score + parameters.extend);
            if opened > extended {
                (opened, 1)
            } else {
                (extended, length + 1)
            }
        };
        for (i, letter) in target.iter().enumerate() {
            let mut row = vec![(leading(i + 1), 0)];
            let mut right = (NEVER, 0);
            for (j, other) in query.iter().enumerate() {
                let equal = if letter == other {
                    parameters.matching
                } else {
                    parameters.mismatch
                };
                let matched = table[i][j].0 + equal;
                down[j + 1] = longer(down[j + 1], table[i][j + 1].0);
                right = longer(right, row[j].0);
                let (score, step) = if matched >= down[j + 1].0 && matched >= right.0 {
                    (matched, 0)
                } else if right.0 >= down[j + 1].0 {
                    (right.0, -right.1)
                } else {
                    down[j + 1]
                };
                row.push((score.max(FLOOR), step));
            }
            table.push(row);
        }
        table
    }

    proptest! {
        #[test]
        fn diagonals_give_the_table_of_rows(
            target in prop::collection::vec(prop::sample::select(b"ACG".to_vec()), 1..90),
            query in prop::collection::vec(prop::sample::select(b"ACG".to_vec()), 1..90),
            pays: bool,
        ) {
            for parameters in [DANGLING_END, HAPLOTYPE_TO_REFERENCE, READ_TO_HAPLOTYPE] {
                let mut diagonals = Diagonals::default();
                let leading = |length| leading_gap(length, pays, &parameters);
                diagonals.fill(&target, &query, &parameters, leading);
                let table = row_by_row(&target, &query, &parameters, pays);
                for (i, row) in table.iter().enumerate() {
                    for (j, &(_, expected)) in row.iter().enumerate().skip(1).filter(|_| i > 0) {
                        let step = diagonals.step((i, j), target.len());
                        prop_assert_eq!(i32::from(step), expected);
                    }
                    prop_assert_eq!(diagonals.last[0][i], row[query.len()].0);
                }
                for (j, &(expected, _)) in table[target.len()].iter().enumerate() {
                    prop_assert_eq!(diagonals.last[1][j], expected);
                }
            }
        }
    }
}
