//! The rows of a window in which a mate can align well enough, told without aligning.
//!
//! With a match worth 1 and a mismatch at least 4, a stretch of an alignment on one diagonal is
//! made of exact runs of lengths l and scores at most 4 + Σ (l - 4). A run of length l holds l - 4
//! equal words of 5 bases. The gaps are as long as the diagonals lie apart, and each costs its
//! opening and 1 for a base. So an alignment of score T lies on one diagonal with T - 4 equal
//! words, or on some d neighbouring ones with T - 4 + open - 4 + d - 1 together. It also begins on
//! a diagonal with at least open - 2 of them: otherwise its first gap costs all it has.
//!
//! No other cell of the matrix reaches T, and the paths to those that do keep to the rows of their
//! diagonals: the rest of the matrix need not be filled.

use crate::Options;
use std::ops::Range;

/// Bases of a word; one more than a mismatch costs matches.
const WORD_BP: usize = 5;
const WORDS: usize = 1 << (2 * WORD_BP);
/// Longest read that is looked at.
const LONGEST_READ: usize = 2000;
const NONE: u16 = u16::MAX;

/// How many equal words an alignment needs.
#[derive(Debug, Clone, Copy)]
struct Needed {
    /// On a diagonal of its own.
    on_one: i32,
    /// On several together, less one for each diagonal.
    on_several: i32,
    /// On the diagonal on which it begins, if there are several.
    to_begin: i32,
}

/// The words of a read.
#[derive(Debug)]
pub(super) struct Screen {
    /// Last position of each word in the read.
    last: Vec<u16>,
    /// For each position the one before with the same word.
    before: Vec<u16>,
    /// Equal words on each diagonal.
    hits: Vec<u16>,
    /// Most words, less one for each diagonal, on some diagonals up to each.
    surplus: Vec<i32>,
    read_bp: usize,
    needed: Option<Needed>,
}

impl Default for Screen {
    fn default() -> Self {
        Self {
            last: vec![NONE; WORDS],
            before: Vec::new(),
            hits: Vec::new(),
            surplus: Vec::new(),
            read_bp: 0,
            needed: None,
        }
    }
}

impl Screen {
    /// Takes a read of codes 0–4.
    pub fn load(&mut self, options: &Options, read: &[u8]) {
        self.needed = needed(options).filter(|_| {
            (WORD_BP..=LONGEST_READ).contains(&read.len()) && read.iter().all(|&code| code < 4)
        });
        if self.needed.is_none() {
            return;
        }
        self.read_bp = read.len();
        self.last.fill(NONE);
        self.before.clear();
        for (word, at) in words(read).zip(0u16..) {
            self.before.push(self.last[word]);
            self.last[word] = at;
        }
    }

    /// Fills the stretches of the window, in order, whose rows an alignment with a score of at
    /// least k matches may cross; `padded` columns count.
    pub fn stretches(&mut self, window: &[u8], padded: usize, stretches: &mut Vec<Range<usize>>) {
        stretches.clear();
        let Some(needed) = self.needed else {
            stretches.push(0..window.len());
            return;
        };
        self.count_hits(window);
        if !self.sum_up(needed) {
            return;
        }
        // From the last diagonal to the first, with the surplus from each on.
        let (mut from_here, mut open) = (0, None);
        for diagonal in (0..self.hits.len()).rev() {
            let hits = i32::from(self.hits[diagonal]);
            let through = self.surplus[diagonal] + from_here.max(0);
            from_here = from_here.max(0) + hits - 1;
            if through < needed.on_several && hits < needed.on_one {
                self.close(&mut open, window.len(), stretches);
                continue;
            }
            let (_, first) = open.get_or_insert((diagonal + padded, None));
            if hits >= needed.to_begin.min(needed.on_one) {
                *first = Some(diagonal);
            }
        }
        self.close(&mut open, window.len(), stretches);
        stretches.reverse();
    }

    /// Ends neighbouring diagonals from the one on which an alignment may begin to the end of
    /// their rows; joins their rows to those of the diagonals behind.
    fn close(
        &self,
        open: &mut Option<(usize, Option<usize>)>,
        window_bp: usize,
        stretches: &mut Vec<Range<usize>>,
    ) {
        let Some((end, Some(first))) = open.take() else {
            return;
        };
        let row = |diagonal: usize| diagonal.saturating_sub(self.read_bp).min(window_bp);
        let rows = row(first)..row(end);
        match stretches.last_mut() {
            Some(behind) if behind.start <= rows.end => behind.start = rows.start,
            _ => stretches.push(rows),
        }
    }

