//! What the INFO column of a cohort says, from its genotypes.

use super::CohortGenotype;
use crate::annotate::{fisher_strand, strand_odds_ratio};
use crate::genotyping::GenotypeTable;
use genome::maths;

/// Fewer samples tell nothing of inbreeding.
const LEAST_SAMPLES: usize = 10;

/// What genotypes say of a site.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CohortAnnotations {
    /// Called copies of each alternate.
    pub allele_counts: Vec<u32>,
    /// Called copies of all alleles.
    pub allele_number: u32,
    /// Phred-scaled p of so many heterozygotes.
    pub excess_heterozygosity: Option<f64>,
    /// Phred-scaled p of strand bias.
    pub fisher_strand: Option<f64>,
    /// Heterozygotes missing, as a share of those expected.
    pub inbreeding: Option<f64>,
    /// QUAL by depth of samples with a variant, before jitter.
    pub quality_by_depth: Option<f64>,
    /// Symmetric odds ratio of strands.
    pub strand_odds_ratio: Option<f64>,
}

/// Describes a site of so many alleles.
pub fn describe(
    genotypes: &[Option<CohortGenotype>],
    alleles: usize,
    quality: f64,
) -> CohortAnnotations {
    let present: Vec<&CohortGenotype> = genotypes.iter().flatten().collect();
    let called = || {
        present
            .iter()
            .filter_map(|one| one.alleles.as_ref())
            .flatten()
    };
    let count = |allele| called().filter(|&&one| usize::from(one) == allele).count() as u32;
    let tables: Vec<[u32; 4]> = present
        .iter()
        .filter_map(|one| one.fields.strands)
        .collect();
    let has_tables = !tables.is_empty();
    let depth = variant_depth(&present);
    CohortAnnotations {
        allele_counts: (1..alleles).map(count).collect(),
        allele_number: called().count() as u32,
        excess_heterozygosity: excess_heterozygosity(&present, alleles),
        fisher_strand: has_tables.then(|| fisher_strand(strands(&tables, 2))),
        inbreeding: inbreeding(&present, alleles),
        quality_by_depth: (depth > 0).then(|| quality / f64::from(depth)),
        strand_odds_ratio: has_tables.then(|| strand_odds_ratio(strands(&tables, 0))),
    }
}

/// Adds up the tables with more reads than a limit.
fn strands(tables: &[[u32; 4]], limit: u32) -> [u32; 4] {
    let counted = tables
        .iter()
        .filter(|table| table.iter().sum::<u32>() > limit);
    counted.fold([0; 4], |sum, table| {
        std::array::from_fn(|cell| sum[cell] + table[cell])
    })
}

/// Returns the reads of samples with a variant; where some have more than one read of it, theirs.
fn variant_depth(genotypes: &[&CohortGenotype]) -> u32 {
    let (mut all, mut sure) = (0, 0);
    for genotype in genotypes {
        let Some(alleles) = &genotype.alleles else {
            continue;
        };
        if alleles.iter().all(|&allele| allele == 0) {
            continue;
        }
        let depths = genotype.fields.allele_depths.as_deref().unwrap_or_default();
        let sum: u32 = depths.iter().sum();
        if sum == 0 {
            all += genotype.fields.depth.unwrap_or(0);
            continue;
        }
        all += sum;
        sure += if sum - depths[0] > 1 { sum } else { 0 };
    }
    if sure > 0 { sure } else { all }
}

/// Counts samples with two, one and no reference alleles, by their likelihoods.
fn genotype_counts(genotypes: &[&CohortGenotype], alleles: usize, is_rounded: bool) -> [f64; 3] {
    let mut counts = [0.0; 3];
    for genotype in genotypes {
        let Some(phred) = genotype
            .fields
            .likelihoods
            .as_ref()
            .filter(|_| genotype.is_diploid())
        else {
            continue;
        };
        let shares = shares(phred);
        let table = GenotypeTable::new(2, alleles);
        let best = crate::log_sum::first_maximum(&shares);
        let without_reference = table.genotypes[best].iter().all(|&(allele, _)| allele != 0);
        if alleles > 2 && without_reference {
            counts[2] += 1.0;
            continue;
        }
        let [reference, het, hom] = against_best_alternate(&shares, alleles);
        if !is_rounded {
            counts = [counts[0] + reference, counts[1] + het, counts[2] + hom];
            continue;
        }
        let round = |value: f64| (value + 0.5).floor();
        counts[0] += round(reference);
        counts[1] += if reference == het { 0.0 } else { round(het) };
        counts[2] += if hom == het { 0.0 } else { round(hom) };
    }
    counts
}

/// Returns probabilities that add up to 1.
fn shares(phred: &[u32]) -> Vec<f64> {
    let best = phred.iter().copied().min().unwrap_or(0);
    let value = |&one: &u32| maths::pow10(f64::from(one - best) / -10.0);
    let values: Vec<f64> = phred.iter().map(value).collect();
    let total: f64 = values.iter().sum();
    values.into_iter().map(|value| value / total).collect()
}

