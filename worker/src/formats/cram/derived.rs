//! The tags MD and NM, which follow from bases and reference. SAM tags (2024-11-06), §1.1.

use std::io::Write;

use genome::cigar::CigarKind;
use genome::record::{RecordView, tags};

/// Appends the tags MD and NM to a record's bytes, each unless the record has it already; nothing
/// if the record has no bases or reaches beyond the letters of its contig.
pub(super) fn append_derived(record: &RecordView<'_>, letters: &[u8], bytes: &mut Vec<u8>) {
    let has = |wanted: &[u8; 2]| tags(record.tag_bytes()).any(|(tag, _)| tag == *wanted);
    let (has_text, has_count) = (has(b"MD"), has(b"NM"));
    if (has_text && has_count) || record.base_count() == 0 {
        return;
    }
    let start = record.position().unwrap_or(0) as usize;
    let span = genome::cigar::reference_span(record.cigar()) as usize;
    let Some(letters) = letters.get(start..start + span) else {
        return;
    };
    let (text, count) = derive(record, letters);
    if !has_text {
        bytes.extend_from_slice(b"MDZ");
        bytes.extend_from_slice(&text);
        bytes.push(0);
    }
    if !has_count {
        bytes.extend_from_slice(b"NMi");
        bytes.extend_from_slice(&count.to_le_bytes());
    }
}

fn derive(record: &RecordView<'_>, letters: &[u8]) -> (Vec<u8>, u32) {
    let mut bases = Vec::new();
    record.append_bases(&mut bases);
    let mut text = Vec::new();
    let (mut equal, mut distance) = (0u32, 0u32);
    let (mut read, mut place) = (0, 0);
    for op in record.cigar() {
        let (kind, length) = (op.kind(), op.len() as usize);
        if kind.is_aligned() {
            let pairs = bases[read..read + length].iter().zip(&letters[place..]);
            for (base, letter) in pairs {
                // N tells nothing, so that it agrees with nothing.
                if base == letter && *letter != b'N' {
                    equal += 1;
                    continue;
                }
                let _ = write!(text, "{equal}{}", char::from(*letter));
                (equal, distance) = (0, distance + 1);
            }
        } else if kind == CigarKind::Deletion {
            let _ = write!(text, "{equal}^");
            text.extend_from_slice(&letters[place..place + length]);
            (equal, distance) = (0, distance + op.len());
        } else if kind == CigarKind::Insertion {
            distance += op.len();
        }
        read += if kind.consumes_read() { length } else { 0 };
        place += if kind.consumes_reference() { length } else { 0 };
    }
    let _ = write!(text, "{equal}");
    (text, distance)
}
