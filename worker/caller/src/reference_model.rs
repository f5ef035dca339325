//! How sure it is that a position equals the reference, where no variant is called.
//!
//! Source: GATK 4.6 `ReferenceConfidenceModel`: a two-allele model of bases and a model of indels;
//! the less confident of the two stands.

use crate::genotype::{best, phred};
use crate::log_sum::approximate;
use genome::maths;

/// Bases of this quality and below say nothing here.
pub const QUALITY_FLOOR: u8 = 6;

/// The quality of a deleted base.
pub const DELETION_QUALITY: u8 = 30;

/// Indels up to this size are considered.
pub const LARGEST_INDEL: usize = 10;

const MOST_INFORMATIVE_READS: usize = 40;
const INDEL_ERROR_LOG10: f64 = -4.5;

/// Likelihoods of a position against anything else than the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Confidence {
    /// Phred-scaled likelihoods of reference/reference, reference/other, other/other.
    pub likelihoods: [u32; 3],
    /// Reads that show the reference and reads that show something else.
    pub depths: [u32; 2],
}

impl Confidence {
    /// Returns the genotype quality of reference/reference.
    pub fn genotype_quality(&self) -> u32 {
        best(&self.likelihoods).1
    }

    /// Returns the number of reads.
    pub const fn depth(&self) -> u32 {
        self.depths[0] + self.depths[1]
    }
}

/// One read at a position, as this model sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element {
    /// Quality of the base, or [`DELETION_QUALITY`].
    pub quality: u8,
    /// Whether the base is deleted or differs from the reference.
    pub is_other: bool,
    /// Whether an indel here would have been seen in the read.
    pub shows_no_indel: bool,
}

/// The model with its tables.
#[derive(Debug)]
pub struct Model {
    /// By quality: log10 likelihoods of a reference base under 0, 1 and 2 other alleles.
    by_quality: Vec<[f64; 3]>,
    by_informative_reads: Vec<[u32; 3]>,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            by_quality: (0..=u8::MAX).map(of_reference_base).collect(),
            by_informative_reads: (0..=MOST_INFORMATIVE_READS)
                .map(of_informative_reads)
                .collect(),
        }
    }
}

impl Model {
    /// Returns the confidence at a position from its reads.
    pub fn confidence(&self, elements: impl IntoIterator<Item = Element>) -> Confidence {
        let mut sums = [0.0; 3];
        let mut depths = [0, 0];
        let mut informative = 0;
        for element in elements {
            informative += usize::from(element.shows_no_indel);
            if element.quality <= QUALITY_FLOOR {
                continue;
            }
            let [same, het, other] = self.by_quality[usize::from(element.quality)];
            let terms = if element.is_other {
                [other, het, same]
            } else {
                [same, het, other]
            };
            for (sum, term) in sums.iter_mut().zip(terms) {
                *sum += term;
            }
            depths[usize::from(element.is_other)] += 1;
        }
        let capped = sums.map(|sum| sum.min(sums[0]));
        let bases = to_array(&phred(&capped));
        let indels = self.by_informative_reads[informative.min(MOST_INFORMATIVE_READS)];
        let bases_decide = best(&bases).1 <= best(&indels).1;
        Confidence {
            likelihoods: if bases_decide { bases } else { indels },
            depths,
        }
    }
}

fn of_reference_base(quality: u8) -> [f64; 3] {
    let error_log10 = -f64::from(quality) / 10.0;
    let same = maths::log10(1.0 - maths::pow10(error_log10));
    let other = error_log10 + maths::log10(1.0 / 3.0);
    [same, approximate(same, other) - maths::log10(2.0), other]
}

fn of_informative_reads(reads: usize) -> [u32; 3] {
    let count = reads as f64;
    let same = maths::log10(1.0 - maths::pow10(INDEL_ERROR_LOG10));
    let het = approximate(same, INDEL_ERROR_LOG10) - maths::log10(2.0);
    to_array(&phred(&[
        count * same,
        count * het,
        count * INDEL_ERROR_LOG10,
    ]))
}

