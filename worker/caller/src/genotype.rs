//! Diploid genotypes: likelihoods from reads, allele frequencies, the posterior of no variant.
//!
//! Genotypes are numbered as VCF does: (0,0) (0,1) (1,1) (0,2) …

use crate::log_sum::{self, approximate, first_maximum, round_half_up};
use genome::maths;

/// log10 P(read | allele): one row a read, one column an allele.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matrix {
    alleles: usize,
    values: Vec<f64>,
}

impl Matrix {
    /// Makes a matrix without rows.
    pub const fn new(alleles: usize) -> Self {
        Self {
            alleles,
            values: Vec::new(),
        }
    }

    /// Appends a read, whose row has a value for each allele.
    pub fn push(&mut self, row: &[f64]) {
        debug_assert_eq!(row.len(), self.alleles);
        self.values.extend_from_slice(row);
    }

    /// Returns the number of alleles.
    pub const fn alleles(&self) -> usize {
        self.alleles
    }

    /// Returns the rows.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.alleles)
    }

    /// Returns the columns of some alleles.
    pub fn subset(&self, kept: &[usize]) -> Self {
        let pick = |row: &[f64]| kept.iter().map(|&allele| row[allele]).collect::<Vec<_>>();
        Self {
            alleles: kept.len(),
            values: self.rows().flat_map(pick).collect(),
        }
    }
}

/// Returns the alleles of all genotypes, in order.
pub fn genotypes(alleles: usize) -> impl Iterator<Item = [usize; 2]> {
    (0..alleles).flat_map(|second| (0..=second).map(move |first| [first, second]))
}

/// Returns the log10 likelihood of each genotype.
pub fn likelihoods(matrix: &Matrix) -> Vec<f64> {
    let log10_2 = maths::log10(2.0);
    let of_pair = |[first, second]: [usize; 2]| {
        if first == second {
            return matrix.rows().map(|row| row[first]).sum();
        }
        let sum: f64 = matrix
            .rows()
            .map(|row| approximate(row[first], row[second]))
            .sum();
        sum - matrix.rows().len() as f64 * log10_2
    };
    genotypes(matrix.alleles()).map(of_pair).collect()
}

/// Returns Phred-scaled likelihoods, the best at 0.
pub fn phred(likelihoods: &[f64]) -> Vec<u32> {
    let best = likelihoods[first_maximum(likelihoods)];
    let scaled = |value: &f64| round_half_up(-10.0 * (value - best));
    let limited = |value: i64| value.clamp(0, i64::from(i32::MAX)) as u32;
    likelihoods.iter().map(scaled).map(limited).collect()
}

/// Picks the likelihoods of the genotypes of some alleles, and lowers them so that the best is 0.
pub fn subset(phred: &[u32], kept: &[usize]) -> Vec<u32> {
    let index = |a: usize, b: usize| a.max(b) * (a.max(b) + 1) / 2 + a.min(b);
    let picked: Vec<u32> = genotypes(kept.len())
        .map(|[a, b]| phred[index(kept[a], kept[b])])
        .collect();
    let best = picked.iter().copied().min().unwrap_or(0);
    picked.into_iter().map(|value| value - best).collect()
}

/// Returns the first best genotype's index and the distance to the second best.
pub fn best(phred: &[u32]) -> (usize, u32) {
    let best = (0..phred.len())
        .min_by_key(|&index| phred[index])
        .unwrap_or(0);
    let others = (0..phred.len()).filter(|&index| index != best);
    let second = others.map(|index| phred[index]).min().unwrap_or(0);
    (best, second - phred[best])
}

/// What the allele-frequency calculation knows of a site.
#[derive(Debug, Clone, PartialEq)]
pub struct Posterior {
    /// log10 P(no alternate allele).
    pub no_variant: f64,
    /// log10 P(the allele is absent), for each alternate.
    pub absent: Vec<f64>,
    /// Most likely count of each alternate, rounded.
    pub counts: Vec<u32>,
}

