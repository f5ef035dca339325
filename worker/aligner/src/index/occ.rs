//! The FM-index: Burrows–Wheeler transform with interleaved counts, over both strands.
//!
//! Row r of the transform is the symbol before the r-th smallest suffix; row 0 is the empty
//! suffix, and the row of the whole text (`primary`) holds the end marker, which is not stored.
#![allow(
    unsafe_code,
    reason = "counting bits in one instruction after the CPU was asked"
)]

use super::header::{SAMPLE_SHIFT, needs_high_bytes};
use super::text::Text;
use super::words::Words;

/// Symbols in a block.
pub(crate) const BLOCK_SYMBOLS: u64 = 128;
/// Bytes of a block: one cache line.
pub(crate) const BLOCK_BYTES: usize = size_of::<Block>();
/// Rows that are located in lock-step.
const ROWS_AT_ONCE: usize = 32;

/// 128 symbols of the transform: counts of each base before them, then the two bits of each
/// symbol in separate words.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(64))]
pub(crate) struct Block {
    pub counts: [u64; 4],
    pub high: [u64; 2],
    pub low: [u64; 2],
}

impl Block {
    /// Sets the symbol at an index below 128, which was 0 before.
    pub fn set(&mut self, index: u64, code: u8) {
        let (word, bit) = ((index / 64) as usize, index % 64);
        self.high[word] |= u64::from(code >> 1) << bit;
        self.low[word] |= u64::from(code & 1) << bit;
    }

    /// Returns the symbol at an index below 128.
    #[inline(always)]
    pub const fn code(&self, index: u32) -> u8 {
        let (word, bit) = ((index / 64) as usize, index % 64);
        ((self.high[word] >> bit & 1) << 1 | self.low[word] >> bit & 1) as u8
    }

    /// Returns how often a code stands before an index of this block, in it and before it.
    #[inline(always)]
    pub fn count(&self, code: u8, index: u32) -> u64 {
        let flip = |flag: u8| u64::from(flag & 1).wrapping_sub(1);
        let (high, low) = (flip(code >> 1), flip(code));
        let same = |word: usize| (self.high[word] ^ high) & (self.low[word] ^ low);
        let within = (same(0) & low_bits(index)).count_ones()
            + (same(1) & low_bits(index.saturating_sub(64))).count_ones();
        self.counts[usize::from(code & 3)] + u64::from(within)
    }

    /// Returns the bytes as they stand in a file.
    pub fn to_bytes(self) -> [u8; BLOCK_BYTES] {
        let words = [
            self.counts[0],
            self.counts[1],
            self.counts[2],
            self.counts[3],
            self.high[0],
            self.high[1],
            self.low[0],
            self.low[1],
        ];
        let mut bytes = [0; BLOCK_BYTES];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

/// The rows whose suffixes begin with a string, and those that begin with its reverse
/// complement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Interval {
    /// First row of the string.
    pub forward: u64,
    /// First row of its reverse complement.
    pub reverse: u64,
    /// Number of rows of either.
    pub size: u64,
}

impl Interval {
    /// Exchanges the string with its reverse complement.
    #[inline]
    pub const fn swapped(self) -> Self {
        Self {
            forward: self.reverse,
            reverse: self.forward,
            size: self.size,
        }
    }
}

/// Read access to an FM-index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FmIndex<'a> {
    blocks: &'a [Block],
    samples_low: &'a [u32],
    samples_high: &'a [u8],
    /// The bases themselves.
    pub text: Text<'a>,
    /// The rows of short words.
    pub words: Words<'a>,
    primary: u64,
    /// First row of the suffixes that begin with each base; last the number of rows.
    first_rows: [u64; 5],
}

impl<'a> FmIndex<'a> {
    /// Wraps the sections of an index.
    pub fn new(
        blocks: &'a [Block],
        samples: (&'a [u32], &'a [u8]),
        (text, words): (Text<'a>, Words<'a>),
        (primary, base_counts): (u64, [u64; 4]),
    ) -> Self {
        let mut first_rows = [1; 5];
        for code in 0..4 {
            first_rows[code + 1] = first_rows[code] + base_counts[code];
        }
        assert!(blocks.len() as u64 * BLOCK_SYMBOLS >= first_rows[4]);
        assert!((samples.0.len() as u64) << SAMPLE_SHIFT >= first_rows[4]);
        assert!(!needs_high_bytes(first_rows[4]) || samples.1.len() == samples.0.len());
        Self {
            blocks,
            samples_low: samples.0,
            samples_high: samples.1,
            text,
            words,
            primary,
            first_rows,
        }
    }

