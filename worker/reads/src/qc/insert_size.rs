//! Fragment lengths by the orientation of the pair.

use genome::record::{Flags, RecordView};

use crate::container::{Decoder, Error};
use crate::duplicates::Histogram;

/// How two reads of a pair lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PairOrientation {
    /// Towards each other.
    ForwardReverse,
    /// Away from each other.
    ReverseForward,
    /// On one strand.
    Tandem,
}

impl PairOrientation {
    /// All, in Picard's order.
    pub const ALL: [Self; 3] = [Self::ForwardReverse, Self::ReverseForward, Self::Tandem];

    /// Returns the orientation of a mapped record and its mapped mate.
    pub(super) fn of(record: &RecordView<'_>) -> Self {
        let flags = record.flags();
        if flags.is_reverse() == flags.is_mate_reverse() {
            return Self::Tandem;
        }
        let start = record.position().map_or(-1, i64::from);
        let mate = record.mate_position().map_or(-1, i64::from);
        let length = i64::from(record.template_length());
        let last = record.end().map_or(0, |end| i64::from(end) - 1);
        let (forward, reverse) = match flags.is_reverse() {
            true => (mate, last),
            false => (start, start + length),
        };
        if forward < reverse {
            Self::ForwardReverse
        } else {
            Self::ReverseForward
        }
    }

    /// Returns Picard's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ForwardReverse => "FR",
            Self::ReverseForward => "RF",
            Self::Tandem => "TANDEM",
        }
    }
}

/// Lengths in bp of fragments that are no duplicates, by orientation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InsertSizes {
    histograms: [Histogram; 3],
}

impl InsertSizes {
    /// Counts the pair whose second read this is.
    pub(super) fn add(&mut self, record: &RecordView<'_>) {
        let flags = record.flags();
        let length = record.template_length().unsigned_abs();
        let is_pair = flags.is_paired() && !flags.is_unmapped() && !flags.is_mate_unmapped();
        if !is_pair || flags.has(Flags::FIRST) || flags.is_duplicate() || length == 0 {
            return;
        }
        let orientation = PairOrientation::of(record);
        self.histograms[orientation as usize].add(length.into());
    }

    /// Adds other counts.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.histograms.iter_mut().zip(&other.histograms) {
            mine.merge(theirs);
        }
    }

    /// Returns the orientations that are not rare, at least one in twenty pairs, with their lengths.
    pub fn common(&self) -> impl Iterator<Item = (PairOrientation, &Histogram)> {
        let total: u64 = self.histograms.iter().map(Histogram::total).sum();
        let all = PairOrientation::ALL.into_iter().zip(&self.histograms);
        all.filter(move |(_, histogram)| {
            !histogram.is_empty() && histogram.total() as f64 >= total as f64 * 0.05
        })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        for histogram in &self.histograms {
            histogram.encode(out);
        }
    }

    pub(super) fn decode(fields: &mut Decoder<'_>) -> Result<Self, Error> {
        let mut sizes = Self::default();
        for histogram in &mut sizes.histograms {
            *histogram = Histogram::decode(fields)?;
        }
        Ok(sizes)
    }
}
