//! Counting records by read group.

use genome::record::{Flags, RecordView};
use genome::reference::Reference;
use genome::region::Region;

use super::alignment::AlignmentCounts;
use super::depth::{DepthCounter, DepthPart};
use super::gc_bias::{BINS, GcCounts, add_all, put_bins, take_bins, windows};
use super::insert_size::InsertSizes;
use super::quality::QualityCounts;
use super::sight::Sight;
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
    /// Starts by share of G and C.
    pub gc: GcCounts,
}

impl GroupCounts {
    /// Adds other counts.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.alignments.iter_mut().zip(&other.alignments) {
            mine.merge(theirs);
        }
        self.insert_sizes.merge(&other.insert_sizes);
        self.qualities.merge(&other.qualities);
        self.gc.merge(&other.gc);
    }
}

/// The counts of all read groups; the last one is that of records without any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qc {
    /// By index in the header.
    pub groups: Vec<GroupCounts>,
    /// Windows of the reference by their share of G and C.
    pub windows: Vec<u64>,
}

impl Default for Qc {
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            windows: vec![0; BINS],
        }
    }
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
        add_all(&mut self.windows, &other.windows);
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
            group.gc.encode(out);
        }
        put_bins(&self.windows, out);
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
            group.gc = GcCounts::decode(fields)?;
            qc.groups.push(group);
        }
        qc.windows = take_bins(fields)?;
        Ok(qc)
    }
}

/// Counts records of some regions, one at a time, in order of their positions.
#[derive(Debug)]
pub struct Collector<'a> {
    reference: Reference<'a>,
    regions: &'a [Region],
    qc: Qc,
    depths: DepthCounter<'a>,
    bases: Vec<u8>,
    letters: Vec<u8>,
    window: Vec<u8>,
}

impl<'a> Collector<'a> {
    /// Starts at nothing, for records on the contigs of this reference that start in these sorted
    /// regions; the coverage of targets, sorted and merged, is told apart.
    pub fn new(reference: Reference<'a>, regions: &'a [Region], targets: &'a [Region]) -> Self {
        Self {
            depths: DepthCounter::new(reference.clone(), regions, targets),
            reference,
            regions,
            qc: Qc::default(),
            bases: Vec::new(),
            letters: Vec::new(),
            window: Vec::new(),
        }
    }

    /// Counts a record of a read group.
    pub fn add(&mut self, record: &RecordView<'_>, group: usize) {
        self.fetch(record);
        self.bases.clear();
        record.append_bases(&mut self.bases);
        let sight = Sight {
            record: *record,
            bases: &self.bases,
            reference: &self.letters,
        };
        if self.qc.groups.len() <= group {
            self.qc.groups.resize(group + 1, GroupCounts::default());
        }
        let counts = &mut self.qc.groups[group];
        counts.gc.add(sight, &self.reference, &mut self.window);
        self.depths.add(sight);
        let flags = record.flags();
        if !flags.is_primary() {
            return;
        }
        let category = match (flags.is_paired(), flags.has(Flags::FIRST)) {
            (true, true) => 0,
            (true, false) => 1,
            (false, _) => 2,
        };
        counts.alignments[category].add(sight);
        counts.insert_sizes.add(record);
        counts.qualities.add(sight);
    }

    /// Returns what was counted, when the last record has passed.
    pub fn finish(mut self) -> (Qc, DepthPart) {
        self.qc.windows = windows(&self.reference, self.regions);
        (self.qc, self.depths.finish())
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
