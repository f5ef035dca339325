//! Which records are evidence. Source: GATK 4.6 HaplotypeCaller's read filters.

use crate::options::Options;
use genome::cigar::{self, CigarKind, CigarOp};
use genome::record::{Flags, RecordView};

/// SAM's "mapping quality unknown".
const UNKNOWN_MAPPING_QUALITY: u8 = 255;

/// Says whether a record may be evidence of a call.
pub fn is_evidence(record: &RecordView<'_>, options: &Options) -> bool {
    let flags = record.flags();
    let unwanted = Flags::UNMAPPED | Flags::SECONDARY | Flags::DUPLICATE | Flags::VENDOR_FAILED;
    if flags.0 & unwanted != 0 || record.contig().is_none() || record.position().is_none() {
        return false;
    }
    let mapping_quality = record.mapping_quality();
    if mapping_quality < options.minimum_mapping_quality
        || mapping_quality == UNKNOWN_MAPPING_QUALITY
    {
        return false;
    }
    let has_bases = record.base_count() > 0 && record.qualities()[0] != u8::MAX;
    has_bases && is_good_cigar(record)
}

/// A CIGAR without skips, without neighbouring indels and without a deletion at an end, that covers
/// some of the reference.
fn is_good_cigar(record: &RecordView<'_>) -> bool {
    let span = cigar::reference_span(record.cigar());
    let is_clip = |op: &CigarOp| op.kind().is_clip();
    let is_indel = |op: CigarOp| matches!(op.kind(), CigarKind::Insertion | CigarKind::Deletion);
    let is_deletion = |op: CigarOp| op.kind() == CigarKind::Deletion;
    let first = record.cigar().find(|op| !is_clip(op));
    let last = record.cigar().rev().find(|op| !is_clip(op));
    let neighbours = record.cigar().zip(record.cigar().skip(1));
    let mut kinds = record.cigar().map(CigarOp::kind);
    span > 0
        && kinds.all(|kind| !matches!(kind, CigarKind::Skip | CigarKind::Padding))
        && !first.is_none_or(is_deletion)
        && !last.is_none_or(is_deletion)
        && neighbours
            .into_iter()
            .all(|(a, b)| !(is_indel(a) && is_indel(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Draft, ops};

    #[test]
    fn each_filter_refuses_its_own() {
        let good = Draft::default();
        let table = [
            (good.clone(), true),
            (good.clone().flags(Flags::SUPPLEMENTARY), true),
            (good.clone().flags(Flags::SECONDARY), false),
            (good.clone().flags(Flags::DUPLICATE), false),
            (good.clone().flags(Flags::VENDOR_FAILED), false),
            (good.clone().flags(Flags::UNMAPPED), false),
            (good.clone().mapping_quality(19), false),
            (good.clone().mapping_quality(255), false),
            (good.clone().cigar(ops("2S8M")), true),
            (good.clone().cigar(ops("2S1D8M")), false),
            (good.clone().cigar(ops("5M1D1I4M")), false),
            (good.clone().cigar(ops("5M9N5M")), false),
            (good.cigar(ops("10S")), false),
        ];
        for (draft, expected) in table {
            let record = draft.record();
            assert_eq!(is_evidence(&record.view(), &Options::default()), expected);
        }
    }
}
