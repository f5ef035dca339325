//! Which records are evidence. Source: GATK 4.6 HaplotypeCaller's read filters.

use crate::options::Options;
use genome::cigar::{self, CigarKind, CigarOp};
use genome::record::{Flags, RecordView};

/// SAM's "mapping quality unknown".
const UNKNOWN_MAPPING_QUALITY: u8 = 255;

/// Why a record is no evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// It is not mapped.
    Unmapped,
    /// It is a secondary alignment.
    Secondary,
    /// It is a duplicate.
    Duplicate,
    /// The sequencer's vendor did not pass it.
    VendorFailed,
    /// Its mapping quality is below the limit.
    LowMappingQuality,
    /// Its mapping quality is not known.
    UnknownMappingQuality,
    /// It has no bases or no qualities.
    NoBases,
    /// Its CIGAR skips, begins or ends with a deletion, or has neighbouring indels.
    OddCigar,
}

impl Refusal {
    /// Returns the reason in words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Unmapped => "not mapped",
            Self::Secondary => "secondary alignment",
            Self::Duplicate => "duplicate",
            Self::VendorFailed => "failed by the vendor's filter",
            Self::LowMappingQuality => "mapping quality too low",
            Self::UnknownMappingQuality => "mapping quality 255",
            Self::NoBases => "no bases or qualities",
            Self::OddCigar => "CIGAR that cannot be trusted",
        }
    }
}

/// Says whether a record may be evidence of a call.
pub fn is_evidence(record: &RecordView<'_>, options: &Options) -> bool {
    refusal(record, options).is_none()
}

/// Says why a record is no evidence, if so.
pub fn refusal(record: &RecordView<'_>, options: &Options) -> Option<Refusal> {
    let flags = record.flags();
    let by_flag = [
        (Flags::UNMAPPED, Refusal::Unmapped),
        (Flags::SECONDARY, Refusal::Secondary),
        (Flags::DUPLICATE, Refusal::Duplicate),
        (Flags::VENDOR_FAILED, Refusal::VendorFailed),
    ];
    for (flag, refusal) in by_flag {
        if flags.0 & flag != 0 {
            return Some(refusal);
        }
    }
    if record.contig().is_none() || record.position().is_none() {
        return Some(Refusal::Unmapped);
    }
    let mapping_quality = record.mapping_quality();
    if mapping_quality < options.minimum_mapping_quality {
        return Some(Refusal::LowMappingQuality);
    }
    if mapping_quality == UNKNOWN_MAPPING_QUALITY {
        return Some(Refusal::UnknownMappingQuality);
    }
    if record.base_count() == 0 || record.qualities()[0] == u8::MAX {
        return Some(Refusal::NoBases);
    }
    (!is_good_cigar(record)).then_some(Refusal::OddCigar)
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