    /// Counts the equal words on each diagonal.
    fn count_hits(&mut self, window: &[u8]) {
        self.hits.clear();
        self.hits.resize(self.read_bp + window.len(), 0);
        for (end, word) in words(window).enumerate() {
            let mut at = self.last[word];
            while at != NONE {
                self.hits[end + self.read_bp - at as usize] += 1;
                at = self.before[at as usize];
            }
        }
    }

    /// Sums up the surplus from left to right; says whether there are enough words anywhere.
    fn sum_up(&mut self, needed: Needed) -> bool {
        self.surplus.clear();
        let (mut surplus, mut is_enough) = (0, false);
        for &hits in &self.hits {
            let hits = i32::from(hits);
            surplus = surplus.max(0) + hits - 1;
            is_enough |= surplus >= needed.on_several || hits >= needed.on_one;
            self.surplus.push(surplus);
        }
        is_enough
    }
}

/// Returns how many words are needed, if the scores allow the proof.
fn needed(options: &Options) -> Option<Needed> {
    let break_cost = WORD_BP as i32 - 1;
    let open = options.gap_open_deletion.min(options.gap_open_insertion);
    let extend = options
        .gap_extend_deletion
        .min(options.gap_extend_insertion);
    let on_one = options.min_seed_length - break_cost;
    let on_several = on_one + open - break_cost - 1;
    let holds = options.match_score == 1
        && options.mismatch_penalty >= break_cost
        && open >= break_cost
        && extend >= 1
        && on_one >= 1
        && on_several >= 1;
    holds.then_some(Needed {
        on_one,
        on_several,
        to_begin: open - 2,
    })
}

/// Returns the numbers of the words of known bases, from left to right.
fn words(codes: &[u8]) -> impl Iterator<Item = usize> {
    let mut word = 0;
    let numbers = codes.iter().map(move |&code| {
        word = (word << 2 | code as usize) & (WORDS - 1);
        word
    });
    numbers.skip(WORD_BP - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extend::local::{LocalAligner, Width};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn rows_left_out_change_no_alignment(
            read in prop::collection::vec(0u8..4, 5..80),
            pieces in prop::collection::vec((0usize..80, 3usize..30, 0u8..4, 0usize..60), 1..12),
            least in 8i32..20,
            open in 4i32..8,
        ) {
            let mut window = Vec::new();
            for (start, length, code, apart) in pieces {
                let start = start % read.len();
                window.extend_from_slice(&read[start..(start + length).min(read.len())]);
                window.extend((0..apart).map(|at| (at * at / 3 + at / 7) as u8 & 3));
                window.push(code);
            }
            let options = Options {
                min_seed_length: least,
                gap_open_deletion: open,
                gap_open_insertion: open,
                ..Options::default()
            };
            let mut screen = Screen::default();
            screen.load(&options, &read);
            let mut local = LocalAligner::default();
            for width in [Width::Eight, Width::Sixteen] {
                let mut rows = Vec::new();
                screen.stretches(&window, width.padded(read.len()), &mut rows);
                let mut align = |rows: &[Range<usize>]| {
                    local.align(&options, (&read, &window), rows, (width, least))
                };
                let (found, expected) = (align(&rows), align(std::slice::from_ref(&(0..window.len()))));
                prop_assert_eq!(found, expected, "{:?}", rows);
            }
        }
    }

    #[test]
    fn random_windows_are_hopeless_and_of_others_few_rows_count() {
        let random = |seed: u32, bases: u32| -> Vec<u8> {
            let next = |i: u32| (seed + i).wrapping_mul(2_654_435_761).rotate_left(13);
            (0..bases)
                .map(|i| (next(i).wrapping_mul(next(i) | 1) >> 29) as u8 & 3)
                .collect()
        };
        let (read, mut window) = (random(1, 100), random(1_000, 800));
        let options = Options::default();
        let mut screen = Screen::default();
        screen.load(&options, &read);
        let mut rows = Vec::new();
        screen.stretches(&window, 112, &mut rows);
        assert!(rows.is_empty(), "{rows:?}");
        window.splice(300..320, read[50..70].iter().copied());
        screen.stretches(&window, 112, &mut rows);
        assert_eq!(rows.first(), Some(&(250..363)));
        assert_eq!(rows.len(), 1);
        let cheap = Options {
            mismatch_penalty: 2,
            ..options
        };
        screen.load(&cheap, &read);
        screen.stretches(&window, 112, &mut rows);
        assert_eq!(rows.first(), Some(&(0..window.len())));
        assert_eq!(rows.len(), 1);
    }
}