fn to_array(values: &[u32]) -> [u32; 3] {
    [values[0], values[1], values[2]]
}

/// Says at which bases of an aligned read an indel of up to [`LARGEST_INDEL`] would have shown.
///
/// `read` has a letter for each reference position that the read covers, `-` where it is deleted;
/// `qualities` go with it. `reference` begins at the same position and is at least as long.
/// `bases` is the number of bases of the read. Time O(length) where the read fits in one place only.
pub fn informative_for_indels(
    read: &[u8],
    qualities: &[u8],
    reference: &[u8],
    bases: usize,
) -> Vec<bool> {
    let mut informative = vec![false; read.len()];
    if bases < LARGEST_INDEL || reference.len() < LARGEST_INDEL || read.len() <= LARGEST_INDEL {
        return informative;
    }
    let mismatch = |i: usize, j: usize| differs(read[i], reference[j]);
    let mut costs = vec![0u32; read.len() + 1];
    for i in (0..read.len().min(reference.len())).rev() {
        let cost = if mismatch(i, i) {
            u32::from(qualities[i])
        } else {
            0
        };
        costs[i] = costs[i + 1] + cost;
    }
    let last = read.len() - LARGEST_INDEL;
    let limit = last.min(bases - LARGEST_INDEL + 1);
    informative[..limit].fill(true);
    for size in 1..=LARGEST_INDEL {
        for (read_shift, reference_shift) in [(0, size), (size, 0)] {
            let compared =
                (read.len() - read_shift).min(reference.len().saturating_sub(reference_shift));
            let mut sum = 0;
            for i in (0..compared).rev() {
                if mismatch(i + read_shift, i + reference_shift) {
                    sum += u32::from(qualities[i + read_shift]);
                }
                if sum > costs[0] {
                    break;
                }
                if read[i] != b'-' && costs[i] >= sum {
                    informative[i] = false;
                }
            }
        }
    }
    informative
}

fn differs(read: u8, reference: u8) -> bool {
    read != reference && read != b'-' && read != b'N' && reference != b'N'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(count: usize, quality: u8) -> Vec<Element> {
        let element = Element {
            quality,
            is_other: false,
            shows_no_indel: true,
        };
        vec![element; count]
    }

    // GATK 4.6.2: 20 reads of a 30x genome give 0,60,…; the het term is 3 a read.
    #[test]
    fn reference_reads_give_three_phreds_each() {
        let model = Model::default();
        let confidence = model.confidence(elements(20, 30));
        assert_eq!(confidence.genotype_quality(), 60);
        assert_eq!(confidence.depth(), 20);
        assert_eq!(model.confidence([]), Confidence::default());
    }

    #[test]
    fn reads_that_hide_indels_lower_the_confidence() {
        let model = Model::default();
        let mut hidden = elements(20, 30);
        hidden
            .iter_mut()
            .skip(5)
            .for_each(|element| element.shows_no_indel = false);
        assert_eq!(model.confidence(hidden).genotype_quality(), 15);
    }

    #[test]
    fn other_bases_never_make_the_reference_worse_than_the_best() {
        let mut elements = elements(10, 30);
        elements
            .iter_mut()
            .for_each(|element| element.is_other = true);
        let confidence = Model::default().confidence(elements);
        assert_eq!(confidence.likelihoods, [0, 0, 0]);
        assert_eq!(confidence.depths, [0, 10]);
    }

    #[test]
    fn read_that_ends_in_a_homopolymer_hides_its_indels() {
        let reference = b"CGTCATGCCGAAAAAAAAAAAAAAAAAAAAAAAAAGTCTGACTAG";
        let informative = informative_for_indels(&reference[..30], &[30; 30], reference, 30);
        assert_eq!(informative[..10], [true; 10]);
        assert_eq!(informative[10..], [false; 20]);
        let spanning = informative_for_indels(reference, &[30; 45], reference, 45);
        assert_eq!(spanning[..30], [true; 30]);
    }
}
