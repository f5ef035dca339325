//! A read as a region sees it: a clip of one record, with the head shared by all its clips.

use genome::cigar::{self, Cigar};
use genome::record::Flags;
use genome::region::{ContigId, Region};
use std::sync::Arc;

/// What stays the same however a read is clipped or realigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadHead {
    /// Number of the record in the stream of reads: stable, and distinct for each record.
    pub ordinal: u64,
    /// Name of the read.
    pub name: Box<[u8]>,
    /// FLAG.
    pub flags: Flags,
    /// MAPQ.
    pub mapping_quality: u8,
    /// The contig.
    pub contig: ContigId,
    /// Contig and 0-based position of the mate, if it is paired and placed.
    pub mate: Option<(ContigId, u64)>,
    /// TLEN.
    pub template_length: i32,
    /// Index of the sample among those of the input.
    pub sample: usize,
    /// 0-based first aligned position in the record.
    pub original_start: u64,
    /// One past the last aligned position in the record.
    pub original_end: u64,
    /// Encoded tags of the record, where realigned reads are shown; else nothing.
    pub tags: Box<[u8]>,
}

/// A read within a region: bases, qualities and CIGAR after clipping.
///
/// `bases` and `qualities` have the length that `cigar` covers; hard clips stand in `cigar` alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionRead {
    /// What all clips of the record share.
    pub head: Arc<ReadHead>,
    /// 0-based first aligned position.
    pub start: u64,
    /// The alignment, hard clips included.
    pub cigar: Cigar,
    /// Upper-case letters on the forward strand.
    pub bases: Vec<u8>,
    /// Raw Phred qualities, after the correction of overlapping mates.
    pub qualities: Vec<u8>,
}

impl RegionRead {
    /// Returns one past the last aligned position.
    pub fn end(&self) -> u64 {
        self.start + cigar::reference_span(self.cigar.iter().copied())
    }

    /// Returns the aligned stretch.
    pub fn span(&self) -> Region {
        Region::new(self.head.contig, self.start, self.end())
    }

    /// Returns the number of bases.
    pub const fn len(&self) -> usize {
        self.bases.len()
    }

    /// Says whether nothing is left of the read.
    pub const fn is_empty(&self) -> bool {
        self.bases.is_empty()
    }

    /// Says whether the read lies on the reverse strand.
    pub fn is_reverse(&self) -> bool {
        self.head.flags.is_reverse()
    }

    /// Returns the first position with soft clips laid out; it may lie before 0.
    pub fn soft_start(&self) -> i64 {
        let clipped = |op: &&cigar::CigarOp| op.kind().is_clip();
        let soft: i64 = self
            .cigar
            .iter()
            .take_while(clipped)
            .filter(|op| op.kind() == cigar::CigarKind::SoftClip)
            .map(|op| i64::from(op.len()))
            .sum();
        self.start as i64 - soft
    }

    /// Returns one past the last position with soft clips laid out.
    pub fn soft_end(&self) -> u64 {
        let clipped = |op: &&cigar::CigarOp| op.kind().is_clip();
        let soft: u64 = self
            .cigar
            .iter()
            .rev()
            .take_while(clipped)
            .filter(|op| op.kind() == cigar::CigarKind::SoftClip)
            .map(|op| u64::from(op.len()))
            .sum();
        self.end() + soft
    }
}
