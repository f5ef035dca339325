//! Seeding: super-maximal exact matches (SMEMs) of a read in three rounds.
//!
//! A match of at least k bases is looked for where it would end, k bases from where it may begin
//! at the earliest: where the bases before that end do not match, no match can span them, and
//! most places need a few steps of the index. The matches are the same as those of a search from
//! the middle to both sides.
//!
//! Source: Li 2012 (FMD-index); Li 2013, §2.1 (re-seeding); Gagie 2024 (search for long matches);
//! the third round as bwa mem.

mod lock_step;
mod rare;
mod walker;

use crate::Options;
use crate::index::occ::FmIndex;
use lock_step::Walks;
use std::ops::Range;
use walker::{Match, Walker};

/// An exact match of a stretch of the read, wherever it occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Smem {
    /// First position in the read.
    pub start: u32,
    /// One past the last position in the read.
    pub end: u32,
    /// First row of the suffix array, if the place is not known.
    pub first_row: u64,
    /// Number of rows.
    pub size: u64,
    /// Where the only occurrence begins, if that is known.
    pub place: Option<u64>,
}

impl Smem {
    const fn len(&self) -> u32 {
        self.end - self.start
    }

    const fn new(found: &Match) -> Self {
        Self {
            start: found.start as u32,
            end: found.end as u32,
            first_row: found.interval.forward,
            size: found.size(),
            place: found.place,
        }
    }
}

/// The seeds of many reads, and the memory to find them.
#[derive(Debug, Default)]
pub(crate) struct Seeder {
    /// Seeds of each read sorted by start, then end; duplicates are kept.
    seeds: Vec<Vec<Smem>>,
    /// Rows of all reads, replaced by places; see [`rows_used`].
    places: Vec<u64>,
    /// Where the places of each read begin.
    first_places: Vec<usize>,
    /// Seeds of the second round.
    pub reseeded: u64,
}

/// Which matches a search finds: those of `least` bases and `min_size` rows within `segment` that
/// begin at `last_start` at the latest and hold position `through`.
#[derive(Debug, Clone)]
struct Wanted {
    segment: Range<usize>,
    through: usize,
    last_start: usize,
    least: usize,
    min_size: u64,
}

impl Seeder {
    /// Collects the seeds of reads given as codes 0–4, and looks up where they lie.
    pub fn collect<'a>(
        &mut self,
        fm: &FmIndex<'_>,
        options: &Options,
        (count, read): (usize, impl Fn(usize) -> &'a [u8]),
    ) {
        self.seeds
            .resize_with(count.max(self.seeds.len()), Vec::new);
        let walks = Walks::default();
        let start = |number, walk| {
            let seeding = Seeding {
                options,
                walker: Walker::new(fm, walk, read(number)),
                unknown: unknown(read(number)),
                smems: Vec::new(),
            };
            seeding.run()
        };
        self.reseeded = 0;
        let done = |number: usize, (smems, reseeded)| {
            self.seeds[number] = smems;
            self.reseeded += reseeded;
        };
        lock_step::run((fm, &walks), count, start, done);
        self.places.clear();
        self.first_places.clear();
        for smems in &self.seeds[..count] {
            self.first_places.push(self.places.len());
            for smem in smems.iter().filter(|smem| smem.place.is_none()) {
                let rows = rows_used(smem, options.max_occurrences);
                self.places.extend(rows.map(|row| smem.first_row + row));
            }
        }
        fm.locate(&mut self.places);
    }

    /// Returns the seeds of a read, and the places of those that do not tell it themselves.
    pub fn of(&self, number: usize) -> (&[Smem], &[u64]) {
        let places = &self.places[self.first_places[number]..];
        (&self.seeds[number], places)
    }
}

/// The search for the seeds of one read.
struct Seeding<'a> {
    options: &'a Options,
    walker: Walker<'a>,
    /// Positions of unknown bases.
    unknown: Vec<usize>,
    smems: Vec<Smem>,
}

