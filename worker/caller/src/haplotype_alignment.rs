//! Haplotypes aligned to the reference from end to end.
//!
//! Source: GATK 4.6 `CigarUtils.calculateCigar`.

use crate::left_align::left_align_indels;
use crate::smith_waterman::{Aligner, HAPLOTYPE_TO_REFERENCE, Overhang};
use genome::cigar::{self, Cigar, CigarKind, CigarOp};

/// Letters put around both sequences, so that their ends are aligned to each other.
const PAD: [u8; 10] = [b'N'; 10];

/// Sequences of one length with so few differences need no alignment.
const FEW_MISMATCHES: usize = 2;

/// Returns the alignment with its indels to the left; `None` if the ends do not fit.
pub fn align_to_reference(
    reference: &[u8],
    haplotype: &[u8],
    overhang: Overhang,
    aligner: &mut Aligner,
) -> Option<Cigar> {
    if haplotype.is_empty() {
        return None;
    }
    if reference.len() == haplotype.len() {
        let pairs = reference.iter().zip(haplotype);
        if pairs.filter(|(a, b)| a != b).count() <= FEW_MISMATCHES {
            return Some(vec![CigarOp::new(CigarKind::Match, reference.len() as u32)]);
        }
    }
    let padded = |letters: &[u8]| [&PAD, letters, &PAD].concat();
    let (target, query) = (padded(reference), padded(haplotype));
    let found = aligner.align(&target, &query, &HAPLOTYPE_TO_REFERENCE, overhang);
    let is_clip = |op: &CigarOp| op.kind() == CigarKind::SoftClip;
    if found.offset > 0 || found.cigar.iter().any(is_clip) {
        return None;
    }
    let inner = without_pads(&found.cigar, haplotype.len());
    let is_deletion = |op: &&CigarOp| op.kind() == CigarKind::Deletion;
    let leading = inner.first().filter(is_deletion).map_or(0, |op| op.len());
    let after_leading = &inner[usize::from(leading > 0)..];
    let normal = left_align_indels(after_leading, reference, haplotype, leading as usize)?;
    let covered = cigar::reference_span(inner.iter().copied()) as u32;
    let leading = leading + normal.leading_deletion_bp;
    let aligned = cigar::reference_span(normal.cigar.iter().copied()) as u32;
    let mut whole = Cigar::with_capacity(normal.cigar.len() + 2);
    cigar::push(&mut whole, CigarKind::Deletion, leading);
    whole.extend_from_slice(&normal.cigar);
    let trailing = covered.checked_sub(leading + aligned)?;
    cigar::push(&mut whole, CigarKind::Deletion, trailing);
    Some(whole)
}

/// Returns the operations over the haplotype itself, deletions at its ends included.
fn without_pads(ops: &[CigarOp], length: usize) -> Cigar {
    let (start, end) = (PAD.len(), PAD.len() + length);
    let mut inner = Cigar::with_capacity(ops.len());
    let mut index = 0;
    for op in ops {
        let length = op.len() as usize;
        if op.kind().consumes_read() {
            let overlap = end.min(index + length).saturating_sub(start.max(index));
            cigar::push(&mut inner, op.kind(), overlap as u32);
            index += length;
        } else if (start..=end).contains(&index) {
            cigar::push(&mut inner, op.kind(), op.len());
        }
    }
    inner
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aligned(reference: &[u8], haplotype: &[u8]) -> String {
        let cigar = align_to_reference(
            reference,
            haplotype,
            Overhang::SoftClip,
            &mut Aligner::default(),
        );
        let mut text = Vec::new();
        cigar::write_text(cigar.unwrap(), &mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn indels_lie_left_and_ends_are_kept() {
        let reference = b"GATTACACACAGGTTCCAGTCAATCGGCTA";
        let deleted = [&reference[..9], &reference[11..]].concat();
        assert_eq!(aligned(reference, &deleted), "4M2D24M");
        let inserted = [&reference[..9], b"CA", &reference[9..]].concat();
        assert_eq!(aligned(reference, &inserted), "4M2I26M");
        assert_eq!(aligned(reference, &reference[3..]), "3D27M");
        assert_eq!(aligned(reference, &reference[..27]), "27M3D");
    }
}
