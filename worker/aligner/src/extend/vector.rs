//! The extension of a seed, a vector of columns at a time; the scalar twin is [`super::scalar`].
//!
//! Gaps open from M alone, so that a row needs no second look: M and E follow from the row
//! before, and F\[j\] = max over k < j of M\[k\] - open - (j - k) extend is a running maximum, found
//! in log2 steps within a vector and carried into the next. Scores are unsigned and stop at 0.
#![allow(
    unsafe_code,
    reason = "functions for CPUs that have what they are compiled for"
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

use super::scalar::{Extension, Problem, Row, Rows, Window, extend_rows};
use crate::Options;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256i, __m512i};

/// Columns of the widest vector; buffers are this much longer than the read.
const MOST_LANES: usize = 32;
/// Scores stay below this, and sums of two of them within 16 bits.
const MOST_SCORE: i32 = 1 << 14;
/// 32 lanes whose lowest `n` are all ones begin at `32 - n`.
const LANE_MASKS: [u16; 64] = {
    let mut masks = [0; 64];
    let mut at = 0;
    while at < 32 {
        masks[at] = u16::MAX;
        at += 1;
    }
    masks
};

/// A vector of 16-bit lanes. Its methods need the CPU to know the instructions.
trait Lanes: Copy {
    const COUNT: usize;
    fn splat(value: u16) -> Self;
    /// Loads lanes from the front of a slice that has enough.
    fn load(from: &[u16]) -> Self;
    fn store(self, to: &mut [u16]);
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    /// Takes lanes of `self` where the mask is set, else those of `other`.
    fn or_else(self, mask: Self, other: Self) -> Self;
    /// Clears the lanes in which `other` is 0.
    fn where_positive(self, other: Self) -> Self;
    /// Moves lanes up by a power of two, 0 behind them.
    fn up(self, power: u32) -> Self;
    /// Returns the highest lane.
    fn last(self) -> u16;
    /// Returns the greatest lane.
    fn top(self) -> u16;
    /// Returns a bit for each lane that is equal.
    fn equal(self, other: Self) -> u32;
}

/// Memory of the extension.
#[derive(Debug, Default)]
pub(crate) struct VectorExtender {
    h: Vec<u16>,
    e: Vec<u16>,
    /// Scores of the four bases against the read, raised so that none is negative.
    profile: Vec<u16>,
    stride: usize,
}

/// The costs of a row.
struct Costs {
    bias: u16,
    open_deletion: u16,
    extend_deletion: u16,
    open_insertion: u16,
    extend_insertion: u16,
}

impl VectorExtender {
    /// Says whether all scores fit the lanes.
    pub fn fits(options: &Options, problem: &Problem<'_>) -> bool {
        let most = i64::from(options.match_score) * problem.query.len() as i64;
        let costs = [
            options.first_deletion(),
            options.first_insertion(),
            options
                .gap_extend_insertion
                .saturating_mul(MOST_LANES as i32),
            options.mismatch_penalty,
        ];
        i64::from(problem.start_score) + most < i64::from(MOST_SCORE)
            && costs.into_iter().all(|cost| cost < MOST_SCORE)
    }

    /// Extends as the scalar twin does.
    ///
    /// # Safety
    /// The CPU knows AVX-512BW.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx2,bmi1,lzcnt,popcnt")]
    pub unsafe fn extend_avx512(&mut self, options: &Options, problem: &Problem<'_>) -> Extension {
        self.extend::<__m512i>(options, problem)
    }

    /// The same with half the lanes.
    ///
    /// # Safety
    /// The CPU knows AVX2.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,lzcnt,popcnt")]
    pub unsafe fn extend_avx2(&mut self, options: &Options, problem: &Problem<'_>) -> Extension {
        self.extend::<__m256i>(options, problem)
    }

    #[inline(always)]
    fn extend<L: Lanes>(&mut self, options: &Options, problem: &Problem<'_>) -> Extension {
        self.prepare(options, problem);
        let extend_insertion = options.gap_extend_insertion as u16;
        let mut steps = [L::splat(extend_insertion); 5];
        let mut ramp = [0; MOST_LANES];
        for (power, step) in steps.iter_mut().enumerate() {
            *step = L::splat(extend_insertion << power);
        }
        for (lane, cost) in (0..).zip(&mut ramp) {
            *cost = extend_insertion * lane;
        }
        let mut rows = VectorRows::<L> {
            memory: self,
            costs: Costs {
                bias: options.mismatch_penalty.max(1) as u16,
                open_deletion: options.first_deletion() as u16,
                extend_deletion: options.gap_extend_deletion as u16,
                open_insertion: options.first_insertion() as u16,
                extend_insertion,
            },
            window: Window { start: 0, end: 0 },
            max: 0,
            steps,
            ramp: L::load(&ramp),
        };
        extend_rows(&mut rows, options, problem)
    }

