//! Seeding: super-maximal exact matches (SMEMs) of a read in three rounds.
//!
//! Source: Li 2012 (FMD-index); Li 2013, §2.1 (re-seeding); the third round as bwa mem.

use crate::Options;
use crate::index::occ::{FmIndex, Interval};

/// An exact match of a stretch of the read, wherever it occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Smem {
    /// First position in the read.
    pub start: u32,
    /// One past the last position in the read.
    pub end: u32,
    /// First row of the suffix array.
    pub first_row: u64,
    /// Number of rows.
    pub size: u64,
}

impl Smem {
    const fn len(&self) -> u32 {
        self.end - self.start
    }
}

/// A match that may still grow to the left.
#[derive(Debug, Clone, Copy)]
struct Growing {
    interval: Interval,
    end: u32,
}

/// The seeds of one read, and the memory to find them.
#[derive(Debug, Default)]
pub(crate) struct Seeder {
    /// Seeds sorted by start, then end; duplicates are kept.
    pub smems: Vec<Smem>,
    growing: Vec<Growing>,
    grown: Vec<Growing>,
}

impl Seeder {
    /// Collects the seeds of a read given as codes 0–4.
    pub fn collect(&mut self, fm: &FmIndex<'_>, options: &Options, read: &[u8]) {
        self.smems.clear();
        let min_length = options.min_seed_length as u32;
        if read.len() < min_length as usize {
            return;
        }
        let mut at = 0;
        while at < read.len() {
            at = self.search(fm, read, (at, 1), min_length);
        }
        self.reseed(fm, options, read);
        if options.third_round_occurrences > 0 {
            self.third_round(fm, options, read);
        }
        self.smems.sort_unstable();
    }

    /// Second round: shorter matches through the middle of long, rare ones.
    fn reseed(&mut self, fm: &FmIndex<'_>, options: &Options, read: &[u8]) {
        let min_length = options.min_seed_length as u32;
        let long = f64::from(options.min_seed_length as f32 * options.reseed_factor) + 0.499;
        let long = long as u32;
        for index in 0..self.smems.len() {
            let smem = self.smems[index];
            if smem.len() >= long && smem.size <= options.reseed_max_occurrences {
                let middle = (smem.start + smem.end) / 2;
                self.search(fm, read, (middle as usize, smem.size + 1), min_length);
            }
        }
    }

    /// Third round: from left to right, the shortest matches that are rare enough.
    fn third_round(&mut self, fm: &FmIndex<'_>, options: &Options, read: &[u8]) {
        let mut start = 0;
        while start < read.len() {
            if read[start] > 3 {
                start += 1;
                continue;
            }
            start = self.shortest_rare(fm, options, read, start);
        }
    }

    /// Adds the shortest rare match that begins at `start`; returns where to go on.
    fn shortest_rare(
        &mut self,
        fm: &FmIndex<'_>,
        options: &Options,
        read: &[u8],
        start: usize,
    ) -> usize {
        let mut interval = fm.of_base(read[start]);
        for (at, &code) in read.iter().enumerate().skip(start + 1) {
            if code > 3 {
                return at + 1;
            }
            interval = fm.extend_forward(interval, code);
            let is_long = at - start >= options.min_seed_length as usize;
            if is_long && interval.size < options.third_round_occurrences {
                if interval.size > 0 {
                    self.smems.push(Smem {
                        start: start as u32,
                        end: at as u32 + 1,
                        first_row: interval.forward,
                        size: interval.size,
                    });
                }
                return at + 1;
            }
        }
        read.len()
    }

    /// Adds all matches through position `from` with at least `min_size` rows that cannot be
    /// lengthened and have `min_length`; returns where the longest one from `from` on ends.
    fn search(
        &mut self,
        fm: &FmIndex<'_>,
        read: &[u8],
        (from, min_size): (usize, u64),
        min_length: u32,
    ) -> usize {
        if read[from] > 3 {
            return from + 1;
        }
        self.grow_right(fm, read, from, min_size);
        let end = self.growing[0].end as usize;
        self.grow_left(fm, read, (from, min_size), min_length);
        end
    }

    /// Fills `growing` with the matches that begin at `from`, one a size, the longest first.
    fn grow_right(&mut self, fm: &FmIndex<'_>, read: &[u8], from: usize, min_size: u64) {
        self.growing.clear();
        let mut current = Growing {
            interval: fm.of_base(read[from]),
            end: from as u32 + 1,
        };
        for (at, &code) in read.iter().enumerate().skip(from + 1) {
            if code > 3 {
                break;
            }
            let longer = fm.extend_forward(current.interval, code);
            if longer.size != current.interval.size {
                self.growing.push(current);
                if longer.size < min_size {
                    self.growing.reverse();
                    return;
                }
            }
            current = Growing {
                interval: longer,
                end: at as u32 + 1,
            };
        }
        self.growing.push(current);
        self.growing.reverse();
    }

    /// Grows the matches to the left; one that stops while no longer one goes on is kept.
    fn grow_left(
        &mut self,
        fm: &FmIndex<'_>,
        read: &[u8],
        (from, min_size): (usize, u64),
        min_length: u32,
    ) {
        let mut last_start = u32::MAX;
        let mut start = from as u32;
        while !self.growing.is_empty() {
            let code = start.checked_sub(1).map(|before| read[before as usize]);
            let code = code.filter(|&code| code < 4);
            self.grown.clear();
            for &Growing { interval, end } in &self.growing {
                let longer = code.map(|code| fm.extend_backward(interval)[code as usize]);
                match longer.filter(|longer| longer.size >= min_size) {
                    Some(longer) => {
                        let last = self.grown.last();
                        if last.is_none_or(|last| last.interval.size != longer.size) {
                            self.grown.push(Growing {
                                interval: longer,
                                end,
                            });
                        }
                    }
                    None if self.grown.is_empty() && start < last_start => {
                        last_start = start;
                        if end - start >= min_length {
                            self.smems.push(Smem {
                                start,
                                end,
                                first_row: interval.forward,
                                size: interval.size,
                            });
                        }
                    }
                    None => {}
                }
            }
            std::mem::swap(&mut self.growing, &mut self.grown);
            start = start.wrapping_sub(1);
        }
    }
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
            seeder.collect(&index.fm(), &options, &read);
            let found: Vec<_> = seeder.smems.iter().map(|smem| (smem.start, smem.end)).collect();
            let text = both_strands(&codes);
            if read.len() >= least as usize {
                prop_assert_eq!(found, by_counting(&text, &read, &options));
            }
            for smem in &seeder.smems {
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
            first_row: 0,
            size,
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