/// Keeps the alternate with the likeliest heterozygote.
fn against_best_alternate(shares: &[f64], alleles: usize) -> [f64; 3] {
    if alleles == 2 {
        return [shares[0], shares[1], shares[2]];
    }
    let (mut het, mut hom) = (1, 2);
    for allele in 1..alleles {
        let index = GenotypeTable::index(&[0, allele]);
        if shares[index] > shares[het] {
            het = index;
            hom = GenotypeTable::index(&[allele, allele]);
        }
    }
    let picked = [shares[0], shares[het], shares[hom]];
    let total: f64 = picked.iter().sum();
    picked.map(|value| value / total)
}

fn excess_heterozygosity(genotypes: &[&CohortGenotype], alleles: usize) -> Option<f64> {
    const SMALLEST: f64 = 10e-60;
    const LARGEST_PHRED: f64 = 160.0;
    let is_counted = |one: &&&CohortGenotype| {
        let has_evidence = one.fields.likelihoods.is_some() || one.fields.quality.is_some();
        one.alleles.is_some() && one.is_diploid() && has_evidence
    };
    genotypes.iter().find(is_counted)?;
    let [homs, hets, others] =
        genotype_counts(genotypes, alleles, true).map(|count| count as usize);
    let p = many_heterozygotes(hets, homs, others);
    if p < SMALLEST {
        return Some(LARGEST_PHRED);
    }
    Some(-10.0 * maths::log10(p) + 0.0)
}

/// Returns the probability of at least so many heterozygotes, given the alleles.
///
/// Source: Wigginton et al. 2005; terms below 10⁻¹⁶ of the likeliest are left out, as GATK does.
fn many_heterozygotes(hets: usize, homs: usize, others: usize) -> f64 {
    const SMALLEST: f64 = 1e-16;
    let (rare_homs, samples) = (homs.min(others), hets + homs + others);
    let rare = 2 * rare_homs + hets;
    if samples == 0 {
        return 1.0;
    }
    let all = 2.0 * samples as f64;
    let mut middle = (rare as f64 * (all - rare as f64) / (all - 1.0)).floor() as usize;
    middle += usize::from(middle % 2 != rare % 2);
    let mut terms = vec![0.0; rare.max(middle) + 1];
    terms[middle] = 1.0;
    let mut sum = 1.0;
    let start = (
        (rare - middle.min(rare)) / 2,
        samples - middle - (rare - middle.min(rare)) / 2,
    );
    let (mut now, (mut rare_now, mut common_now)) = (middle, start);
    while now >= 2 {
        let pairs = 4.0 * (rare_now as f64 + 1.0) * (common_now as f64 + 1.0);
        let term = terms[now] * now as f64 * (now as f64 - 1.0) / pairs;
        if term < SMALLEST {
            break;
        }
        (now, rare_now, common_now) = (now - 2, rare_now + 1, common_now + 1);
        terms[now] = term;
        sum += term;
    }
    (now, (rare_now, common_now)) = (middle, start);
    while now + 2 <= rare {
        let pairs = (now as f64 + 2.0) * (now as f64 + 1.0);
        let term = terms[now] * 4.0 * rare_now as f64 * common_now as f64 / pairs;
        if term < SMALLEST {
            break;
        }
        (now, rare_now, common_now) = (now + 2, rare_now - 1, common_now - 1);
        terms[now] = term;
        sum += term;
    }
    let above: f64 = terms[hets + 1..].iter().sum();
    (terms[hets] / sum + above / sum).clamp(0.0, 1.0)
}

fn inbreeding(genotypes: &[&CohortGenotype], alleles: usize) -> Option<f64> {
    let is_counted = |one: &&&CohortGenotype| one.fields.likelihoods.is_some() && one.is_diploid();
    let samples = genotypes.iter().filter(is_counted).count();
    if samples < LEAST_SAMPLES {
        return None;
    }
    let [homs, hets, others] = genotype_counts(genotypes, alleles, false);
    let share = (2.0 * homs + hets) / (2.0 * (homs + hets + others));
    let expected = 2.0 * share * (1.0 - share) * samples as f64;
    Some(1.0 - hets / expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    // GATK 4.6.2: two heterozygotes of two samples print 1.7609.
    #[test]
    fn only_heterozygotes_are_an_excess() {
        let phred = |p: f64| -10.0 * maths::log10(p);
        assert!((phred(many_heterozygotes(2, 0, 0)) - 1.7609).abs() < 5e-5);
        assert_eq!(many_heterozygotes(0, 0, 2), 1.0);
        assert_eq!(many_heterozygotes(0, 0, 0), 1.0);
        // Two alleles of each kind in two samples: 2/3 of the orders make two heterozygotes.
        assert!((many_heterozygotes(2, 0, 0) - 2.0 / 3.0).abs() < 1e-12);
        assert!((many_heterozygotes(0, 1, 1) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn small_tables_are_left_out_of_the_test() {
        assert_eq!(strands(&[[1, 0, 1, 0], [2, 1, 1, 0]], 2), [2, 1, 1, 0]);
        assert_eq!(strands(&[[1, 0, 1, 0], [2, 1, 1, 0]], 0), [3, 1, 2, 0]);
    }
}
