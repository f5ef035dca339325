//! How many sets have which size.

use std::collections::BTreeMap;

use crate::container::{Decoder, Error, put_varint};

/// Counts by size, in order of size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Histogram {
    counts: BTreeMap<u64, u64>,
}

impl Histogram {
    /// Counts one of this size.
    pub fn add(&mut self, size: u64) {
        self.add_many(size, 1);
    }

    /// Counts many of this size.
    pub fn add_many(&mut self, size: u64, count: u64) {
        *self.counts.entry(size).or_default() += count;
    }

    /// Adds all counts of another histogram.
    pub fn merge(&mut self, other: &Self) {
        for (&size, &count) in &other.counts {
            self.add_many(size, count);
        }
    }

    /// Returns the count of a size.
    pub fn count(&self, size: u64) -> u64 {
        self.counts.get(&size).copied().unwrap_or(0)
    }

    /// Returns sizes with their counts, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + Clone + '_ {
        self.counts.iter().map(|(&size, &count)| (size, count))
    }

    /// Returns the sum of all counts.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Says whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Appends the histogram's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.counts.len() as u64);
        for (size, count) in self.iter() {
            put_varint(out, size);
            put_varint(out, count);
        }
    }

    /// Reads a histogram back.
    ///
    /// # Errors
    /// [`Error`] if the bytes are not one.
    pub fn decode(fields: &mut Decoder<'_>) -> Result<Self, Error> {
        let mut histogram = Self::default();
        for _ in 0..fields.count()? {
            let size = fields.varint()?;
            histogram.add_many(size, fields.varint()?);
        }
        Ok(histogram)
    }
}
