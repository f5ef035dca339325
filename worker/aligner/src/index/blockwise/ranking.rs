//! How many suffixes behind a block are less than each suffix that begins in it.
//!
//! One step leads from a suffix to the one longer by a symbol. A block is cut into stretches that
//! take their steps in turns, so that memory is not waited for. A stretch begins without knowing
//! what follows it: with the least and the greatest number possible, which meet after some steps.
//! What came before they met is done again once the stretch behind is known.
#![allow(
    unsafe_code,
    reason = "counting bits in one instruction after the CPU was asked"
)]

use super::place::Place;
use super::transform::Transform;
use crate::index::text::Text;

/// Stretches of a thread.
const STRETCHES: usize = 32;

/// Part of a block.
struct Stretch<'a> {
    /// Where it begins in the text.
    start: u64,
    places: &'a mut [Place],
    /// Places not yet known.
    left: usize,
    /// Bounds of the next row.
    low: u64,
    high: u64,
    /// The symbol of the next step.
    code: u8,
    /// Places that were told after the bounds had met.
    exact: usize,
}

/// Fills in the places of the block that begins at `start` and ends where the transform's text
/// begins, on several threads.
pub fn rank(
    text: Text<'_>,
    transform: &Transform,
    (start, places): (u64, &mut [Place]),
    threads: usize,
) {
    let size = places.len().div_ceil(STRETCHES * threads.max(1));
    let end = start + places.len() as u64;
    let chunks = (start..).step_by(size).zip(places.chunks_mut(size));
    let mut stretches: Vec<_> = chunks
        .map(|(start, places)| Stretch::new(text, transform, (start, places), end))
        .collect();
    std::thread::scope(|scope| {
        for group in stretches.chunks_mut(STRETCHES) {
            scope.spawn(|| take_steps(text, transform, group));
        }
    });
    let mut row = transform.primary();
    for stretch in stretches.iter_mut().rev() {
        stretch.repair(text, transform, row);
        row = stretch.places[0].row();
    }
}

/// Takes all steps of some stretches in turns.
fn take_steps(text: Text<'_>, transform: &Transform, stretches: &mut [Stretch<'_>]) {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("popcnt") && std::is_x86_feature_detected!("bmi1") {
        // SAFETY: the CPU has just said that it counts bits.
        return unsafe { take_steps_popcnt(text, transform, stretches) };
    }
    take_all_steps(text, transform, stretches);
}

/// The same, compiled for CPUs that count bits.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt,bmi1")]
fn take_steps_popcnt(text: Text<'_>, transform: &Transform, stretches: &mut [Stretch<'_>]) {
    take_all_steps(text, transform, stretches);
}

#[inline(always)]
fn take_all_steps(text: Text<'_>, transform: &Transform, stretches: &mut [Stretch<'_>]) {
    let most = stretches.iter().map(|stretch| stretch.left).max();
    for _ in 0..most.unwrap_or(0) {
        for stretch in &mut *stretches {
            if stretch.left > 0 {
                stretch.step(text, transform);
            }
        }
    }
}

impl<'a> Stretch<'a> {
    fn new(
        text: Text<'_>,
        transform: &Transform,
        (start, places): (u64, &'a mut [Place]),
        block_end: u64,
    ) -> Self {
        let end = start + places.len() as u64;
        let is_last = end == block_end;
        let (low, high) = match is_last {
            true => (transform.primary(), transform.primary()),
            false => (0, transform.rows()),
        };
        Self {
            start,
            left: places.len(),
            exact: if is_last { places.len() } else { 0 },
            places,
            low,
            high,
            code: text.code(end - 1),
        }
    }

    /// Goes on by one symbol to the left.
    #[inline(always)]
    fn step(&mut self, text: Text<'_>, transform: &Transform) {
        self.left -= 1;
        let is_exact = self.low == self.high;
        self.low = transform.extend(self.low, self.code);
        if is_exact {
            self.high = self.low;
        } else {
            self.high = transform.extend(self.high, self.code);
            transform.prefetch(self.high);
            if self.low == self.high {
                self.exact = self.left + 1;
            }
        }
        transform.prefetch(self.low);
        self.code = before(text, self.start + self.left as u64);
        self.places[self.left] = Place::new(self.low, self.code);
    }

    /// Does the steps again that began without knowing what follows: `row` is where that stands.
    fn repair(&mut self, text: Text<'_>, transform: &Transform, mut row: u64) {
        for at in (self.exact..self.places.len()).rev() {
            let position = self.start + at as u64;
            row = transform.extend(row, text.code(position));
            self.places[at] = Place::new(row, before(text, position));
        }
    }
}

/// Returns the symbol before a position; anything at the very first.
#[inline(always)]
fn before(text: Text<'_>, position: u64) -> u8 {
    position
        .checked_sub(1)
        .map_or(0, |before| text.code(before))
}
