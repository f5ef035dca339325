//! Local alignment in striped lanes (Farrar 2007), for reads whose scores fit the lanes.
//!
//! Column c of the matrix is lane c / s of vector c mod s, with s vectors a row. The lanes are
//! plain arrays, which the compiler turns into vector instructions; the same code is compiled
//! once for the baseline and once for AVX2. The scalar twin is [`super::local`].
#![allow(
    unsafe_code,
    reason = "calling the AVX2 version after the CPU was asked"
)]

use super::level::Level;
use super::local::{Cell, Goal};
use crate::Options;
use std::ops::Range;

/// An unsigned integer with saturating arithmetic.
pub(crate) trait Lane: Copy + Ord + Default + std::fmt::Debug {
    /// Largest value.
    const MAX: Self;
    /// Converts, cut to the range.
    fn from_i32(value: i32) -> Self;
    /// Converts.
    fn to_i32(self) -> i32;
    /// Adds, cut to the range.
    fn plus(self, other: Self) -> Self;
    /// Subtracts, cut to the range.
    fn minus(self, other: Self) -> Self;
}

impl Lane for u8 {
    const MAX: Self = Self::MAX;
    #[inline(always)]
    fn from_i32(value: i32) -> Self {
        value.clamp(0, 255) as Self
    }
    #[inline(always)]
    fn to_i32(self) -> i32 {
        i32::from(self)
    }
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.saturating_add(other)
    }
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.saturating_sub(other)
    }
}

impl Lane for u16 {
    const MAX: Self = Self::MAX;
    #[inline(always)]
    fn from_i32(value: i32) -> Self {
        value.clamp(0, 65_535) as Self
    }
    #[inline(always)]
    fn to_i32(self) -> i32 {
        i32::from(self)
    }
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.saturating_add(other)
    }
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.saturating_sub(other)
    }
}

/// The reference, and the stretches of it whose rows count.
pub(crate) type Rows<'a> = (&'a [u8], &'a [Range<usize>]);

/// One vector.
type Vector<T, const N: usize> = [T; N];

/// Memory of the kernel for lanes of one width.
#[derive(Debug)]
pub(crate) struct Striped<T, const N: usize> {
    /// Vectors a row.
    stride: usize,
    h: Vec<Vector<T, N>>,
    h_before: Vec<Vector<T, N>>,
    e: Vec<Vector<T, N>>,
    best: Vec<Vector<T, N>>,
    /// Scores of the five codes, raised by `bias` so that none is negative.
    profile: Vec<Vector<T, N>>,
    /// What is taken off again; columns that do not count lose everything.
    bias: Vec<Vector<T, N>>,
    costs: [T; 4],
    level: Level,
}

impl<T: Lane, const N: usize> Default for Striped<T, N> {
    fn default() -> Self {
        Self {
            stride: 0,
            h: Vec::new(),
            h_before: Vec::new(),
            e: Vec::new(),
            best: Vec::new(),
            profile: Vec::new(),
            bias: Vec::new(),
            costs: [T::default(); 4],
            level: Level::Scalar,
        }
    }
}

impl<T: Lane, const N: usize> Striped<T, N> {
    /// Takes a read; `padded` columns count, those beyond it score 0.
    pub fn prepare(&mut self, options: &Options, query: &[u8], padded: usize) {
        self.level = options.level;
        self.stride = padded.div_ceil(N);
        let stride = self.stride;
        let zero = [T::default(); N];
        for vectors in [&mut self.h, &mut self.h_before, &mut self.e, &mut self.best] {
            vectors.clear();
            vectors.resize(stride, zero);
        }
        let bias = options.mismatch_penalty.max(1);
        self.bias.clear();
        self.bias.resize(stride, [T::MAX; N]);
        self.profile.clear();
        self.profile.resize(5 * stride, zero);
        for column in 0..padded {
            let (vector, lane) = (column % stride, column / stride);
            self.bias[vector][lane] = T::from_i32(bias);
            for base in 0..5 {
                let score = query
                    .get(column)
                    .map_or(0, |&code| options.score(base as u8, code));
                self.profile[base * stride + vector][lane] = T::from_i32(score + bias);
            }
        }
        self.costs = [
            options.gap_extend_deletion,
            options.first_deletion(),
            options.gap_extend_insertion,
            options.first_insertion(),
        ]
        .map(T::from_i32);
    }

    /// Fills the matrix and returns its best cell; see [`super::local::LocalAligner`].
    pub fn run(&mut self, rows: Rows<'_>, goal: Goal, listed: &mut Vec<(i32, i32)>) -> Cell {
        #[cfg(target_arch = "x86_64")]
        if self.level.min(Level::detected()) >= Level::Avx2 {
            // SAFETY: the CPU has just said that it knows AVX2.
            return unsafe { run_avx2(self, rows, goal, listed) };
        }
        run(self, rows, goal, listed)
    }

