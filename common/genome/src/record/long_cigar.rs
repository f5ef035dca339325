//! CIGARs of more operations than a record can count: they stand in a tag, and two operations in
//! their place. SAM v1 §4.2.2 (2024-11-06).

use super::tags::{Tag, encoded_tags};
use crate::cigar::{self, CigarKind, CigarOp};
use std::ops::Range;

/// The tag that holds the operations.
pub(super) const TAG: Tag = *b"CG";
/// Type and element type of its value.
const KIND: [u8; 2] = *b"BI";
/// Tag, types and number of elements.
const HEAD_BYTES: usize = 8;

/// Returns what stands in the place of operations that are too many; `None` if they are not.
pub(super) fn stand_in(ops: &[CigarOp], bases: usize) -> Option<[CigarOp; 2]> {
    let span = cigar::reference_span(ops.iter().copied());
    (ops.len() > usize::from(u16::MAX)).then(|| {
        [
            CigarOp::new(CigarKind::SoftClip, bases as u32),
            CigarOp::new(CigarKind::Skip, span as u32),
        ]
    })
}

/// Says whether operations may stand in the place of more.
pub(super) fn is_stand_in(ops: [CigarOp; 2], bases: usize) -> bool {
    let [clip, skip] = ops;
    clip.kind() == CigarKind::SoftClip
        && clip.len() as usize == bases
        && skip.kind() == CigarKind::Skip
}

/// Appends the tag.
pub(super) fn append_tag(ops: &[CigarOp], bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&TAG);
    bytes.extend_from_slice(&KIND);
    bytes.extend_from_slice(&(ops.len() as u32).to_le_bytes());
    for op in ops {
        bytes.extend_from_slice(&op.packed().to_le_bytes());
    }
}

/// Returns where in the bytes of the tags the operations stand.
pub(super) fn find(tags: &[u8]) -> Option<Range<usize>> {
    let mut start = 0;
    for (tag, encoded) in encoded_tags(tags) {
        if tag == TAG {
            let is_operations = encoded.get(2..4) == Some(&KIND);
            return is_operations.then_some(start + HEAD_BYTES..start + encoded.len());
        }
        start += encoded.len();
    }
    None
}
