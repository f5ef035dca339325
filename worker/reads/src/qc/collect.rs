//! Counting records by read group.

use genome::record::{Flags, RecordView};
use genome::reference::Reference;
use genome::region::Region;

use super::alignment::AlignmentCounts;
use super::insert_size::InsertSizes;
use super::quality::QualityCounts;
use crate::container::{Decoder, Error, put_varint};

/// What is counted of one read group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupCounts {
    /// Of first reads, of second reads, of reads without a mate.
    pub alignments: [AlignmentCounts; 3],
    /// Fragment lengths.
    pub insert_sizes: InsertSizes,
    /// Qualities.
    pub qualities: QualityCounts,
}

impl GroupCounts {
    /// Adds other counts.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.alignments.iter_mut().zip(&other.alignments) {
            mine.merge(theirs);
        }
        self.insert_sizes.merge(&other.insert_sizes);
        self.qualities.merge(&other.qualities);
    }
}

/// The counts of all read groups; the last one is that of records without any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Qc {
    /// By index in the header.
    pub groups: Vec<GroupCounts>,
}

impl Qc {
    /// Returns the counts of all groups together.
    pub fn total(&self) -> GroupCounts {
        let mut total = GroupCounts::default();
        self.groups.iter().for_each(|group| total.merge(group));
        total
    }

    /// Adds the counts of another part of the genome.
    pub fn merge(&mut self, other: &Self) {
        let count = self.groups.len().max(other.groups.len());
        self.groups.resize(count, GroupCounts::default());
        for (mine, theirs) in self.groups.iter_mut().zip(&other.groups) {
            mine.merge(theirs);
        }
    }

    /// Appends the counts' bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.groups.len() as u64);
        for group in &self.groups {
            group
                .alignments
                .iter()
                .for_each(|counts| counts.encode(out));
            group.insert_sizes.encode(out);
            group.qualities.encode(out);
        }
    }

    /// Reads counts back.
    ///
    /// # Errors
    /// [`Error`] if the bytes are not counts.
    pub fn decode(fields: &mut Decoder<'_>) -> Result<Self, Error> {
        let mut qc = Self::default();
        for _ in 0..fields.count()? {
            let mut group = GroupCounts::default();
            for counts in &mut group.alignments {
                *counts = AlignmentCounts::decode(fields)?;
            }
            group.insert_sizes = InsertSizes::decode(fields)?;
            group.qualities = QualityCounts::decode(fields)?;
            qc.groups.push(group);
        }
        Ok(qc)
    }
}

/// Counts records, one at a time, in any order.
#[derive(Debug)]
pub struct Collector<'a> {
    reference: Reference<'a>,
    qc: Qc,
    letters: Vec<u8>,
}

impl<'a> Collector<'a> {
    /// Starts at nothing, for records on the contigs of this reference.
    pub fn new(reference: Reference<'a>) -> Self {
        Self {
            reference,
            qc: Qc::default(),
            letters: Vec::new(),
        }
    }

    /// Counts a record of a read group.
    pub fn add(&mut self, record: &RecordView<'_>, group: usize) {
        let flags = record.flags();
        if !flags.is_primary() {
            return;
        }
        self.fetch(record);
        if self.qc.groups.len() <= group {
            self.qc.groups.resize(group + 1, GroupCounts::default());
        }
        let counts = &mut self.qc.groups[group];
        let category = match (flags.is_paired(), flags.has(Flags::FIRST)) {
            (true, true) => 0,
            (true, false) => 1,
            (false, _) => 2,
        };
        counts.alignments[category].add(record, &self.letters);
        counts.insert_sizes.add(record);
        counts.qualities.add(record);
    }

    /// Returns what was counted.
    pub fn finish(self) -> Qc {
        self.qc
    }

    /// Fetches the letters under a mapped record, as far as its contig goes.
    fn fetch(&mut self, record: &RecordView<'_>) {
        self.letters.clear();
        let (Some(contig), Some(start), Some(end)) =
            (record.contig(), record.position(), record.end())
        else {
            return;
        };
        let contigs = self.reference.dictionary().contigs();
        let Some(length) = contigs.get(contig.0 as usize).map(|contig| contig.length) else {
            return;
        };
        let end = u64::from(end).min(length);
        if !record.flags().is_unmapped() && u64::from(start) < end {
            let region = Region::new(contig, start.into(), end);
            self.reference.fetch(region, &mut self.letters);
        }
    }
}
