//! A match that grows base by base, through the FM-index or, once it is unique, along the text.

use super::lock_step::turn;
use crate::index::occ::{FmIndex, Interval};
use crate::index::words::MOST_ROWS;

/// Steps of a unique match in the FM-index before its place is looked up: most matches that
/// become unique by chance end within a few bases.
const UNIQUE_STEPS: u32 = 3;
/// Diagonals of unique matches that are remembered.
const DIAGONALS: usize = 2;

/// A match of a stretch of the read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Match {
    /// Its rows; of no meaning once the place is known.
    pub interval: Interval,
    /// Where the only occurrence begins, if that is known.
    pub place: Option<u64>,
    /// Steps since the match is unique.
    unique_steps: u32,
}

impl Match {
    /// Returns the number of occurrences.
    pub const fn size(&self) -> u64 {
        self.interval.size
    }

    const fn of(interval: Interval) -> Self {
        Self {
            interval,
            place: None,
            unique_steps: 0,
        }
    }
}

/// Grows matches of one read.
#[derive(Debug)]
pub(super) struct Walker<'a> {
    fm: &'a FmIndex<'a>,
    /// Codes of the read.
    pub read: &'a [u8],
    /// Place less start of the last unique matches; most further ones lie on one of them.
    diagonals: [u64; DIAGONALS],
}

impl<'a> Walker<'a> {
    /// Begins a read.
    pub const fn new(fm: &'a FmIndex<'a>, read: &'a [u8]) -> Self {
        Self {
            fm,
            read,
            diagonals: [u64::MAX; DIAGONALS],
        }
    }

    /// Returns the match of `first..=last` if that has `min_size` rows, else the greatest
    /// position from which on to `last` it has fewer.
    pub async fn match_left(
        &mut self,
        first: usize,
        last: usize,
        min_size: u64,
    ) -> Result<Match, usize> {
        let (mut at, interval) = self.word_before(first, last, min_size).await?;
        let mut found = Match::of(interval);
        while at > first {
            found = self.grown_left(found, (at, last + 1)).await;
            if found.size() < min_size {
                return Err(at - 1);
            }
            at -= 1;
        }
        Ok(found)
    }

    /// Grows a match of `start..end` to the right as long as it has `min_size` rows, at most to
    /// `limit`; returns it with its end.
    pub async fn grow_right(
        &mut self,
        mut found: Match,
        (start, mut end): (usize, usize),
        (limit, min_size): (usize, u64),
    ) -> (Match, usize) {
        while end < limit {
            let longer = self.grown_right(found, (start, end)).await;
            if longer.size() < min_size {
                break;
            }
            found = longer;
            end += 1;
        }
        (found, end)
    }

    /// Begins a match at `start` with at most `most` bases, all known; returns it with its end.
    pub async fn word_after(&self, start: usize, most: usize) -> (Match, usize) {
        let words = &self.fm.words;
        let length = words.longest().min(most).min(self.read.len() - start);
        let word = &self.read[start..start + length];
        let number = numbers(word);
        self.fm.prefetch_word(length, number);
        turn().await;
        let interval = self.fm.of_word(length, number);
        if length > 1 && interval.size < MOST_ROWS {
            return (Match::of(interval), start + length);
        }
        (Match::of(self.fm.of_base(self.read[start])), start + 1)
    }

    /// Returns the match of the last bases of `first..=last` that the short words tell, and where
    /// it begins.
    async fn word_before(
        &self,
        first: usize,
        last: usize,
        min_size: u64,
    ) -> Result<(usize, Interval), usize> {
        let fm = self.fm;
        let length = fm.words.longest().min(last + 1 - first);
        let number = numbers(&self.read[last + 1 - length..=last]);
        fm.prefetch_word(length, number);
        turn().await;
        let interval = fm.of_word(length, number);
        if interval.size < MOST_ROWS && length > 1 && min_size < MOST_ROWS {
            if interval.size >= min_size {
                return Ok((last + 1 - length, interval));
            }
            let is_rare = |&length: &usize| {
                let mask = (1 << (2 * length)) - 1;
                fm.words.rows(length, number.0 & mask).1 < min_size
            };
            let rare = (1..length).find(is_rare).unwrap_or(length);
            return Err(last + 1 - rare);
        }
        let interval = fm.of_base(self.read[last]);
        if interval.size < min_size {
            return Err(last);
        }
        Ok((last, interval))
    }

