//! Likelihoods of genotypes from those of reads.
//!
//! Source: GATK 4.6 `GenotypeLikelihoodCalculator`.

use super::table::{Genotype, GenotypeTable};
use crate::log_sum::approximate;
use genome::maths;

/// Returns the log10 likelihood of each genotype; `rows` have a value for each allele.
pub fn genotype_likelihoods(rows: &[Vec<f64>], table: &GenotypeTable) -> Vec<f64> {
    let likelihood = |genotype: &Genotype| match genotype[..] {
        [(allele, _)] => rows.iter().map(|row| row[allele]).sum(),
        [first, second] => of_two_alleles(rows, [first, second], table.ploidy()),
        _ => of_many_alleles(rows, genotype, table.ploidy()),
    };
    table.genotypes.iter().map(likelihood).collect()
}

fn of_two_alleles(rows: &[Vec<f64>], genotype: [(usize, usize); 2], ploidy: usize) -> f64 {
    let [(first, first_count), (second, second_count)] = genotype;
    let first_share = maths::log10(first_count as f64);
    let second_share = maths::log10(second_count as f64);
    let of_read =
        |row: &Vec<f64>| approximate(row[first] + first_share, row[second] + second_share);
    let sum: f64 = rows.iter().map(of_read).sum();
    sum - rows.len() as f64 * maths::log10(ploidy as f64)
}

fn of_many_alleles(rows: &[Vec<f64>], genotype: &[(usize, usize)], ploidy: usize) -> f64 {
    let largest = |row: &Vec<f64>| row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let scaled = |row: &Vec<f64>| {
        let best = largest(row);
        let term =
            |&(allele, count): &(usize, usize)| count as f64 * maths::pow10(row[allele] - best);
        maths::log10(genotype.iter().map(term).sum())
    };
    let sum: f64 = rows.iter().map(scaled).sum();
    let scale: f64 = rows.iter().map(largest).sum();
    sum - rows.len() as f64 * maths::log10(ploidy as f64) + scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sums over every assignment of a read to a chromosome.
    fn brute_force(rows: &[Vec<f64>], copies: &[usize]) -> f64 {
        let of_read = |row: &Vec<f64>| -> f64 {
            let chance: f64 = copies.iter().map(|&allele| maths::pow10(row[allele])).sum();
            maths::log10(chance / copies.len() as f64)
        };
        rows.iter().map(of_read).sum()
    }

    proptest! {
        #[test]
        fn likelihoods_equal_the_sum_over_chromosomes(
            rows in prop::collection::vec(prop::collection::vec(-4.0f64..0.0, 3), 1..9),
            ploidy in 1usize..5,
        ) {
            let table = GenotypeTable::new(ploidy, 3);
            for (index, value) in genotype_likelihoods(&rows, &table).into_iter().enumerate() {
                let truth = brute_force(&rows, &table.copies(index));
                prop_assert!((value - truth).abs() < 1e-3);
            }
        }
    }
}
