//! A match that grows base by base, through the FM-index or, once it is unique, along the text.

use super::lock_step::turn;
use crate::index::occ::{FmIndex, Interval};
use crate::index::walk::Walk;
use crate::index::words::MOST_ROWS;
use std::cell::Cell;

/// Steps of a unique match in the FM-index before its place is looked up: most matches that
/// become unique by chance end within a few bases.
const UNIQUE_STEPS: usize = 3;
/// Rows from which on a match is not unique.
const SEVERAL: u64 = 2;
/// Diagonals of unique matches that are remembered.
const DIAGONALS: usize = 2;

/// A match of a stretch of the read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Match {
    /// Its first position in the read.
    pub start: usize,
    /// One past its last position in the read.
    pub end: usize,
    /// Its rows; only their number counts once the place is known.
    pub interval: Interval,
    /// Where the only occurrence begins, if that is known.
    pub place: Option<u64>,
}

impl Match {
    /// Returns the number of occurrences.
    pub const fn size(&self) -> u64 {
        self.interval.size
    }

    const fn new(start: usize, end: usize, interval: Interval) -> Self {
        Self {
            start,
            end,
            interval,
            place: None,
        }
    }
}

/// Grows matches of one read.
#[derive(Debug)]
pub(super) struct Walker<'a> {
    fm: &'a FmIndex<'a>,
    /// Where walks are left to the rounds.
    walk: &'a Cell<Walk<'a>>,
    /// Codes of the read.
    pub read: &'a [u8],
    /// Place less start of the last unique matches; most further ones lie on one of them.
    diagonals: [u64; DIAGONALS],
}

