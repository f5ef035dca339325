//! The rows of every short word, so that a search begins with several bases at once.
//!
//! Words of 1, 2, … bases up to a longest follow one another, each length in the order of the
//! alphabet. An entry holds the first row of a word and, in its low bits, the number of its rows.

use super::occ::prefetch;

/// Bits of an entry that hold the number of rows; larger numbers are cut.
const SIZE_BITS: u32 = 23;
/// Largest number of rows an entry can tell.
pub(crate) const MOST_ROWS: u64 = (1 << SIZE_BITS) - 1;
/// Longest words of a large reference.
const LONGEST: u32 = 12;

/// Returns the length of the longest words kept for a text: each occurs a few times.
pub(super) fn longest(symbols: u64) -> u32 {
    (symbols.max(1).ilog2() / 2)
        .saturating_sub(2)
        .clamp(1, LONGEST)
}

/// Returns how many entries words up to a length have.
pub(super) const fn entries(longest: u32) -> u64 {
    ((1 << (2 * longest + 2)) - 4) / 3
}

/// Read access to the entries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words<'a> {
    entries: &'a [u64],
    longest: usize,
}

impl<'a> Words<'a> {
    /// Wraps the entries of a text of `symbols` bases.
    pub fn new(entries: &'a [u64], symbols: u64) -> Self {
        let longest = longest(symbols);
        assert_eq!(entries.len() as u64, self::entries(longest));
        Self {
            entries,
            longest: longest as usize,
        }
    }

    /// Returns the length of the longest words.
    #[inline(always)]
    pub const fn longest(&self) -> usize {
        self.longest
    }

    /// Returns first row and number of rows of a word, given by length and number.
    #[inline(always)]
    pub fn rows(&self, length: usize, word: usize) -> (u64, u64) {
        let entry = self.entries[place(length, word)];
        (entry >> SIZE_BITS, entry & MOST_ROWS)
    }

    /// Asks for the memory of a word.
    #[inline(always)]
    pub fn prefetch(&self, length: usize, word: usize) {
        prefetch(self.entries, place(length, word));
    }
}

/// Returns where the entry of a word is, behind those of all shorter ones.
#[inline(always)]
const fn place(length: usize, word: usize) -> usize {
    ((1 << (2 * length)) - 4) / 3 + word
}

/// Counts the words of a text of codes 0–3.
pub(super) fn build(text: impl Iterator<Item = u8>, symbols: u64) -> Vec<u64> {
    let longest = longest(symbols);
    let mask = (1usize << (2 * longest)) - 1;
    let mut counts = vec![0u64; mask + 1];
    let mut word = 0;
    for (at, code) in (1u64..).zip(text) {
        word = (word << 2 | code as usize) & mask;
        if at >= u64::from(longest) {
            counts[word] += 1;
        }
    }
    let mut levels = Vec::new();
    for length in (1..=longest).rev() {
        levels.push(level(&counts, (word, length), symbols));
        counts = counts
            .chunks_exact(4)
            .map(|four| four.iter().sum())
            .collect();
        let ending = word & ((1 << (2 * (length - 1))) - 1);
        if symbols >= u64::from(length - 1) {
            counts[ending] += 1;
        }
    }
    levels.into_iter().rev().flatten().collect()
}

/// Makes the entries of the words of one length; shorter suffixes, which end the text, have rows
/// of their own before the first word they begin.
fn level(counts: &[u64], (ending, length): (usize, u32), symbols: u64) -> Vec<u64> {
    let mut suffixes: Vec<usize> = (1..length)
        .filter(|&bases| u64::from(bases) <= symbols)
        .map(|bases| (ending & ((1 << (2 * bases)) - 1)) << (2 * (length - bases)))
        .collect();
    suffixes.sort_unstable();
    let mut suffixes = suffixes.into_iter().peekable();
    let mut first = 1;
    let entry = |(word, &count): (usize, &u64)| {
        while suffixes.next_if(|&suffix| suffix <= word).is_some() {
            first += 1;
        }
        let entry = first << SIZE_BITS | count.min(MOST_ROWS);
        first += count;
        entry
    };
    counts.iter().enumerate().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::testing::index_of;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_word_has_the_rows_that_a_search_finds(
            codes in prop::collection::vec(0u8..4, 1..3000),
        ) {
            let index = index_of(&[&codes]);
            let fm = index.fm();
            for length in 1..=fm.words.longest() {
                for word in 0..1 << (2 * length) {
                    let code = |at: usize| (word >> (2 * at)) as u8 & 3;
                    let mut interval = fm.of_base(code(0));
                    for at in 1..length {
                        interval = fm.extend_backward(interval, code(at));
                    }
                    let (first, size) = fm.words.rows(length, word);
                    prop_assert_eq!(size, interval.size);
                    if size > 0 {
                        prop_assert_eq!(first, interval.forward);
                    }
                }
            }
        }
    }

    #[test]
    fn longer_words_are_kept_of_longer_texts() {
        assert_eq!([10, 60_000, 1 << 26, 1 << 40].map(longest), [1, 5, 11, 12]);
        assert_eq!([1, 2, 10].map(entries), [4, 20, 1_398_100]);
    }
}
