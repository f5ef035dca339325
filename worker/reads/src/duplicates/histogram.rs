//! How many sets have which size.

use std::collections::BTreeMap;

use crate::container::{Decoder, Error, put_varint};

/// Smaller sizes are counted in a row.
const ROW_SIZES: usize = 1 << 12;

/// Counts by size, in order of size.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    /// As far as sizes occurred.
    row: Vec<u64>,
    /// Those beyond.
    others: BTreeMap<u64, u64>,
}

impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Histogram {}

impl Histogram {
    /// Counts one of this size.
    pub fn add(&mut self, size: u64) {
        self.add_many(size, 1);
    }

    /// Counts many of this size.
    pub fn add_many(&mut self, size: u64, count: u64) {
        if size >= ROW_SIZES as u64 {
            *self.others.entry(size).or_default() += count;
            return;
        }
        let at = size as usize;
        if self.row.len() <= at {
            self.row.resize(at + 1, 0);
        }
        self.row[at] += count;
    }

    /// Adds all counts of another histogram.
    pub fn merge(&mut self, other: &Self) {
        for (size, count) in other.iter() {
            self.add_many(size, count);
        }
    }

    /// Returns the count of a size.
    pub fn count(&self, size: u64) -> u64 {
        let in_row = self.row.get(size as usize);
        let found = in_row.or_else(|| self.others.get(&size));
        found.copied().unwrap_or(0)
    }

    /// Returns sizes with their counts, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + Clone + '_ {
        let others = self.others.iter().map(|(&size, &count)| (size, count));
        let all = (0..).zip(self.row.iter().copied()).chain(others);
        all.filter(|&(_, count)| count > 0)
    }

    /// Returns the sum of all counts.
    pub fn total(&self) -> u64 {
        self.iter().map(|(_, count)| count).sum()
    }

    /// Says whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Appends the histogram's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.iter().count() as u64);
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
