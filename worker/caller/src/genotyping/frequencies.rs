//! Frequencies of alleles under a Dirichlet prior, and whether any alternate is there at all.
//!
//! Source: GATK 4.6 `AlleleFrequencyCalculator`.

use super::alleles::{Allele, SPANNING_DELETION};
use super::table::GenotypeTable;
use crate::log_sum::{self, round_half_up};
use crate::options::Options;
use genome::maths;

/// Expected counts that move by no more have settled.
const TOLERANCE: f64 = 0.1;

/// Pseudocounts of the prior.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    reference: f64,
    snv: f64,
    indel: f64,
}

/// What is known of a site's alleles over all samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Frequencies {
    /// log10 P(no alternate allele but spanning deletions).
    pub no_variant: f64,
    /// log10 P(the allele is absent), for each alternate.
    pub absent: Vec<f64>,
    /// Most likely count of each alternate, rounded.
    pub counts: Vec<u32>,
}

impl Prior {
    /// Makes the prior of the options.
    pub fn new(options: &Options) -> Self {
        let deviation = options.heterozygosity_deviation;
        let reference = options.snv_heterozygosity / (deviation * deviation);
        Self {
            reference,
            snv: options.snv_heterozygosity * reference,
            indel: options.indel_heterozygosity * reference,
        }
    }

    /// Finds the frequencies of alleles, the reference first.
    ///
    /// `samples` hold Phred-scaled likelihoods in the order of `table`. Expectation maximisation
    /// stops when no expected count moves by more than 0.1.
    pub fn frequencies(
        &self,
        alleles: &[Allele],
        samples: &[&[u32]],
        table: &GenotypeTable,
    ) -> Frequencies {
        let pseudocounts = self.pseudocounts(alleles);
        let mut frequencies = vec![-maths::log10(alleles.len() as f64); alleles.len()];
        let mut counts = vec![0.0; alleles.len()];
        loop {
            let next = expected_counts(samples, &frequencies, table);
            let moved = |(new, old): (&f64, &f64)| (old - new).abs();
            let change = next.iter().zip(&counts).map(moved).fold(0.0, f64::max);
            let sums: Vec<f64> = next.iter().zip(&pseudocounts).map(|(c, p)| p + c).collect();
            let total: f64 = sums.iter().sum();
            frequencies = sums.iter().map(|sum| maths::log10(sum / total)).collect();
            counts = next;
            if change <= TOLERANCE {
                break;
            }
        }
        let (no_variant, absent) = absence(alleles, samples, &frequencies, table);
        let rounded = |&count: &f64| round_half_up(count) as u32;
        Frequencies {
            no_variant,
            absent,
            counts: counts[1..].iter().map(rounded).collect(),
        }
    }

    fn pseudocounts(&self, alleles: &[Allele]) -> Vec<f64> {
        let reference = alleles[0].len();
        let of_alternate = |allele: &Allele| {
            if !allele.starts_with(b"<") && allele.len() == reference {
                self.snv
            } else {
                self.indel
            }
        };
        let alternates = alleles[1..].iter().map(of_alternate);
        std::iter::once(self.reference).chain(alternates).collect()
    }
}

/// Returns the normalised log10 posterior of each genotype.
fn posteriors(phred: &[u32], frequencies: &[f64], table: &GenotypeTable) -> Vec<f64> {
    let joint = |(genotype, &value): (&Vec<(usize, usize)>, &u32)| {
        let orders = log10_orders(genotype, table.ploidy());
        let prior: f64 = genotype
            .iter()
            .map(|&(allele, count)| count as f64 * frequencies[allele])
            .sum();
        orders - f64::from(value) / 10.0 + prior
    };
    let values: Vec<f64> = table.genotypes.iter().zip(phred).map(joint).collect();
    let total = log_sum::exact(&values);
    values.into_iter().map(|value| value - total).collect()
}