    /// Returns the first column of the best row that holds `max`.
    fn column_of(&self, max: T) -> i32 {
        let mut first = i32::MAX;
        for (vector, lanes) in self.best.iter().enumerate() {
            if let Some(lane) = lanes.iter().position(|&h| h == max) {
                first = first.min((vector + lane * self.stride) as i32);
            }
        }
        first
    }
}

/// The same, compiled for AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn run_avx2<T: Lane, const N: usize>(
    striped: &mut Striped<T, N>,
    rows: Rows<'_>,
    goal: Goal,
    listed: &mut Vec<(i32, i32)>,
) -> Cell {
    run(striped, rows, goal, listed)
}

#[inline(always)]
fn run<T: Lane, const N: usize>(
    striped: &mut Striped<T, N>,
    (reference, stretches): Rows<'_>,
    goal: Goal,
    listed: &mut Vec<(i32, i32)>,
) -> Cell {
    let mut best = Cell::NONE;
    'stretches: for stretch in stretches {
        striped.h.fill([T::default(); N]);
        striped.e.fill([T::default(); N]);
        for (row, &base) in (stretch.start as i32..).zip(&reference[stretch.clone()]) {
            let least = T::from_i32(goal.listed.min(best.score.saturating_add(1)));
            let Some(max) = next_row(striped, base, least) else {
                continue;
            };
            let score = max.to_i32();
            goal.list(listed, score, row);
            if score > best.score {
                best.score = score;
                best.row = row;
                striped.best.copy_from_slice(&striped.h);
                if score >= goal.enough {
                    break 'stretches;
                }
            }
        }
    }
    if best.score > 0 {
        best.column = striped.column_of(T::from_i32(best.score));
    }
    best
}

/// Computes the next row of H and E; returns the maximum of the row if that is at least `least`.
#[inline(always)]
fn next_row<T: Lane, const N: usize>(striped: &mut Striped<T, N>, base: u8, least: T) -> Option<T> {
    let stride = striped.stride;
    std::mem::swap(&mut striped.h, &mut striped.h_before);
    let costs = &striped.costs;
    let (extend_deletion, open_deletion) = ([costs[0]; N], [costs[1]; N]);
    let (extend_insertion, open_insertion) = ([costs[2]; N], [costs[3]; N]);
    let scores = &striped.profile[base as usize * stride..][..stride];
    let bias = &striped.bias[..stride];
    let before = &striped.h_before[..stride];
    let (h, e) = (&mut striped.h[..stride], &mut striped.e[..stride]);
    let &last = before.last()?;
    let mut diagonal = shift(last);
    let mut f = [T::default(); N];
    let mut max = [T::default(); N];
    for at in 0..stride {
        let mut here = zip(zip(diagonal, scores[at], T::plus), bias[at], T::minus);
        here = zip(zip(here, e[at], T::max), f, T::max);
        max = zip(max, here, T::max);
        h[at] = here;
        let opened = zip(here, open_deletion, T::minus);
        e[at] = zip(zip(e[at], extend_deletion, T::minus), opened, T::max);
        let opened = zip(here, open_insertion, T::minus);
        f = zip(zip(f, extend_insertion, T::minus), opened, T::max);
        diagonal = before[at];
    }
    carry_over(h, f, (extend_insertion, open_insertion));
    let mut is_enough = false;
    for lane in max {
        is_enough |= lane >= least;
    }
    is_enough.then(|| max.into_iter().fold(T::default(), T::max))
}

/// Carries insertions from the end of each lane into the next, as long as they matter.
///
/// A deletion cannot begin behind one of them with profit: deletion first scores the same.
#[inline(always)]
fn carry_over<T: Lane, const N: usize>(
    h: &mut [Vector<T, N>],
    mut f: Vector<T, N>,
    (extend, open): (Vector<T, N>, Vector<T, N>),
) {
    for _ in 0..N {
        f = shift(f);
        for here in &mut *h {
            let opened = zip(*here, open, T::minus);
            *here = zip(*here, f, T::max);
            f = zip(f, extend, T::minus);
            let mut matters = false;
            for lane in 0..N {
                matters |= f[lane] > opened[lane];
            }
            if !matters {
                return;
            }
        }
    }
}

#[inline(always)]
fn zip<T: Lane, const N: usize>(
    mut one: Vector<T, N>,
    other: Vector<T, N>,
    combine: impl Fn(T, T) -> T,
) -> Vector<T, N> {
    for lane in 0..N {
        one[lane] = combine(one[lane], other[lane]);
    }
    one
}

/// Moves every lane up by one; the lowest becomes 0.
#[expect(
    clippy::manual_memcpy,
    reason = "a copy goes through memory, single lanes become one shuffle"
)]
#[inline(always)]
fn shift<T: Lane, const N: usize>(vector: Vector<T, N>) -> Vector<T, N> {
    let mut shifted = [T::default(); N];
    for lane in 1..N {
        shifted[lane] = vector[lane - 1];
    }
    shifted
}
