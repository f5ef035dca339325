//! The reads of a lane, template by template, whatever files they are in.

use common::failure::Failure;
use common::task::SplitCursor;
use common::workflow::LaneReads;

use super::super::Context;
use super::bam_lane::BamLane;
use super::digest::FileDigest;
use super::fastq_lane::FastqLane;
use crate::formats::fastq::Record;

/// One or two reads of a template.
#[derive(Debug, Default)]
pub struct Template {
    pub(super) records: [Record; 2],
    pub(super) count: usize,
}

impl Template {
    /// Returns the reads.
    pub fn records(&self) -> &[Record] {
        &self.records[..self.count]
    }
}

/// The files of a lane.
pub enum Source {
    /// FASTQ files.
    Fastq(FastqLane),
    /// A BAM file.
    Bam(Box<BamLane>),
}

impl Source {
    /// Opens the files.
    ///
    /// # Errors
    /// What is wrong with their beginning.
    pub fn open(context: &Context<'_>, reads: &LaneReads) -> Result<Self, Failure> {
        let fastq = match reads {
            LaneReads::SingleEnd(file) => FastqLane::open(context, &[file], false),
            LaneReads::Paired(first, second) => FastqLane::open(context, &[first, second], false),
            LaneReads::Interleaved(file) => FastqLane::open(context, &[file], true),
            LaneReads::Bam(file) => {
                let lane = BamLane::open(context, file)?;
                return Ok(Self::Bam(Box::new(lane)));
            }
        };
        fastq.map(Self::Fastq)
    }

    /// Says whether templates have two reads.
    pub fn is_paired(&self) -> bool {
        match self {
            Self::Fastq(lane) => lane.is_paired(),
            Self::Bam(lane) => lane.is_paired(),
        }
    }

    /// Goes on where an earlier attempt stood.
    ///
    /// # Errors
    /// If the files end before.
    pub fn skip(&mut self, cursor: &SplitCursor) -> Result<(), Failure> {
        match self {
            Self::Fastq(lane) => lane.skip(cursor),
            Self::Bam(lane) => lane.skip(cursor.next_ordinal),
        }
    }

    /// Returns how much decompressed text of each file has been read; 0 where that does not help
    /// to go on.
    pub fn offsets(&self) -> [u64; 2] {
        match self {
            Self::Fastq(lane) => lane.offsets(),
            Self::Bam(_) => [0, 0],
        }
    }

    /// Reads the next template; false at the end.
    ///
    /// # Errors
    /// What is wrong with its reads, or that one has no mate.
    pub fn next(&mut self, template: &mut Template) -> Result<bool, Failure> {
        match self {
            Self::Fastq(lane) => lane.next(template),
            Self::Bam(lane) => lane.next(template),
        }
    }

    /// Returns what the files were, once they have been read to their ends.
    ///
    /// # Errors
    /// What can be told of a file at its end alone.
    pub fn finish(self) -> Result<Vec<FileDigest>, Failure> {
        match self {
            Self::Fastq(lane) => Ok(lane.finish()),
            Self::Bam(lane) => lane.finish().map(|digest| vec![digest]),
        }
    }
}
