//! The forward recurrence over a group of reads, one read a lane.
//!
//! Rows i are read bases, columns j haplotype bases; with ε the error of base i, δ and ι the
//! probabilities of a deletion and an insertion, γ that a gap goes on:
//!
//! ```text
//! M[i][j] = e·(M[i−1][j−1]·(1 − (ι + δ)) + (I[i−1][j−1] + D[i−1][j−1])·(1 − γ))
//! I[i][j] = M[i−1][j]·ι + I[i−1][j]·γ
//! D[i][j] = M[i][j−1]·δ + D[i][j−1]·γ        e = 1 − ε for equal letters or N, else ε/3
//! D[0][j] = 1 / (haplotype length); the result is the sum of M and I over the last row.
//! ```
//!
//! The order of operations, and which of them are fused, is that of GATK's native AVX-512 kernel.
//! Source: Durbin et al. 1998, §4.2; Vasimuddin et al. 2019 (GKL).

use super::ReadQualities;
use super::lanes::{Lanes, Number};
use genome::base;

/// Probabilities of one row.
#[derive(Clone, Copy)]
struct Row<V> {
    stay: V,
    insertion: V,
    deletion: V,
    /// e for each base code of the haplotype.
    emission: [V; 5],
}

/// One column's M, I and D of a row.
#[derive(Clone, Copy)]
struct Cell<V> {
    m: V,
    i: V,
    d: V,
}

/// A group of at most [`Lanes::COUNT`] reads, and memory for its rows.
pub(super) struct Group<V> {
    rows: Vec<Row<V>>,
    /// Lengths of the reads, one a lane.
    lengths: Vec<usize>,
    cells: Vec<Cell<V>>,
}

impl<V: Lanes> Group<V> {
    /// Makes a group without reads.
    pub const fn new() -> Self {
        Self {
            rows: Vec::new(),
            lengths: Vec::new(),
            cells: Vec::new(),
        }
    }

