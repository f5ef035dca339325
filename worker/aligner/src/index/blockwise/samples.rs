//! The sampled suffix array out of a finished transform.
//!
//! Where some suffixes stand is followed while the transform grows; from each of them a walk goes
//! to the left through the text, as far as the next one, and notes the rows that are sampled.
#![allow(
    unsafe_code,
    reason = "counting bits in one instruction after the CPU was asked"
)]

use super::place::Place;
use super::transform::Transform;
use crate::index::header::{SAMPLE_SHIFT, needs_high_bytes};
use std::ops::Range;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

/// At least so many walks, if the text is long enough.
const WALKS: u64 = 64;
/// Walks that take turns.
const WALKS_AT_ONCE: usize = 32;

/// Suffixes whose rows are followed.
#[derive(Debug)]
pub struct Marks {
    /// Positions in the text that are multiples of this power of two are marked.
    spacing: u64,
    /// Position and row, in the order in which they came: right to left, but not within a block.
    marks: Vec<(u64, u64)>,
}

impl Marks {
    /// Starts with the empty suffix of a text.
    pub fn new(symbols: u64) -> Self {
        let spacing = (symbols / WALKS).max(1);
        Self {
            spacing: 1 << spacing.ilog2(),
            marks: vec![(symbols, 0)],
        }
    }

    /// Follows the insertion of the block that begins at `start`.
    pub fn insert(&mut self, start: u64, order: &[i32], places: &[Place]) {
        let place = |at: i32| places[at.cast_unsigned() as usize];
        for (_, row) in &mut self.marks {
            *row += order.partition_point(|&at| place(at).row() <= *row) as u64;
        }
        for (rank, &at) in (0u64..).zip(order) {
            let position = start + u64::from(at.cast_unsigned());
            if position & (self.spacing - 1) == 0 {
                self.marks.push((position, place(at).row() + rank));
            }
        }
    }

    /// Returns the walks: each from a mark down to the one before it.
    fn walks(&self) -> Vec<Walk> {
        let mut marks = self.marks.clone();
        marks.sort_unstable();
        let ends = std::iter::once(0).chain(marks.iter().map(|&(position, _)| position + 1));
        let walk = |(end, &(position, row))| Walk { position, row, end };
        ends.zip(&marks).map(walk).collect()
    }
}

/// A walk at the suffix at `position`, down to that at `end`.
#[derive(Debug, Clone, Copy)]
struct Walk {
    position: u64,
    row: u64,
    end: u64,
}

/// Samples of some rows.
#[derive(Debug)]
pub struct Samples {
    first: u64,
    low: Vec<AtomicU32>,
    /// Those of all rows, if any needs it.
    high: Vec<AtomicU8>,
}

/// Returns the number of sampled rows.
pub const fn sample_count(rows: u64) -> u64 {
    rows.div_ceil(1 << SAMPLE_SHIFT)
}

impl Samples {
    /// Makes room for the low halves of the samples of a range, and for all high bytes.
    pub fn with_room(range: &Range<u64>, rows: u64) -> Self {
        let high = match needs_high_bytes(rows) {
            true => sample_count(rows),
            false => 0,
        };
        Self {
            first: range.start,
            low: (range.start..range.end)
                .map(|_| AtomicU32::new(0))
                .collect(),
            high: (0..high).map(|_| AtomicU8::new(0)).collect(),
        }
    }

    /// Begins with another range; the high bytes stay.
    pub fn move_to(&mut self, range: &Range<u64>) {
        self.first = range.start;
        self.low.truncate((range.end - range.start) as usize);
    }

    /// Returns the low halves of the range.
    pub fn low(&self) -> impl Iterator<Item = u32> {
        self.low.iter().map(|low| low.load(Relaxed))
    }

    /// Returns the high bytes of all samples.
    pub fn high(&self) -> impl Iterator<Item = u8> {
        self.high.iter().map(|high| high.load(Relaxed))
    }

    /// Walks through the whole text on several threads.
    pub fn fill(&self, transform: &Transform, marks: &Marks, threads: usize) {
        let mut walks = marks.walks();
        let size = walks.len().div_ceil(threads.max(1));
        std::thread::scope(|scope| {
            for share in walks.chunks_mut(size) {
                scope.spawn(|| {
                    let turns = share.chunks_mut(WALKS_AT_ONCE);
                    turns.for_each(|walks| self.walk(transform, walks));
                });
            }
        });
    }

    fn walk(&self, transform: &Transform, walks: &mut [Walk]) {
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("popcnt") && std::is_x86_feature_detected!("bmi1") {
            // SAFETY: the CPU has just said that it counts bits.
            return unsafe { self.walk_popcnt(transform, walks) };
        }
        self.walk_all(transform, walks);
    }

    /// The same, compiled for CPUs that count bits.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "popcnt,bmi1")]
    fn walk_popcnt(&self, transform: &Transform, walks: &mut [Walk]) {
        self.walk_all(transform, walks);
    }

    #[inline(always)]
    fn walk_all(&self, transform: &Transform, walks: &mut [Walk]) {
        let mut count = walks.len();
        while count > 0 {
            let mut at = 0;
            while at < count {
                let walk = &mut walks[at];
                self.note(walk);
                if walk.position == walk.end {
                    count -= 1;
                    walks.swap(at, count);
                    continue;
                }
                walk.position -= 1;
                walk.row = transform.previous(walk.row);
                transform.prefetch(walk.row);
                at += 1;
            }
        }
    }

    #[inline(always)]
    fn note(&self, walk: &Walk) {
        if walk.row & ((1 << SAMPLE_SHIFT) - 1) != 0 {
            return;
        }
        let sample = walk.row >> SAMPLE_SHIFT;
        let here = sample.checked_sub(self.first);
        if let Some(low) = here.and_then(|here| self.low.get(here as usize)) {
            low.store(walk.position as u32, Relaxed);
        }
        if let Some(high) = self.high.get(sample as usize) {
            high.store((walk.position >> 32) as u8, Relaxed);
        }
    }
}
