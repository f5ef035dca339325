//! Searches that go along a read base by base, many in turns: each asks for the memory of its
//! next step and finds it in the cache when its turn comes round.
#![allow(
    unsafe_code,
    reason = "counting bits in one instruction after the CPU was asked"
)]

use super::occ::{FmIndex, Interval};
use std::cell::Cell;

/// Searches that take turns.
pub(crate) const WALKS: usize = 32;

/// A match of a stretch of a read that grows until it is rare or reaches its goal.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Walk<'a> {
    /// Codes of the read; those on the way are known.
    pub read: &'a [u8],
    /// Its rows.
    pub interval: Interval,
    /// Its rows before the last step.
    pub before: Interval,
    /// Where it begins if it grows to the left, else where it ends.
    pub at: usize,
    /// Where it need not grow any more.
    pub goal: usize,
    /// It stops at fewer rows.
    pub least: u64,
    /// Whether it grows to the left.
    pub is_left: bool,
}

impl<'a> Walk<'a> {
    /// Says whether it has nowhere to go.
    pub const fn is_over(&self) -> bool {
        self.at == self.goal || self.interval.size < self.least
    }

    /// Asks for the memory of the next step.
    #[inline(always)]
    pub fn prefetch(&self, fm: &FmIndex<'_>) {
        if self.is_left {
            fm.prefetch(&self.interval);
        } else {
            fm.prefetch(&self.interval.swapped());
        }
    }

    /// Takes in the next base.
    #[inline(always)]
    fn step(mut self, fm: &FmIndex<'_>) -> Walk<'a> {
        self.before = self.interval;
        if self.is_left {
            self.at -= 1;
            self.interval = fm.extend_backward(self.interval, self.read[self.at]);
        } else {
            let code = 3 - self.read[self.at];
            self.interval = fm.extend_backward(self.interval.swapped(), code).swapped();
            self.at += 1;
        }
        self
    }
}

/// Lets each walk of a set (a bit each) take a step; returns the set of those that are over.
pub(crate) fn step_all(fm: &FmIndex<'_>, walks: &[Cell<Walk<'_>>; WALKS], set: u32) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("popcnt") && std::is_x86_feature_detected!("bmi1") {
        // SAFETY: the CPU has just said that it counts bits.
        return unsafe { step_all_popcnt(fm, walks, set) };
    }
    step_set(fm, walks, set)
}

/// The same, compiled for CPUs that count bits.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt,bmi1")]
fn step_all_popcnt(fm: &FmIndex<'_>, walks: &[Cell<Walk<'_>>; WALKS], set: u32) -> u32 {
    step_set(fm, walks, set)
}

#[inline(always)]
fn step_set(fm: &FmIndex<'_>, walks: &[Cell<Walk<'_>>; WALKS], mut set: u32) -> u32 {
    let mut over = 0;
    while set != 0 {
        let at = set.trailing_zeros();
        set &= set - 1;
        let cell = &walks[at as usize % WALKS];
        let walk = cell.get().step(fm);
        if walk.is_over() {
            over |= 1 << at;
        } else {
            walk.prefetch(fm);
        }
        cell.set(walk);
    }
    over
}