impl Seeding<'_> {
    /// Returns the seeds of the three rounds, sorted, and how many the second one gave.
    async fn run(mut self) -> (Vec<Smem>, u64) {
        let read = self.walker.read;
        let least = self.options.min_seed_length as usize;
        if read.len() < least {
            return (self.smems, 0);
        }
        for segment in segments(read) {
            if segment.len() >= least {
                let wanted = Wanted {
                    through: segment.start + least - 1,
                    last_start: segment.end,
                    segment,
                    least,
                    min_size: 1,
                };
                self.search(wanted).await;
            }
        }
        let whole = self.smems.len();
        self.reseed().await;
        let reseeded = (self.smems.len() - whole) as u64;
        if self.options.third_round_occurrences > 0 {
            self.third_round().await;
        }
        self.smems
            .sort_unstable_by_key(|smem| (smem.start, smem.end));
        (self.smems, reseeded)
    }

    /// Second round: shorter matches through the middle of long, rare ones.
    async fn reseed(&mut self) {
        let options = self.options;
        let long = f64::from(options.min_seed_length as f32 * options.reseed_factor) + 0.499;
        let long = long as u32;
        for index in 0..self.smems.len() {
            let smem = self.smems[index];
            if smem.len() >= long && smem.size <= options.reseed_max_occurrences {
                let middle = ((smem.start + smem.end) / 2) as usize;
                let wanted = Wanted {
                    segment: self.segment_around(middle),
                    through: middle,
                    last_start: middle,
                    least: options.min_seed_length as usize,
                    min_size: smem.size + 1,
                };
                self.search(wanted).await;
            }
        }
    }

    /// Returns the stretch without unknown bases around a position.
    fn segment_around(&self, middle: usize) -> Range<usize> {
        let before = self.unknown.partition_point(|&at| at < middle);
        let start = before.checked_sub(1).map_or(0, |at| self.unknown[at] + 1);
        start..self.known_until(middle)
    }

    /// Returns the first unknown position from `start` on, or the end of the read.
    fn known_until(&self, start: usize) -> usize {
        let next = self.unknown.partition_point(|&at| at < start);
        let end = self.walker.read.len();
        self.unknown.get(next).copied().unwrap_or(end)
    }

    /// Adds the matches that cannot be lengthened, from left to right.
    async fn search(&mut self, wanted: Wanted) {
        let walker = &mut self.walker;
        let Range { mut start, end } = wanted.segment;
        let mut last = wanted.through;
        while last < end && start <= wanted.last_start {
            match walker.match_left(start, last, wanted.min_size).await {
                Err(mismatch) => {
                    // No further match holds `mismatch..=last`; each holds `last` or begins later.
                    start = mismatch + 1;
                    last = last.max(start + wanted.least - 1);
                }
                Ok(found) => {
                    let found = walker.grow_right(found, end, wanted.min_size).await;
                    if found.end - start >= wanted.least {
                        self.smems.push(Smem::new(&found));
                    }
                    last = found.end;
                }
            }
        }
    }
}

/// Returns the stretches of a read without unknown bases.
fn segments(read: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    read.split(|&code| code > 3).map(move |known| {
        let segment = start..start + known.len();
        start = segment.end + 1;
        segment
    })
}

/// Returns the positions of unknown bases.
fn unknown(read: &[u8]) -> Vec<usize> {
    if read.iter().fold(0, |all, code| all | code) < 4 {
        return Vec::new();
    }
    let is_unknown = |&at: &usize| read[at] > 3;
    (0..read.len()).filter(is_unknown).collect()
}

/// Returns which rows of a seed are used: spread over all when there are more than `most`.
pub(crate) fn rows_used(smem: &Smem, most: u64) -> impl ExactSizeIterator<Item = u64> {
    let step = if smem.size > most {
        smem.size / most.max(1)
    } else {
        1
    };
    let count = smem.size.div_ceil(step).min(most);
    (0..count as usize).map(move |at| at as u64 * step)
}

