//! From records to reads: what may be evidence, in a form that can be clipped.

use crate::filter::is_evidence;
use crate::options::Options;
use crate::region_read::{ReadHead, RegionRead};
use genome::base;
use genome::record::RecordView;
use genome::region::{ContigId, Region};
use std::sync::Arc;

/// Reads this far from the regions asked for still take part.
pub const READ_PADDING_BP: u64 = 100;

/// Turns records into reads, and leaves out what is no evidence.
#[derive(Debug)]
pub struct Intake<'a> {
    options: &'a Options,
    /// Where reads are wanted: sorted, disjoint.
    wanted: Vec<Region>,
    ordinal: u64,
}

impl<'a> Intake<'a> {
    /// Takes reads that overlap `wanted`, which is sorted and disjoint.
    pub const fn new(options: &'a Options, wanted: Vec<Region>) -> Self {
        Self {
            options,
            wanted,
            ordinal: 0,
        }
    }

    /// Returns the read of a record, if it may be evidence.
    pub fn read(&mut self, record: &RecordView<'_>) -> Option<RegionRead> {
        self.ordinal += 1;
        let contig = record.contig()?;
        let start = u64::from(record.position()?);
        let end = u64::from(record.end()?);
        let overlaps = self.overlaps(Region::new(contig, start, end));
        (overlaps && is_evidence(record, self.options)).then(|| self.take(record, contig, start))
    }

    fn overlaps(&self, span: Region) -> bool {
        let before = |region: &Region| (region.contig, region.end) <= (span.contig, span.start);
        let first = self.wanted.partition_point(before);
        self.wanted
            .get(first)
            .is_some_and(|region| region.overlaps(&span))
    }

    fn take(&self, record: &RecordView<'_>, contig: ContigId, start: u64) -> RegionRead {
        let flags = record.flags();
        let mate = match (record.mate_contig(), record.mate_position()) {
            (Some(contig), Some(position)) if flags.is_paired() => {
                Some((contig, u64::from(position)))
            }
            _ => None,
        };
        let plain = |letter: u8| base::LETTERS[usize::from(base::code(letter))];
        let head = ReadHead {
            ordinal: self.ordinal,
            name: record.name().into(),
            flags,
            mapping_quality: record.mapping_quality(),
            contig,
            mate,
            template_length: record.template_length(),
            sample: 0,
            original_start: start,
            original_end: u64::from(record.end().unwrap_or_default()),
            tags: match self.options.shown {
                Some(_) => record.tag_bytes().into(),
                None => Box::default(),
            },
        };
        RegionRead {
            head: Arc::new(head),
            start,
            cigar: record.cigar().collect(),
            bases: record.bases().map(plain).collect(),
            qualities: record.qualities().to_vec(),
        }
    }
}