impl<'a> Walker<'a> {
    /// Begins a read.
    pub const fn new(fm: &'a FmIndex<'a>, walk: &'a Cell<Walk<'a>>, read: &'a [u8]) -> Self {
        Self {
            fm,
            walk,
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
        let word = self.word_before(first, last, min_size).await?;
        let mut found = self.walk_left(word, first, min_size.max(SEVERAL)).await;
        if found.size() < min_size {
            return Err(found.start);
        }
        if found.start == first {
            return Ok(found);
        }
        found.place = self.on_known_diagonal(&found);
        if found.place.is_none() {
            let soon = found.start.saturating_sub(UNIQUE_STEPS).max(first);
            found = self.walk_left(found, soon, 1).await;
            if found.size() == 0 {
                return Err(found.start);
            }
            if found.start == first {
                return Ok(found);
            }
            found.place = Some(self.locate(&found).await);
        }
        if let Some(place) = &mut found.place {
            let before = &self.read[first..found.start];
            let equal = self.fm.text.equal_before(*place, before);
            *place -= equal as u64;
            found.start -= equal;
        }
        if found.start > first {
            return Err(found.start - 1);
        }
        Ok(found)
    }

    /// Grows a match to the right as long as it has `min_size` rows, at most to `limit`.
    pub async fn grow_right(&mut self, found: Match, limit: usize, min_size: u64) -> Match {
        let mut found = found;
        if found.place.is_none() && found.size() >= SEVERAL {
            let (longer, shorter) = self.walk_right(found, limit, min_size.max(SEVERAL)).await;
            if longer.size() < min_size {
                return shorter;
            }
            found = longer;
        }
        if found.end == limit {
            return found;
        }
        match self.settle_right(found, limit).await {
            Ok(mut found) => {
                found.end += self.equal_behind(&found, limit);
                found
            }
            Err(shorter) => shorter,
        }
    }

    /// Finds the place of a unique match, unless it reaches `limit` or ends within a few bases:
    /// then returns it as it was before its end.
    pub async fn settle_right(&mut self, found: Match, limit: usize) -> Result<Match, Match> {
        let mut found = found;
        if found.place.is_some() {
            return Ok(found);
        }
        found.place = self.on_known_diagonal(&found);
        if found.place.is_none() {
            let soon = (found.end + UNIQUE_STEPS).min(limit);
            let (longer, shorter) = self.walk_right(found, soon, 1).await;
            if longer.size() == 0 {
                return Err(shorter);
            }
            found = longer;
            if found.end < limit {
                found.place = Some(self.locate(&found).await);
            }
        }
        Ok(found)
    }

    /// Returns how many bases behind a match of known place are equal, up to `limit`.
    pub fn equal_behind(&self, found: &Match, limit: usize) -> usize {
        found.place.map_or(0, |place| {
            let next = place + (found.end - found.start) as u64;
            self.fm.text.equal_from(next, &self.read[found.end..limit])
        })
    }

    /// Begins a match at `start` with at most `most` bases, all known.
    pub async fn word_after(&self, start: usize, most: usize) -> Match {
        let words = &self.fm.words;
        let length = words.longest().min(most).min(self.read.len() - start);
        let end = start + length;
        let number = numbers(&self.read[start..end]);
        self.fm.prefetch_word(length, number);
        turn().await;
        let interval = self.fm.of_word(length, number);
        if length > 1 && interval.size < MOST_ROWS {
            return Match::new(start, end, interval);
        }
        Match::new(start, start + 1, self.fm.of_base(self.read[start]))
    }

    /// Returns the match of the last bases of `first..=last` that the short words tell, or where
    /// it becomes too rare.
    async fn word_before(&self, first: usize, last: usize, min_size: u64) -> Result<Match, usize> {
        let fm = self.fm;
        let end = last + 1;
        let length = fm.words.longest().min(end - first);
        let number = numbers(&self.read[end - length..end]);
        fm.prefetch_word(length, number);
        turn().await;
        let interval = fm.of_word(length, number);
        if interval.size < MOST_ROWS && length > 1 && min_size < MOST_ROWS {
            if interval.size >= min_size {
                return Ok(Match::new(end - length, end, interval));
            }
            let is_rare = |&length: &usize| {
                let mask = (1 << (2 * length)) - 1;
                fm.words.rows(length, number.0 & mask).1 < min_size
            };
            let rare = (1..length).find(is_rare).unwrap_or(length);
            return Err(end - rare);
        }
        let interval = fm.of_base(self.read[last]);
        if interval.size < min_size {
            return Err(last);
        }
        Ok(Match::new(last, end, interval))
    }

    /// Grows a match to the left until it begins at `goal` or has fewer rows than `least`.
    async fn walk_left(&self, found: Match, goal: usize, least: u64) -> Match {
        let walk = Walk {
            read: self.read,
            interval: found.interval,
            before: found.interval,
            at: found.start,
            goal,
            least,
            is_left: true,
        };
        let walk = self.walk(walk).await;
        Match::new(walk.at, found.end, walk.interval)
    }

    /// Grows a match to the right until it ends at `goal` or has fewer rows than `least`; returns
    /// it with what it was one base before.
    pub async fn walk_right(&self, found: Match, goal: usize, least: u64) -> (Match, Match) {
        let walk = Walk {
            read: self.read,
            interval: found.interval,
            before: found.interval,
            at: found.end,
            goal,
            least,
            is_left: false,
        };
        let walk = self.walk(walk).await;
        let shorter = walk.at.max(found.end + 1) - 1;
        (
            Match::new(found.start, walk.at, walk.interval),
            Match::new(found.start, shorter, walk.before),
        )
    }

    async fn walk(&self, walk: Walk<'a>) -> Walk<'a> {
        if walk.is_over() {
            return walk;
        }
        walk.prefetch(self.fm);
        self.walk.set(walk);
        turn().await;
        self.walk.get()
    }

    /// Returns the place of a unique match, and remembers its diagonal.
    async fn locate(&mut self, found: &Match) -> u64 {
        let (mut at, mut steps) = (found.interval.forward, 0);
        let place = loop {
            self.fm.prefetch_step(at);
            turn().await;
            if let Some(position) = self.fm.known(at) {
                break position + steps;
            }
            at = self.fm.previous(at);
            steps += 1;
        };
        self.diagonals.rotate_right(1);
        self.diagonals[0] = place.wrapping_sub(found.start as u64);
        place
    }

    fn on_known_diagonal(&self, found: &Match) -> Option<u64> {
        let text = &self.fm.text;
        let word = &self.read[found.start..found.end];
        let is_there =
            |&place: &u64| place < text.len() && text.equal_from(place, word) == word.len();
        self.diagonals
            .iter()
            .map(|diagonal| diagonal.wrapping_add(found.start as u64))
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
