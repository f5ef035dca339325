//! Windows in which a mate cannot align well enough, told without aligning.
//!
//! With a match worth 1 and a mismatch at least 4, an alignment of score T is made of exact runs
//! of lengths l, and Σ (l - 4) ≥ T - 4 + Σ over its gaps (open - 4 + length). A run of length l
//! holds l - 4 equal words of 5 bases on one diagonal, and the gaps are as long as the diagonals
//! lie apart. So either one diagonal holds T - 4 equal words, or some d neighbouring ones hold
//! T - 4 + open - 4 + d - 1 together. Without either there is no such alignment.

use crate::Options;

/// Bases of a word; one more than a mismatch costs matches.
const WORD_BP: usize = 5;
const WORDS: usize = 1 << (2 * WORD_BP);
/// Longest read that is looked at.
const LONGEST_READ: usize = 2000;
const NONE: u16 = u16::MAX;

/// The words of a read.
#[derive(Debug)]
pub(super) struct Screen {
    /// Last position of each word in the read.
    last: Vec<u16>,
    /// For each position the one before with the same word.
    before: Vec<u16>,
    /// Equal words on each diagonal.
    hits: Vec<u8>,
    read_bp: usize,
    /// Words that one diagonal needs, and words less diagonals that several need.
    needed: Option<(i32, i32)>,
}

impl Default for Screen {
    fn default() -> Self {
        Self {
            last: vec![NONE; WORDS],
            before: Vec::new(),
            hits: Vec::new(),
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

    /// Says whether the read may align to a window with a score of at least k matches.
    pub fn is_hopeful(&mut self, window: &[u8]) -> bool {
        let Some((on_one, on_several)) = self.needed else {
            return true;
        };
        self.hits.clear();
        self.hits.resize(self.read_bp + window.len(), 0);
        for (end, word) in words(window).enumerate() {
            let mut at = self.last[word];
            while at != NONE {
                let hits = &mut self.hits[end + self.read_bp - at as usize];
                *hits += 1;
                if i32::from(*hits) >= on_one {
                    return true;
                }
                at = self.before[at as usize];
            }
        }
        let mut surplus = 0;
        self.hits.iter().any(|&hits| {
            surplus = (surplus + i32::from(hits) - 1).max(0);
            surplus >= on_several
        })
    }
}

/// Returns how many words are needed, if the scores allow the proof.
fn needed(options: &Options) -> Option<(i32, i32)> {
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
        && (1..=i32::from(u8::MAX)).contains(&on_one)
        && on_several >= 1;
    holds.then_some((on_one, on_several))
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
        fn a_hopeless_window_holds_no_alignment(
            read in prop::collection::vec(0u8..4, 5..80),
            pieces in prop::collection::vec((0usize..80, 3usize..12, 0u8..4), 1..20),
            least in 8i32..20,
        ) {
            let mut window = Vec::new();
            for (start, length, code) in pieces {
                let start = start % read.len();
                window.extend_from_slice(&read[start..(start + length).min(read.len())]);
                window.push(code);
            }
            let options = Options { min_seed_length: least, ..Options::default() };
            let mut screen = Screen::default();
            screen.load(&options, &read);
            if !screen.is_hopeful(&window) {
                let mut local = LocalAligner::default();
                let score = local.best_score(&options, &read, &window, Width::Sixteen);
                prop_assert!(score < least, "{score}");
            }
        }
    }

    #[test]
    fn random_windows_are_hopeless_and_copies_are_not() {
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
        assert!(!screen.is_hopeful(&window));
        window.splice(300..320, read[50..70].iter().copied());
        assert!(screen.is_hopeful(&window));
        let cheap = Options {
            mismatch_penalty: 2,
            ..options
        };
        screen.load(&cheap, &read);
        assert!(screen.is_hopeful(&random(2_000, 100)));
    }
}
