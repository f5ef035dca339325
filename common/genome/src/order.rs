//! The one total order of records: contig, position, strand, lane, ordinal of the read in its
//! lane, index of the record in its read; unplaced last.

use crate::record::RecordView;

/// The place of a record in the total order. It is unique within a genome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Contig index; `u32::MAX` for unplaced records, so that they come last.
    pub contig: u32,
    /// 0-based position; 0 for unplaced records.
    pub position: u32,
    /// Whether the record lies on the reverse strand; false for unplaced records.
    pub reverse: bool,
    /// Index of the lane in the request.
    pub lane: u32,
    /// Ordinal of the read in its lane: 64 bits, mates are neighbours.
    pub ordinal: u64,
    /// Index of the record among those of its read, in the order of the aligner.
    pub index: u16,
}

impl Place {
    /// Returns the place of a record of a given read.
    pub fn of(record: &RecordView<'_>, lane: u32, ordinal: u64, index: u16) -> Self {
        match (record.contig(), record.position()) {
            (Some(contig), Some(position)) => Self {
                contig: contig.0,
                position,
                reverse: record.flags().is_reverse(),
                lane,
                ordinal,
                index,
            },
            _ => Self {
                contig: u32::MAX,
                position: 0,
                reverse: false,
                lane,
                ordinal,
                index,
            },
        }
    }

    /// Says whether the record has no place on the reference.
    pub const fn is_unplaced(&self) -> bool {
        self.contig == u32::MAX
    }
}