    /// Returns a match of `start..end` with the base before `start`.
    async fn grown_left(&mut self, mut found: Match, (start, end): (usize, usize)) -> Match {
        let code = self.read[start - 1];
        self.find_place(&mut found, (start, end)).await;
        let Some(place) = found.place else {
            self.fm.prefetch(&found.interval);
            turn().await;
            found.interval = self.fm.extend_backward(found.interval, code);
            return found;
        };
        let is_equal = place > 0 && self.fm.text.code(place - 1) == code;
        found.interval.size = u64::from(is_equal);
        found.place = place.checked_sub(1);
        found
    }

    /// Returns a match of `start..end` with the base at `end`.
    pub async fn grown_right(&mut self, mut found: Match, (start, end): (usize, usize)) -> Match {
        if found.size() == 0 {
            return found;
        }
        let code = self.read[end];
        self.find_place(&mut found, (start, end)).await;
        let Some(place) = found.place else {
            self.fm.prefetch(&found.interval.swapped());
            turn().await;
            found.interval = self.fm.extend_forward(found.interval, code);
            return found;
        };
        let next = place + (end - start) as u64;
        let is_equal = next < self.fm.text.len() && self.fm.text.code(next) == code;
        found.interval.size = u64::from(is_equal);
        found
    }

    /// Finds the place of a unique match: on a diagonal seen before, or a few steps later in the
    /// suffix array.
    async fn find_place(&mut self, found: &mut Match, (start, end): (usize, usize)) {
        if found.interval.size != 1 || found.place.is_some() {
            return;
        }
        if found.unique_steps == 0 {
            found.place = self.on_known_diagonal(start, end);
        }
        found.unique_steps += 1;
        if found.place.is_none() && found.unique_steps > UNIQUE_STEPS {
            found.place = Some(self.locate(found.interval.forward, start).await);
        }
    }

    /// Returns where the suffix of a row begins.
    async fn position(&self, row: u64) -> u64 {
        let (mut at, mut steps) = (row, 0);
        loop {
            self.fm.prefetch_step(at);
            turn().await;
            if let Some(position) = self.fm.known(at) {
                return position + steps;
            }
            at = self.fm.previous(at);
            steps += 1;
        }
    }

    /// Returns the place of the only row of a match, and remembers its diagonal.
    async fn locate(&mut self, row: u64, start: usize) -> u64 {
        let place = self.position(row).await;
        self.diagonals.rotate_right(1);
        self.diagonals[0] = place.wrapping_sub(start as u64);
        place
    }

    fn on_known_diagonal(&self, start: usize, end: usize) -> Option<u64> {
        let text = &self.fm.text;
        let word = &self.read[start..end];
        let is_there = |&place: &u64| {
            let fits = place < text.len() && text.len() - place >= word.len() as u64;
            fits && word
                .iter()
                .zip(place..)
                .all(|(&code, at)| text.code(at) == code)
        };
        self.diagonals
            .iter()
            .map(|diagonal| diagonal.wrapping_add(start as u64))
            .find(is_there)
    }
}

/// Returns the number of a word of codes 0–3, and that of its reverse complement.
#[inline(always)]
fn numbers(word: &[u8]) -> (usize, usize) {
    let (mut number, mut reverse) = (0, 0);
    for (at, &code) in word.iter().enumerate() {
        number = number << 2 | code as usize;
        reverse |= (3 - code as usize) << (2 * at);
    }
    (number, reverse)
}