/// Returns log10 of the number of ways to order a genotype's copies.
fn log10_orders(genotype: &[(usize, usize)], ploidy: usize) -> f64 {
    if genotype.len() < 2 {
        return 0.0;
    }
    let factorial = |n: usize| (2..=n).map(|i| i as f64).product::<f64>();
    let repeats: f64 = genotype
        .iter()
        .map(|&(_, count)| factorial(count))
        .product();
    maths::log10(factorial(ploidy) / repeats)
}

fn expected_counts(samples: &[&[u32]], frequencies: &[f64], table: &GenotypeTable) -> Vec<f64> {
    let mut sums = vec![f64::NEG_INFINITY; frequencies.len()];
    for phred in samples {
        let values = posteriors(phred, frequencies, table);
        for (genotype, value) in table.genotypes.iter().zip(values) {
            for &(allele, count) in genotype {
                sums[allele] = log_sum::of_two(sums[allele], value + maths::log10(count as f64));
            }
        }
    }
    sums.into_iter().map(maths::pow10).collect()
}

fn absence(
    alleles: &[Allele],
    samples: &[&[u32]],
    frequencies: &[f64],
    table: &GenotypeTable,
) -> (f64, Vec<f64>) {
    let spanning = alleles
        .iter()
        .position(|allele| **allele == *SPANNING_DELETION);
    let (mut no_variant, mut absent) = (0.0, vec![0.0; alleles.len()]);
    for phred in samples {
        let values = posteriors(phred, frequencies, table);
        no_variant += match spanning {
            None => values[0],
            Some(spanning) => total_of(&values, table, |one| one == 0 || one == spanning),
        };
        for (allele, sum) in absent.iter_mut().enumerate().skip(1) {
            *sum += total_of(&values, table, |one| one != allele);
        }
    }
    if alleles.len() == 2 && spanning.is_none() {
        absent[1] = no_variant;
    }
    absent.remove(0);
    (no_variant, absent)
}

/// Returns the log10 sum over the genotypes whose alleles are all allowed, at most 0.
fn total_of(values: &[f64], table: &GenotypeTable, allowed: impl Fn(usize) -> bool) -> f64 {
    let pairs = table.genotypes.iter().zip(values);
    let chosen: Vec<f64> = pairs
        .filter(|(genotype, _)| genotype.iter().all(|&(allele, _)| allowed(allele)))
        .map(|(_, &value)| value)
        .collect();
    log_sum::exact(&chosen).min(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alleles(texts: &[&str]) -> Vec<Allele> {
        texts.iter().map(|text| text.as_bytes().into()).collect()
    }

    fn frequencies(texts: &[&str], phred: &[u32]) -> Frequencies {
        let prior = Prior::new(&Options::default());
        prior.frequencies(
            &alleles(texts),
            &[phred],
            &GenotypeTable::new(2, texts.len()),
        )
    }

    // Values of GATK 4.6.2 at 20:10000117 and 20:9999996 of a 30x genome.
    #[test]
    fn quality_follows_the_prior() {
        let het = frequencies(&["C", "T"], &[241, 0, 201]);
        assert!((-10.0 * het.no_variant - 233.64).abs() < 0.005);
        assert_eq!(het.counts, [1]);
        let indel = frequencies(&["A", "ACT"], &[900, 60, 0]);
        assert!((-10.0 * indel.no_variant - 886.03).abs() < 0.005);
        assert_eq!(indel.counts, [2]);
    }

    #[test]
    fn reference_reads_leave_no_variant() {
        let site = frequencies(&["C", "T"], &[0, 60, 800]);
        assert!(site.no_variant > -1e-6 && site.counts == [0]);
    }

    #[test]
    fn spanning_deletion_is_no_variant() {
        let site = frequencies(&["C", "*"], &[300, 0, 300]);
        assert!(site.no_variant > -1e-6);
        assert!(site.absent[0] < -20.0);
    }
}