/// Returns the posterior of Phred-scaled likelihoods under a Dirichlet prior of allele frequencies.
///
/// `pseudocounts` has a value for each allele, the reference first. Expectation maximisation over
/// the frequencies stops when no expected count moves by more than 0.1.
///
/// Source: GATK 4.6 `AlleleFrequencyCalculator`, for one diploid sample.
pub fn posterior(phred: &[u32], pseudocounts: &[f64]) -> Posterior {
    const TOLERANCE: f64 = 0.1;
    let alleles = pseudocounts.len();
    let mut frequencies = vec![-maths::log10(alleles as f64); alleles];
    let mut counts = vec![0.0; alleles];
    loop {
        let posteriors = genotype_posteriors(phred, &frequencies);
        let next = expected_counts(&posteriors, alleles);
        let moved = |(new, old): (&f64, &f64)| (new - old).abs();
        let change = next.iter().zip(&counts).map(moved).fold(0.0, f64::max);
        let sums: Vec<f64> = next.iter().zip(pseudocounts).map(|(c, p)| c + p).collect();
        let total: f64 = sums.iter().sum();
        frequencies = sums.iter().map(|sum| maths::log10(sum / total)).collect();
        counts = next;
        if change <= TOLERANCE {
            break;
        }
    }
    let posteriors = genotype_posteriors(phred, &frequencies);
    Posterior {
        no_variant: posteriors[0].min(0.0),
        absent: (1..alleles)
            .map(|allele| absence(&posteriors, allele, alleles))
            .collect(),
        counts: counts[1..]
            .iter()
            .map(|&count| round_half_up(count) as u32)
            .collect(),
    }
}

fn genotype_posteriors(phred: &[u32], frequencies: &[f64]) -> Vec<f64> {
    let log10_2 = maths::log10(2.0);
    let joint = |([a, b], &value): ([usize; 2], &u32)| {
        let orders = if a == b { 0.0 } else { log10_2 };
        orders - f64::from(value) / 10.0 + frequencies[a] + frequencies[b]
    };
    let values: Vec<f64> = genotypes(frequencies.len()).zip(phred).map(joint).collect();
    let total = log_sum::exact(&values);
    values.into_iter().map(|value| value - total).collect()
}

fn expected_counts(posteriors: &[f64], alleles: usize) -> Vec<f64> {
    let mut counts = vec![0.0; alleles];
    for ([a, b], &value) in genotypes(alleles).zip(posteriors) {
        let probability = maths::pow10(value);
        counts[a] += probability;
        counts[b] += probability;
    }
    counts
}

fn absence(posteriors: &[f64], allele: usize, alleles: usize) -> f64 {
    let without: Vec<f64> = genotypes(alleles)
        .zip(posteriors)
        .filter(|([a, b], _)| *a != allele && *b != allele)
        .map(|(_, &value)| value)
        .collect();
    log_sum::exact(&without).min(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sums over every assignment of reads to the two chromosomes.
    fn brute_force(rows: &[Vec<f64>], [first, second]: [usize; 2]) -> f64 {
        let assignments = 0..1u32 << rows.len();
        let probability = |assignment: u32| -> f64 {
            let pick = |(i, row): (usize, &Vec<f64>)| {
                0.5 * maths::pow10(
                    row[if assignment >> i & 1 == 0 {
                        first
                    } else {
                        second
                    }],
                )
            };
            rows.iter().enumerate().map(pick).product()
        };
        maths::log10(assignments.map(probability).sum())
    }

    proptest! {
        #[test]
        fn likelihoods_equal_the_sum_over_chromosomes(
            rows in prop::collection::vec(prop::collection::vec(-4.0f64..0.0, 3), 1..9)
        ) {
            let mut matrix = Matrix::new(3);
            rows.iter().for_each(|row| matrix.push(row));
            for (genotype, value) in genotypes(3).zip(likelihoods(&matrix)) {
                prop_assert!((value - brute_force(&rows, genotype)).abs() < 1e-3);
            }
        }

        #[test]
        fn best_genotype_stands_at_zero(values in prop::collection::vec(-50.0f64..0.0, 6)) {
            let phred = phred(&values);
            let (index, _) = best(&phred);
            prop_assert_eq!(phred[index], 0);
            prop_assert_eq!(subset(&phred, &[0, 1, 2]), phred);
        }
    }

    // Values of GATK 4.6.2 at 20:10000117 and 20:9999996 of a 30x genome.
    #[test]
    fn quality_follows_the_prior() {
        let het = posterior(&[241, 0, 201], &[10.0, 0.01]);
        assert!((-10.0 * het.no_variant - 233.64).abs() < 0.005);
        assert_eq!(het.counts, [1]);
        let indel = posterior(&[900, 60, 0], &[10.0, 0.00125]);
        assert!((-10.0 * indel.no_variant - 886.03).abs() < 0.005);
        assert_eq!(indel.counts, [2]);
    }

    #[test]
    fn reference_reads_leave_no_variant() {
        let site = posterior(&[0, 60, 800], &[10.0, 0.01]);
        assert!(site.no_variant > -1e-6 && site.counts == [0]);
    }

    #[test]
    fn subset_keeps_the_order_of_genotypes() {
        let phred = [50, 40, 30, 20, 10, 60];
        assert_eq!(subset(&phred, &[0, 2]), [30, 0, 40]);
        assert_eq!(best(&[10, 0, 0]), (1, 0));
    }
}