/// Returns the fraction of the read that lies in seeds with more than `max_occurrences`.
pub(crate) fn repeat_fraction(smems: &[Smem], max_occurrences: u64, read_length: usize) -> f32 {
    let (mut covered, mut start, mut end) = (0, 0, 0);
    for smem in smems.iter().filter(|smem| smem.size > max_occurrences) {
        if smem.start > end {
            covered += end - start;
            (start, end) = (smem.start, smem.end);
        } else {
            end = end.max(smem.end);
        }
    }
    covered += end - start;
    covered as f32 / read_length as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::testing::{both_strands, index_of, occurrences};
    use proptest::prelude::*;

    fn options(min_seed_length: i32) -> Options {
        Options {
            min_seed_length,
            ..Options::default()
        }
    }

    /// Counts a stretch of the read in both strands; one with an unknown base never occurs.
    fn count(text: &[u8], read: &[u8], start: usize, end: usize) -> u64 {
        occurrences(text, &read[start..end]).len() as u64
    }

    /// Returns the stretches through `from` that occur `min_size` times and cannot grow.
    fn maximal(text: &[u8], read: &[u8], from: usize, min_size: u64) -> Vec<(u32, u32)> {
        let mut found = Vec::new();
        let occurs = |start, end| count(text, read, start, end) >= min_size;
        for start in 0..=from {
            for end in from + 1..=read.len() {
                let grows = (start > 0 && occurs(start - 1, end))
                    || (end < read.len() && occurs(start, end + 1));
                if occurs(start, end) && !grows {
                    found.push((start as u32, end as u32));
                }
            }
        }
        found
    }

    /// All three rounds by counting words.
    fn by_counting(text: &[u8], read: &[u8], options: &Options) -> Vec<(u32, u32)> {
        let least = options.min_seed_length as u32;
        let long = (f64::from(least) * f64::from(options.reseed_factor) + 0.499) as u32;
        let is_kept = |&(start, end): &(u32, u32)| end - start >= least;
        let mut first: Vec<_> = (0..read.len())
            .flat_map(|from| maximal(text, read, from, 1))
            .filter(is_kept)
            .collect();
        first.sort_unstable();
        first.dedup();
        let mut found = first.clone();
        for (start, end) in first {
            let size = count(text, read, start as usize, end as usize);
            if end - start >= long && size <= options.reseed_max_occurrences {
                let middle = (start + end) as usize / 2;
                found.extend(
                    maximal(text, read, middle, size + 1)
                        .into_iter()
                        .filter(is_kept),
                );
            }
        }
        let mut start = 0;
        while start < read.len() {
            let ends = start + 1..=read.len();
            let stop = ends.clone().find(|&end| {
                read[end - 1] > 3
                    || (end - start > least as usize
                        && count(text, read, start, end) < options.third_round_occurrences)
            });
            let Some(end) = stop else { break };
            if read[end - 1] < 4 && count(text, read, start, end) > 0 {
                found.push((start as u32, end as u32));
            }
            start = end;
        }
        found.sort_unstable();
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn seeds_are_those_found_by_counting(
            codes in prop::collection::vec(0u8..3, 20..150),
            pieces in prop::collection::vec((0usize..140, 1usize..40, 0u8..5), 1..4),
            least in 2i32..6,
        ) {
            let mut read = Vec::new();
            for (start, length, code) in pieces {
                let start = start % codes.len();
                read.extend_from_slice(&codes[start..(start + length).min(codes.len())]);
                read.push(code);
            }
            let index = index_of(&[&codes]);
            let options = options(least);
            let mut seeder = Seeder::default();
            seeder.collect(&index.fm(), &options, (1, |_| read.as_slice()));
            let (smems, _) = seeder.of(0);
            let found: Vec<_> = smems.iter().map(|smem| (smem.start, smem.end)).collect();
            let text = both_strands(&codes);
            if read.len() >= least as usize {
                prop_assert_eq!(found, by_counting(&text, &read, &options));
            }
            for smem in smems {
                let size = count(&text, &read, smem.start as usize, smem.end as usize);
                prop_assert_eq!(smem.size, size);
            }
        }
    }

    #[test]
    fn frequent_seeds_are_counted_once_where_they_overlap() {
        let smem = |start, end, size| Smem {
            start,
            end,
            size,
            ..Smem::default()
        };
        let smems = [
            smem(0, 10, 600),
            smem(5, 20, 700),
            smem(15, 40, 3),
            smem(30, 40, 501),
        ];
        assert_eq!(repeat_fraction(&smems, 500, 100), 0.3);
    }
}