    /// Fills the row above the first one and the scores of each base against the read.
    fn prepare(&mut self, options: &Options, problem: &Problem<'_>) {
        let length = problem.query.len();
        self.stride = length + 2 * MOST_LANES;
        for row in [&mut self.h, &mut self.e] {
            row.clear();
            row.resize(self.stride, 0);
        }
        self.h[0] = problem.start_score as u16;
        let mut h = (problem.start_score - options.first_insertion()).max(0);
        for column in &mut self.h[1..=length] {
            *column = h as u16;
            h = (h - options.gap_extend_insertion).max(0);
        }
        let bias = options.mismatch_penalty.max(1);
        self.profile.clear();
        for base in 0..4 {
            let raised = |&code: &u8| (options.score(base, code) + bias) as u16;
            self.profile.extend(problem.query.iter().map(raised));
            self.profile.resize((base as usize + 1) * self.stride, 0);
        }
    }
}

/// The rows of one extension.
struct VectorRows<'a, L> {
    memory: &'a mut VectorExtender,
    costs: Costs,
    /// Window and maximum of the last row.
    window: Window,
    max: u16,
    /// What an insertion costs over 1, 2, 4, 8 and 16 columns.
    steps: [L; 5],
    /// What it costs up to each lane.
    ramp: L,
}

impl<L: Lanes> Rows for VectorRows<'_, L> {
    #[inline(always)]
    fn row(&mut self, base: u8, window: Window, border: i32) -> Row {
        self.window = window;
        self.max = 0;
        if window.start < window.end {
            self.fill(base);
        }
        let (h, e) = (&mut self.memory.h, &mut self.memory.e);
        h[window.start] = border as u16;
        if window.start >= window.end {
            h[window.end] = border as u16;
        }
        e[window.end] = 0;
        Row {
            max: i32::from(self.max),
            last: i32::from(h[window.end]),
        }
    }

    /// Returns the last column that holds the maximum of the row.
    #[inline(always)]
    fn column(&self) -> i32 {
        let Window { start, end } = self.window;
        let max = L::splat(self.max);
        let mut at = start + (end.saturating_sub(start + 1)) / L::COUNT * L::COUNT;
        loop {
            let lanes = (end - at).min(L::COUNT) as u32;
            let equal = L::load(&self.memory.h[at + 1..]).equal(max);
            let equal = equal & (u32::MAX >> (32 - lanes));
            if equal != 0 {
                return at as i32 + 31 - equal.leading_zeros() as i32;
            }
            if at == start {
                return -1;
            }
            at -= L::COUNT;
        }
    }

    #[inline(always)]
    fn is_live(&self, column: usize) -> bool {
        self.memory.h[column] | self.memory.e[column] != 0
    }
}

impl<L: Lanes> VectorRows<'_, L> {
    /// Computes H and E of the columns of the window, and the greatest H.
    #[inline(always)]
    fn fill(&mut self, base: u8) {
        let Window { start, end } = self.window;
        let costs = &self.costs;
        let stride = self.memory.stride;
        let scores = &self.memory.profile[base as usize * stride..][..stride];
        let (h, e) = (&mut self.memory.h[..stride], &mut self.memory.e[..stride]);
        let bias = L::splat(costs.bias);
        let open_deletion = L::splat(costs.open_deletion);
        let extend_deletion = L::splat(costs.extend_deletion);
        let open_insertion = L::splat(costs.open_insertion);
        let (steps, ramp) = (self.steps, self.ramp);
        let all_lanes = costs.extend_insertion * L::COUNT as u16;
        let (mut f_before, mut top) = (0, L::splat(0));
        let mut next = L::load(&h[start..]);
        let mut at = start;
        while at < end {
            let diagonal = next;
            next = L::load(&h[at + L::COUNT..]);
            let raised = diagonal.plus(L::load(&scores[at..]));
            let m = raised.minus(bias).where_positive(diagonal);
            let e_here = L::load(&e[at..]);
            let mut opened = m.minus(open_insertion);
            for power in 0..L::COUNT.trailing_zeros() {
                opened = opened.max(opened.up(power).minus(steps[power as usize]));
            }
            let f = opened.up(0).max(L::splat(f_before).minus(ramp));
            let here = m.max(e_here).max(f);
            let e_next = e_here.minus(extend_deletion).max(m.minus(open_deletion));
            if at + L::COUNT <= end {
                e_next.store(&mut e[at..]);
                here.store(&mut h[at + 1..]);
                top = top.max(here);
            } else {
                let mask = L::load(&LANE_MASKS[32 - (end - at)..]);
                e_next.or_else(mask, e_here).store(&mut e[at..]);
                let old = L::load(&h[at + 1..]);
                here.or_else(mask, old).store(&mut h[at + 1..]);
                top = top.max(here.and(mask));
            }
            f_before = opened.last().max(f_before.saturating_sub(all_lanes));
            at += L::COUNT;
        }
        self.max = top.top();
    }
}