    /// Takes other reads, at most [`Lanes::COUNT`].
    ///
    /// # Safety
    /// The CPU has the features of `V`.
    #[inline(always)]
    pub unsafe fn set_reads(&mut self, reads: &[ReadQualities<'_>]) {
        debug_assert!(reads.len() <= V::COUNT);
        self.lengths.clear();
        self.lengths
            .extend(reads.iter().map(|read| read.bases.len()));
        let longest = self.lengths.iter().copied().max().unwrap_or(0);
        self.rows.clear();
        let mut lanes = vec![[V::Number::ZERO; 8]; V::COUNT];
        let mut column = vec![V::Number::ZERO; V::COUNT];
        for index in 0..longest {
            for (lane, read) in lanes.iter_mut().zip(reads) {
                *lane = row_of(read, index);
            }
            let mut gather = |field: usize| {
                for (value, lane) in column.iter_mut().zip(&lanes) {
                    *value = lane[field];
                }
                // SAFETY: the caller vouches for the CPU; `column` has one value a lane.
                unsafe { V::load(&column) }
            };
            let row = Row {
                stay: gather(0),
                insertion: gather(1),
                deletion: gather(2),
                emission: [gather(3), gather(4), gather(5), gather(6), gather(7)],
            };
            self.rows.push(row);
        }
    }

    /// Writes the scaled likelihood of each read on a haplotype of base codes.
    ///
    /// With `EVERY_STEP`, each operation flushes what lies below the normal range to 0, as a CPU in
    /// that mode does; without, each cell flushes what lies below [`Number::SMALLEST`].
    ///
    /// # Safety
    /// The CPU has the features of `V`.
    #[inline(always)]
    pub unsafe fn sums<const EVERY_STEP: bool>(
        &mut self,
        haplotype: &[u8],
        gap_continuation: u8,
        sums: &mut [V::Number],
    ) {
        // SAFETY: the caller vouches for the CPU in all calls below.
        unsafe {
            let zero = V::splat(V::Number::ZERO);
            let start = V::Number::SCALE.divide(haplotype.len());
            let first = Cell {
                m: zero,
                i: zero,
                d: V::splat(start),
            };
            self.cells.clear();
            self.cells.resize(haplotype.len() + 1, first);
            let gap = V::Number::probabilities().error(gap_continuation);
            let gaps = [V::splat(gap), V::splat(gap.complement())];
            for index in 0..self.rows.len() {
                let row = self.rows[index];
                sweep::<V, EVERY_STEP>(&row, gaps, haplotype, &mut self.cells);
                if self.lengths.contains(&(index + 1)) {
                    self.take_sums(index + 1, sums);
                }
            }
        }
    }

    /// Sums up the present row for the reads that end with it.
    ///
    /// # Safety
    /// The CPU has the features of `V`.
    #[inline(always)]
    unsafe fn take_sums(&self, length: usize, sums: &mut [V::Number]) {
        // SAFETY: the caller vouches for the CPU in all calls below.
        unsafe {
            let mut matches = V::splat(V::Number::ZERO);
            let mut insertions = matches;
            for cell in &self.cells[1..] {
                matches = matches.plus(cell.m);
                insertions = insertions.plus(cell.i);
            }
            let mut lanes = vec![V::Number::ZERO; V::COUNT];
            matches.plus(insertions).store(&mut lanes);
            for (lane, &end) in self.lengths.iter().enumerate() {
                if end == length {
                    sums[lane] = lanes[lane];
                }
            }
        }
    }
}

/// Replaces the row above by the next one.
///
/// # Safety
/// The CPU has the features of `V`.
#[inline(always)]
unsafe fn sweep<V: Lanes, const EVERY_STEP: bool>(
    row: &Row<V>,
    [gap, no_gap]: [V; 2],
    haplotype: &[u8],
    cells: &mut [Cell<V>],
) {
    // SAFETY: the caller vouches for the CPU in all calls below.
    unsafe {
        let zero = V::splat(V::Number::ZERO);
        let normal = V::splat(V::Number::NORMAL);
        let smallest = if EVERY_STEP {
            normal
        } else {
            V::splat(V::Number::SMALLEST)
        };
        let step = |value: V| {
            if EVERY_STEP {
                value.flushed(normal)
            } else {
                value
            }
        };
        let Some((corner, rest)) = cells.split_first_mut() else {
            return;
        };
        let mut diagonal = *corner;
        let mut left = Cell {
            m: zero,
            i: zero,
            d: zero,
        };
        *corner = left;
        for (cell, &code) in rest.iter_mut().zip(haplotype) {
            let above = *cell;
            let stayed = step(diagonal.m.times(row.stay));
            let inserted = step(diagonal.i.times_plus(no_gap, stayed));
            let reached = step(diagonal.d.times_plus(no_gap, inserted));
            let opened = step(above.m.times(row.insertion));
            let deleted = step(left.m.times(row.deletion));
            left = Cell {
                m: reached
                    .times(row.emission[usize::from(code)])
                    .flushed(smallest),
                i: above.i.times_plus(gap, opened).flushed(smallest),
                d: left.d.times_plus(gap, deleted).flushed(smallest),
            };
            *cell = left;
            diagonal = above;
        }
    }
}

/// Returns stay, ι, δ and e for the five codes of base `index`; zeros beyond the read's end.
fn row_of<T: Number>(read: &ReadQualities<'_>, index: usize) -> [T; 8] {
    let Some(&letter) = read.bases.get(index) else {
        return [T::ZERO; 8];
    };
    let table = T::probabilities();
    let error = table.error(read.base_qualities[index]);
    let (insertion, deletion) = (
        read.insertion_qualities[index],
        read.deletion_qualities[index],
    );
    let code = base::code(letter);
    let emission = |other: u8| {
        if code == other || code == base::AMBIGUOUS || other == base::AMBIGUOUS {
            error.complement()
        } else {
            error.divide(3)
        }
    };
    [
        table.stay(insertion, deletion),
        table.error(insertion),
        table.error(deletion),
        emission(0),
        emission(1),
        emission(2),
        emission(3),
        emission(4),
    ]
}