    /// Returns the interval of one base.
    #[inline]
    pub fn of_base(&self, code: u8) -> Interval {
        let code = code as usize;
        Interval {
            forward: self.first_rows[code],
            reverse: self.first_rows[3 - code],
            size: self.first_rows[code + 1] - self.first_rows[code],
        }
    }

    /// Returns the interval of a word of [`Words`], given by length and number, and of its reverse
    /// complement; the size is cut to what an entry can tell.
    #[inline(always)]
    pub fn of_word(&self, length: usize, (word, reverse): (usize, usize)) -> Interval {
        let (forward, size) = self.words.rows(length, word);
        Interval {
            forward,
            reverse: self.words.rows(length, reverse).0,
            size,
        }
    }

    /// Returns the interval of the string with a base put before it.
    #[inline(always)]
    pub fn extend_backward(&self, interval: Interval, code: u8) -> Interval {
        let Interval {
            forward,
            reverse,
            size,
        } = interval;
        let before = self.ranks(forward);
        let through = self.ranks(forward + size);
        let has_end = forward <= self.primary && self.primary < forward + size;
        let code = (code & 3) as usize;
        let mut next = reverse + u64::from(has_end);
        for other in (1..4).rev() {
            if other > code {
                next += through[other] - before[other];
            }
        }
        Interval {
            forward: self.first_rows[code] + before[code],
            reverse: next,
            size: through[code] - before[code],
        }
    }

    /// Returns how often each base stands in the rows before `row`.
    #[inline(always)]
    fn ranks(&self, row: u64) -> [u64; 4] {
        let stored = row - u64::from(row > self.primary);
        let block = &self.blocks[(stored / BLOCK_SYMBOLS) as usize];
        let within = (stored % BLOCK_SYMBOLS) as u32;
        let masks = [low_bits(within), low_bits(within.saturating_sub(64))];
        let mut ranks = block.counts;
        let (mut high, mut low, mut both) = (0, 0, 0);
        for (word, mask) in masks.into_iter().enumerate() {
            let (h, l) = (block.high[word] & mask, block.low[word] & mask);
            high += h.count_ones();
            low += l.count_ones();
            both += (h & l).count_ones();
        }
        ranks[0] += u64::from(within + both - high - low);
        ranks[1] += u64::from(low - both);
        ranks[2] += u64::from(high - both);
        ranks[3] += u64::from(both);
        ranks
    }

    /// Asks for the memory that extending an interval backward reads.
    #[inline(always)]
    pub fn prefetch(&self, interval: &Interval) {
        let (first, last) = (interval.forward, interval.forward + interval.size);
        prefetch(self.blocks, (first / BLOCK_SYMBOLS) as usize);
        prefetch(self.blocks, (last / BLOCK_SYMBOLS) as usize);
    }

    /// Asks for the memory that [`Self::of_word`] reads.
    #[inline(always)]
    pub fn prefetch_word(&self, length: usize, (word, reverse): (usize, usize)) {
        self.words.prefetch(length, word);
        self.words.prefetch(length, reverse);
    }

    /// Returns where the suffix of a row begins in the text.
    #[cfg(test)]
    pub fn position(&self, row: u64) -> u64 {
        let (mut at, mut steps) = (row, 0);
        loop {
            if let Some(position) = self.known(at) {
                return position + steps;
            }
            at = self.previous(at);
            steps += 1;
        }
    }

    /// Replaces rows by where their suffixes begin, many at a time so that memory is not waited for.
    pub fn locate(&self, rows: &mut [u64]) {
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("popcnt") {
            // SAFETY: the CPU has just said that it counts bits.
            return unsafe { self.locate_popcnt(rows) };
        }
        self.locate_all(rows);
    }

    /// The same, compiled for CPUs that count bits.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "popcnt")]
    fn locate_popcnt(&self, rows: &mut [u64]) {
        self.locate_all(rows);
    }

