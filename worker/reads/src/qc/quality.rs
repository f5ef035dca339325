//! Qualities by cycle, and how often each occurs.

use super::sight::Sight;
use crate::container::{Decoder, Error, put_varint};

/// Qualities up to here are told apart.
const QUALITIES: usize = 128;

/// Rows that bases are counted into in turn.
const ROWS: usize = 4;

/// Sums of the qualities of a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CycleSum {
    /// Sum of the qualities.
    pub sum: u64,
    /// Number of the bases.
    pub count: u64,
}

/// The qualities of primary records.
#[derive(Debug, Clone)]
pub struct QualityCounts {
    /// By cycle, from 0 on: of first and of second reads.
    pub cycles: [Vec<CycleSum>; 2],
    /// Bases that are no N, by quality: in rows that are counted into in turn, as neighbours often
    /// have one quality.
    bases: [[u64; QUALITIES]; ROWS],
}

impl PartialEq for QualityCounts {
    fn eq(&self, other: &Self) -> bool {
        (&self.cycles, self.bases()) == (&other.cycles, other.bases())
    }
}

impl Eq for QualityCounts {}

impl Default for QualityCounts {
    fn default() -> Self {
        Self {
            cycles: [Vec::new(), Vec::new()],
            bases: [[0; QUALITIES]; ROWS],
        }
    }
}

impl QualityCounts {
    /// Counts of so many bases of one quality, and nothing else.
    #[cfg(test)]
    pub(super) fn of_bases(quality: u8, count: u64) -> Self {
        let mut counts = Self::default();
        counts.bases[0][usize::from(quality)] = count;
        counts
    }

    /// Counts a primary record.
    pub(super) fn add(&mut self, sight: Sight<'_>) {
        let (flags, qualities) = (sight.record.flags(), sight.record.qualities());
        if qualities.first() == Some(&0xFF) {
            return;
        }
        let is_second = flags.is_paired() && flags.is_second();
        let cycles = &mut self.cycles[usize::from(is_second)];
        if cycles.len() < qualities.len() {
            cycles.resize(qualities.len(), CycleSum::default());
        }
        let add = |(cycle, &quality): (&mut CycleSum, &u8)| {
            cycle.sum += u64::from(quality);
            cycle.count += 1;
        };
        match flags.is_reverse() {
            true => cycles.iter_mut().zip(qualities.iter().rev()).for_each(add),
            false => cycles.iter_mut().zip(qualities).for_each(add),
        }
        if sight.bases.contains(&b'N') {
            let both = qualities.iter().zip(sight.bases);
            let known = both.filter(|(_, base)| **base != b'N');
            known.for_each(|(quality, _)| self.count(&[*quality]));
        } else {
            let (fours, rest) = qualities.as_chunks::<ROWS>();
            fours.iter().for_each(|four| self.count(four));
            self.count(rest);
        }
    }

    /// Counts the qualities of a few bases, each in a row of its own.
    #[inline]
    fn count(&mut self, qualities: &[u8]) {
        for (row, &quality) in self.bases.iter_mut().zip(qualities) {
            row[usize::from(quality) % QUALITIES] += 1;
        }
    }

    /// Returns how many bases that are no N have each quality.
    pub fn bases(&self) -> [u64; QUALITIES] {
        std::array::from_fn(|quality| self.bases.iter().map(|row| row[quality]).sum())
    }

    /// Adds other counts.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.cycles.iter_mut().zip(&other.cycles) {
            if mine.len() < theirs.len() {
                mine.resize(theirs.len(), CycleSum::default());
            }
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                mine.sum += theirs.sum;
                mine.count += theirs.count;
            }
        }
        for (mine, theirs) in self.bases[0].iter_mut().zip(other.bases()) {
            *mine += theirs;
        }
    }

    /// Returns mean qualities by 1-based cycle; those of second reads follow those of first ones.
    pub fn means(&self) -> Vec<(usize, f64)> {
        let mut means = Vec::new();
        let mut before = 0;
        for cycles in &self.cycles {
            let mut last = 0;
            for (at, cycle) in cycles.iter().enumerate().filter(|(_, cycle)| cycle.sum > 0) {
                means.push((before + at + 1, cycle.sum as f64 / cycle.count as f64));
                last = at + 1;
            }
            before += last;
        }
        means
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        for cycles in &self.cycles {
            put_varint(out, cycles.len() as u64);
            for cycle in cycles {
                put_varint(out, cycle.sum);
                put_varint(out, cycle.count);
            }
        }
        for count in self.bases() {
            put_varint(out, count);
        }
    }

    pub(super) fn decode(fields: &mut Decoder<'_>) -> Result<Self, Error> {
        let mut counts = Self::default();
        for cycles in &mut counts.cycles {
            for _ in 0..fields.count()? {
                cycles.push(CycleSum {
                    sum: fields.varint()?,
                    count: fields.varint()?,
                });
            }
        }
        for count in &mut counts.bases[0] {
            *count = fields.varint()?;
        }
        Ok(counts)
    }
}
