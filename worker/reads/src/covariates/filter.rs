//! Which records count.

use genome::cigar::{CigarKind, reference_span};
use genome::dictionary::Dictionary;
use genome::record::{Flags, RecordView};
use genome::region::Region;

/// MAPQ of a record whose quality is unknown. SAM v1 §1.4 (2024-11-06).
const UNKNOWN_MAPPING_QUALITY: u8 = 255;

const EXCLUDED: u16 = Flags::UNMAPPED | Flags::SECONDARY | Flags::DUPLICATE | Flags::VENDOR_FAILED;

/// Says whether a record is fit for counting; supplementary ones are.
pub(super) fn is_countable(record: &RecordView<'_>) -> bool {
    let mapping_quality = record.mapping_quality();
    mapping_quality != 0
        && mapping_quality != UNKNOWN_MAPPING_QUALITY
        && record.flags().0 & EXCLUDED == 0
}

/// Says whether a record is complete and, if it is mapped, lies on its contig: what GATK calls well
/// formed, the read group aside.
pub fn is_well_formed(record: &RecordView<'_>, dictionary: &Dictionary) -> bool {
    let has_qualities = record.qualities().iter().any(|&quality| quality != 0xFF);
    has_qualities && (record.flags().is_unmapped() || lies_on_contig(record, dictionary))
}

fn lies_on_contig(record: &RecordView<'_>, dictionary: &Dictionary) -> bool {
    let (Some(contig), Some(_), Some(end)) = (record.contig(), record.position(), record.end())
    else {
        return false;
    };
    let Some(contig) = dictionary.contigs().get(contig.0 as usize) else {
        return false;
    };
    u64::from(end) <= contig.length
        && record.cigar().len() > 0
        && reference_span(record.cigar()) > 0
        && record.cigar().all(|op| op.kind() != CigarKind::Skip)
}

/// Says whether a placed record overlaps one of the regions, which are sorted and merged.
pub(super) fn overlaps_any(record: &RecordView<'_>, regions: &[Region]) -> bool {
    let (Some(contig), Some(start), Some(end)) = (record.contig(), record.position(), record.end())
    else {
        return false;
    };
    let read = Region::new(contig, start.into(), end.into());
    let ends_before = |region: &Region| (region.contig, region.end) <= (read.contig, read.start);
    let first = regions.partition_point(ends_before);
    regions
        .get(first)
        .is_some_and(|region| region.overlaps(&read))
}
