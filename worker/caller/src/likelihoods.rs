//! How likely each haplotype gives each read of a region.
//!
//! Qualities are prepared (`indel_qualities`), the pair hidden Markov model run, values limited to
//! a distance from the read's best, and reads that fit nothing are left out.

use crate::haplotype::Haplotype;
use crate::indel_qualities::IndelQualities;
use crate::options::Options;
use crate::pair_hmm::{PairHmm, ReadQualities};
use crate::region_read::RegionRead;

/// The Phred quality of a gap that goes on.
const GAP_CONTINUATION: u8 = 10;

/// Base qualities below `WORST_TRUSTED_QUALITY` count as `USELESS_QUALITY`.
const WORST_TRUSTED_QUALITY: u8 = 18;
const USELESS_QUALITY: u8 = 6;

/// A read may lie somewhere else with this log10 probability: no haplotype is less likely.
const MISMAPPED_LOG10: f64 = -4.5;

/// A read is left out if its best haplotype needs more errors of this log10 probability than one
/// in fifty bases, at most two.
const ERROR_LOG10: f64 = -4.0;
const ERRORS_PER_BASE: f64 = 0.02;
const MOST_ERRORS: f64 = 2.0;

/// Values that differ by less do not tell alleles apart.
pub const INFORMATIVE_LOG10: f64 = 0.2;

/// log10 P(read | haplotype) for the reads that fit.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReadLikelihoods {
    /// The reads.
    pub reads: Vec<RegionRead>,
    /// A row a read, a column a haplotype.
    pub rows: Vec<Vec<f64>>,
}

/// Computes likelihoods under given options.
#[derive(Debug)]
pub struct LikelihoodModel {
    indel_qualities: IndelQualities,
    pair_hmm: PairHmm,
}

/// The qualities of one read as the model takes them.
struct Prepared {
    base: Vec<u8>,
    insertion: Vec<u8>,
    deletion: Vec<u8>,
}

impl LikelihoodModel {
    /// Makes the model of the options.
    pub fn new(options: &Options) -> Self {
        Self {
            indel_qualities: IndelQualities::new(options.pcr_indel_model),
            pair_hmm: PairHmm::new(GAP_CONTINUATION),
        }
    }

    /// Returns the likelihoods of the reads that fit a haplotype, in their order.
    pub fn likelihoods(&self, reads: Vec<RegionRead>, haplotypes: &[Haplotype]) -> ReadLikelihoods {
        let prepared: Vec<Prepared> = reads.iter().map(|read| self.prepare(read)).collect();
        let seen: Vec<ReadQualities<'_>> = reads
            .iter()
            .zip(&prepared)
            .map(|(read, qualities)| ReadQualities {
                bases: &read.bases,
                base_qualities: &qualities.base,
                insertion_qualities: &qualities.insertion,
                deletion_qualities: &qualities.deletion,
            })
            .collect();
        let letters: Vec<&[u8]> = haplotypes.iter().map(|one| &one.bases[..]).collect();
        let values = self.pair_hmm.likelihoods(&seen, &letters);
        let mut found = ReadLikelihoods::default();
        for (read, row) in reads.into_iter().zip(values.chunks_exact(haplotypes.len())) {
            let best = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if best >= worst_accepted(read.len()) {
                let lowest = best + MISMAPPED_LOG10;
                found
                    .rows
                    .push(row.iter().map(|value| value.max(lowest)).collect());
                found.reads.push(read);
            }
        }
        found
    }

    fn prepare(&self, read: &RegionRead) -> Prepared {
        let base = |&quality: &u8| match quality.min(read.head.mapping_quality) {
            low if low < WORST_TRUSTED_QUALITY => USELESS_QUALITY,
            quality => quality,
        };
        let indel = self.indel_qualities.of(&read.bases);
        Prepared {
            base: read.qualities.iter().map(base).collect(),
            deletion: indel.clone(),
            insertion: indel,
        }
    }
}

fn worst_accepted(length: usize) -> f64 {
    let errors = (length as f64 * ERRORS_PER_BASE).ceil();
    errors.min(MOST_ERRORS) * ERROR_LOG10
}

/// The allele or haplotype that fits a read best, and by how much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Best {
    /// Its column.
    pub index: usize,
    /// How much more likely it is than the runner-up, in log10.
    pub confidence: f64,
}

impl Best {
    /// Finds the first largest value of a row of at least one.
    ///
    /// Where the runner-up is closer than [`INFORMATIVE_LOG10`], the one of highest priority of all
    /// within that distance is taken instead.
    pub fn find(row: &[f64], priority: impl Fn(usize) -> i32) -> Self {
        let (mut best, mut second) = (0, 0);
        let mut second_value = f64::NEG_INFINITY;
        for index in 1..row.len() {
            if row[index] > row[best] {
                second = best;
                second_value = row[best];
                best = index;
            } else if row[index] > second_value {
                second = index;
                second_value = row[index];
            }
        }
        let top = row[best];
        if top - second_value < INFORMATIVE_LOG10 {
            for (index, value) in row.iter().enumerate() {
                if index == best || top - value > INFORMATIVE_LOG10 {
                    continue;
                }
                if priority(index) > priority(best) {
                    second = best;
                    best = index;
                } else if priority(index) > priority(second) {
                    second = index;
                }
            }
        }
        let second_value = if second == best {
            f64::NEG_INFINITY
        } else {
            row[second]
        };
        Self {
            index: best,
            confidence: if row[best] == second_value {
                0.0
            } else {
                row[best] - second_value
            },
        }
    }

    /// Says whether the read tells this allele from all others.
    pub fn is_informative(&self) -> bool {
        self.confidence > INFORMATIVE_LOG10
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_reads_may_have_one_error() {
        assert_eq!(worst_accepted(50), -4.0);
        assert_eq!(worst_accepted(51), -8.0);
        assert_eq!(worst_accepted(250), -8.0);
    }

    #[test]
    fn near_ties_go_by_priority() {
        let reference_first = |index| i32::from(index == 0);
        let best = Best::find(&[-1.1, -1.0], reference_first);
        assert_eq!(best.index, 0);
        assert!(!best.is_informative());
        let clear = Best::find(&[-2.0, -1.0, -3.0], reference_first);
        assert_eq!(clear.index, 1);
        assert!(clear.is_informative());
        assert!(!Best::find(&[-1.0, -1.0], reference_first).is_informative());
    }
}
