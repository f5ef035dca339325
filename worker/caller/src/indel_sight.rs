//! At which bases of a read an indel, had there been one, would have shown.
//!
//! Source: GATK 4.6 `ReferenceConfidenceModel.readHasNoPlausibleIdealsOfSize`.

use crate::region_read::RegionRead;
use genome::cigar::CigarKind;
use std::borrow::Cow;

/// Indels up to this size are considered.
const LARGEST_INDEL: usize = 10;

/// Stands for a deleted base.
pub const GAP: u8 = b'-';

/// A read with one letter for each reference position: inserted bases left out, gaps filled.
#[derive(Debug, Clone)]
pub struct AlignedBases<'a> {
    /// The letters.
    pub letters: Cow<'a, [u8]>,
    /// The qualities; 0 for a gap.
    pub qualities: Cow<'a, [u8]>,
    /// Number of bases of the read itself.
    read_length: usize,
}

impl<'a> AlignedBases<'a> {
    /// Lays out a read.
    pub fn new(read: &'a RegionRead) -> Self {
        let mut aligned = Self {
            letters: Cow::Borrowed(&read.bases),
            qualities: Cow::Borrowed(&read.qualities),
            read_length: read.len(),
        };
        let is_plain = |kind: CigarKind| kind.is_aligned() || kind == CigarKind::HardClip;
        if read.cigar.iter().all(|op| is_plain(op.kind())) {
            return aligned;
        }
        let (mut letters, mut qualities, mut index) = (Vec::new(), Vec::new(), 0);
        for op in &read.cigar {
            let (length, kind) = (op.len() as usize, op.kind());
            if kind.is_aligned() {
                letters.extend_from_slice(&read.bases[index..index + length]);
                qualities.extend_from_slice(&read.qualities[index..index + length]);
            } else if kind.consumes_reference() {
                letters.resize(letters.len() + length, GAP);
                qualities.resize(qualities.len() + length, 0);
            }
            index += if kind.consumes_read() { length } else { 0 };
        }
        (aligned.letters, aligned.qualities) = (Cow::Owned(letters), Cow::Owned(qualities));
        aligned
    }
}

/// The bases of a read, from one of them on, that show indels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndelSight {
    start: usize,
    shows: Vec<bool>,
}

impl IndelSight {
    /// Compares a read from offset `start` on with the reference from `in_reference` on, as they
    /// lie and shifted against each other by up to ten bases: where a shifted end fits no worse,
    /// an indel would not be seen.
    pub fn new(
        read: &AlignedBases<'_>,
        start: usize,
        reference: &[u8],
        in_reference: usize,
    ) -> Self {
        let mut sight = Self {
            start,
            shows: Vec::new(),
        };
        let letters = &read.letters[start..];
        let reference = &reference[in_reference.min(reference.len())..];
        let too_short = read.read_length < start + LARGEST_INDEL
            || reference.len() < LARGEST_INDEL
            || letters.len() <= LARGEST_INDEL;
        if too_short {
            return sight;
        }
        let pair = Pair {
            letters,
            qualities: &read.qualities[start..],
            reference,
        };
        let longest = read.read_length - start - LARGEST_INDEL;
        let is_reference_shorter = letters.len() > reference.len();
        let compared = letters.len().min(reference.len()) - LARGEST_INDEL;
        let bound = compared + usize::from(is_reference_shorter);
        sight.shows = vec![
            true;
            if bound <= longest {
                compared
            } else {
                longest + 1
            }
        ];
        let costs = pair.costs();
        for size in 1..=LARGEST_INDEL {
            pair.hide(0, size, &costs, &mut sight.shows);
            pair.hide(size, 0, &costs, &mut sight.shows);
        }
        sight
    }

    /// Says whether the base at an offset shows indels.
    pub fn contains(&self, offset: usize) -> bool {
        let index = offset.checked_sub(self.start);
        index
            .and_then(|index| self.shows.get(index))
            .copied()
            .unwrap_or(false)
    }
}

/// The ends of a read and of the reference that are compared.
struct Pair<'a> {
    letters: &'a [u8],
    qualities: &'a [u8],
    reference: &'a [u8],
}

impl Pair<'_> {
    /// Returns the quality that a pair of bases costs.
    fn cost(&self, i: usize, j: usize) -> u32 {
        let (a, b) = (self.letters[i], self.reference[j]);
        if a == b || a == GAP || a == b'N' || b == b'N' {
            return 0;
        }
        u32::from(self.qualities[i])
    }

    /// Returns the cost of all pairs from each one on.
    fn costs(&self) -> Vec<u32> {
        let pairs = self.letters.len().min(self.reference.len());
        let mut costs = vec![0; pairs];
        let mut sum = 0;
        for i in (0..pairs).rev() {
            sum += self.cost(i, i);
            costs[i] = sum;
        }
        costs
    }

    /// Hides the bases from which on a shift costs no more than none.
    fn hide(&self, read_shift: usize, reference_shift: usize, costs: &[u32], shows: &mut [bool]) {
        let pairs = (self.letters.len() - read_shift)
            .min(self.reference.len().saturating_sub(reference_shift));
        let mut sum = 0;
        for i in (0..pairs).rev() {
            sum += self.cost(i + read_shift, i + reference_shift);
            if sum > costs[0] {
                return;
            }
            if i < shows.len() && self.letters[i] != GAP && costs[i] >= sum {
                shows[i] = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::region_read;

    const REFERENCE: &[u8] = b"CGTCATGCCGAAAAAAAAAAAAAAAAAAAAAAAAAGTCTGACTAG";

    fn shown(read: &RegionRead, reference: &[u8], start: usize) -> Vec<usize> {
        let aligned = AlignedBases::new(read);
        let sight = IndelSight::new(&aligned, start, reference, start);
        (0..aligned.letters.len())
            .filter(|&offset| sight.contains(offset))
            .collect()
    }

    #[test]
    fn read_that_ends_in_a_homopolymer_hides_its_indels() {
        let mut read = region_read(0, "30M");
        read.bases = REFERENCE[..30].to_vec();
        assert_eq!(shown(&read, REFERENCE, 0), (0..10).collect::<Vec<_>>());
        let mut spanning = region_read(0, "45M");
        spanning.bases = REFERENCE.to_vec();
        assert_eq!(shown(&spanning, REFERENCE, 0), (0..34).collect::<Vec<_>>());
        assert_eq!(shown(&spanning, REFERENCE, 3), (3..34).collect::<Vec<_>>());
    }

    #[test]
    fn short_ends_show_nothing() {
        let mut read = region_read(0, "30M");
        read.bases = REFERENCE[..30].to_vec();
        assert_eq!(shown(&read, REFERENCE, 21), Vec::<usize>::new());
        assert_eq!(shown(&read, &REFERENCE[..9], 0), Vec::<usize>::new());
    }

    #[test]
    fn gaps_are_laid_out() {
        let read = region_read(0, "2M2D2I3M");
        let aligned = AlignedBases::new(&read);
        assert_eq!(&*aligned.letters, b"AC--ACG");
        assert_eq!(aligned.read_length, 7);
    }
}