    #[inline(always)]
    fn locate_all(&self, rows: &mut [u64]) {
        for rows in rows.chunks_mut(ROWS_AT_ONCE) {
            let mut walking = [0u8; ROWS_AT_ONCE];
            let mut count = rows.len();
            for (at, place) in walking[..count].iter_mut().enumerate() {
                *place = at as u8;
                self.prefetch_step(rows[at]);
            }
            let mut steps = 0;
            while count > 0 {
                let mut kept = 0;
                for at in 0..count {
                    let place = walking[at] as usize;
                    if let Some(position) = self.known(rows[place]) {
                        rows[place] = position + steps;
                        continue;
                    }
                    rows[place] = self.previous(rows[place]);
                    self.prefetch_step(rows[place]);
                    walking[kept] = place as u8;
                    kept += 1;
                }
                count = kept;
                steps += 1;
            }
        }
    }

    /// Returns where the suffix of a row begins if no step is needed.
    #[inline(always)]
    pub fn known(&self, row: u64) -> Option<u64> {
        if row & ((1 << SAMPLE_SHIFT) - 1) == 0 {
            let sample = (row >> SAMPLE_SHIFT) as usize;
            let high = self.samples_high.get(sample).copied().unwrap_or(0);
            return Some(u64::from(high) << 32 | u64::from(self.samples_low[sample]));
        }
        (row == self.primary).then_some(0)
    }

    /// Asks for the memory that the next step from a row reads.
    #[inline(always)]
    pub fn prefetch_step(&self, row: u64) {
        if row & ((1 << SAMPLE_SHIFT) - 1) == 0 {
            prefetch(self.samples_low, (row >> SAMPLE_SHIFT) as usize);
        } else {
            prefetch(self.blocks, (row / BLOCK_SYMBOLS) as usize);
        }
    }

    /// Returns the row of the suffix that is longer by one symbol; `row` is not the primary one.
    #[inline(always)]
    pub fn previous(&self, row: u64) -> u64 {
        let stored = row - u64::from(row > self.primary);
        let block = &self.blocks[(stored / BLOCK_SYMBOLS) as usize];
        let within = (stored % BLOCK_SYMBOLS) as u32;
        let code = block.code(within);
        self.first_rows[code as usize] + block.count(code, within)
    }
}

/// Asks for the cache line of an element, if there is one.
#[inline(always)]
pub(crate) fn prefetch<T>(slice: &[T], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(element) = slice.get(at) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the address is that of an element; a prefetch changes nothing.
        unsafe { _mm_prefetch(std::ptr::from_ref(element).cast(), _MM_HINT_T0) };
    }
}

/// Returns a word whose lowest `count` bits are set, all 64 from 64 on.
#[inline]
pub(crate) const fn low_bits(count: u32) -> u64 {
    if count >= 64 { !0 } else { (1 << count) - 1 }
}

#[cfg(test)]
mod tests {
    use super::Interval;
    use crate::index::testing::{both_strands, index_of, occurrences};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn intervals_hold_the_occurrences_of_a_word(
            codes in prop::collection::vec(0u8..4, 1..400),
            word in prop::collection::vec(0u8..4, 1..8),
        ) {
            let index = index_of(&[&codes]);
            let (fm, text) = (index.fm(), both_strands(&codes));
            let positions = |first: u64, size: u64| {
                let mut positions: Vec<u64> = (first..first + size).map(|row| fm.position(row)).collect();
                positions.sort_unstable();
                positions
            };
            let mut forward = fm.of_base(word[0]);
            for &code in &word[1..] {
                forward = fm.extend_backward(forward.swapped(), 3 - code).swapped();
            }
            let mut backward = fm.of_base(word[word.len() - 1]);
            for &code in word.iter().rev().skip(1) {
                backward = fm.extend_backward(backward, code);
            }
            let reverse: Vec<u8> = word.iter().rev().map(|&code| 3 - code).collect();
            let expected = occurrences(&text, &word);
            let mut rows: Vec<u64> = (forward.forward..forward.forward + forward.size).collect();
            fm.locate(&mut rows);
            rows.sort_unstable();
            prop_assert_eq!(&rows, &expected);
            for Interval { forward, reverse: other, size } in [forward, backward] {
                prop_assert_eq!(positions(forward, size), expected.clone());
                prop_assert_eq!(positions(other, size), occurrences(&text, &reverse));
            }
        }
    }
}
