//! Which alleles a call keeps, and which genotype it gives.

use super::alleles::{Allele, SPANNING_DELETION};
use super::frequencies::Frequencies;
use super::table::GenotypeTable;
use crate::call::NON_REF;
use crate::genotype::best;
use crate::options::Options;

/// An allele is there if log10 P(it is absent) is this much below the limit.
const EPSILON_LOG10: f64 = 1e-10;

/// What a site shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The alleles of the record, by index; the reference first.
    pub kept: Vec<usize>,
    /// Most likely count of each kept alternate.
    pub counts: Vec<u32>,
    /// Whether no alternate is sure enough.
    pub is_monomorphic: bool,
    /// Whether it is written whatever its quality.
    pub is_forced: bool,
}

/// What else decides about the alleles of a site.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// Whether an earlier deletion covers it.
    pub is_covered: bool,
    /// For each allele whether it is forced; none if no allele is.
    pub forced: Vec<bool>,
}

impl Choice {
    /// Chooses among the alleles `used` in the calculation of frequencies.
    pub fn new(
        alleles: &[Allele],
        used: &[usize],
        frequencies: &Frequencies,
        standing: &Standing,
        options: &Options,
    ) -> Self {
        let limit = -options.confidence() / 10.0;
        let mut choice = Self {
            kept: vec![0],
            counts: Vec::new(),
            is_monomorphic: true,
            is_forced: standing.forced.contains(&true),
        };
        for (place, &allele) in used[1..].iter().enumerate() {
            let letters = &*alleles[allele];
            let is_plausible = frequencies.absent[place] + EPSILON_LOG10 < limit;
            let is_spurious = letters == SPANNING_DELETION && !standing.is_covered;
            if is_spurious {
                continue;
            }
            choice.is_monomorphic &= !is_plausible;
            let is_forced = standing.forced.get(allele).is_some_and(|&forced| forced);
            if is_plausible || is_forced || options.is_gvcf() || letters == NON_REF {
                choice.kept.push(allele);
                choice.counts.push(frequencies.counts[place]);
            }
        }
        choice
    }

    /// Says whether there is nothing to write.
    pub fn is_empty(&self, alleles: &[Allele], quality: f64, options: &Options) -> bool {
        let first = self.kept.get(1).map(|&allele| &*alleles[allele]);
        let passes = !self.is_monomorphic && quality >= options.confidence();
        let only_spanning = self.kept.len() == 2 && first == Some(SPANNING_DELETION);
        only_spanning || first.is_none() || !passes && !self.is_forced && first != Some(NON_REF)
    }
}

/// Keeps the alternates that the best genotype speaks for, where there are too many.
pub fn most_likely(
    alleles: &[Allele],
    phred: &[u32],
    table: &GenotypeTable,
    most: usize,
) -> Vec<usize> {
    let is_proper = |&allele: &usize| *alleles[allele] != *NON_REF;
    let (called, _) = best(phred);
    let distance = phred[0] - phred[called];
    let copies = table.copies(called);
    let mut proper: Vec<usize> = (1..alleles.len()).filter(is_proper).collect();
    if proper.len() <= most {
        return (0..alleles.len()).collect();
    }
    let score = |allele: &usize| if copies.contains(allele) { distance } else { 0 };
    proper.sort_by_key(|allele| std::cmp::Reverse(score(allele)));
    proper.truncate(most);
    let is_kept = |allele: &usize| *allele == 0 || !is_proper(allele) || proper.contains(allele);
    (0..alleles.len()).filter(is_kept).collect()
}

/// A sample's genotype: alleles by their place in the record, `None` for `./.`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalledGenotype {
    /// The alleles, ascending.
    pub alleles: Option<Vec<u8>>,
    /// Genotype quality, uncapped.
    pub quality: u32,
    /// Phred-scaled likelihoods.
    pub likelihoods: Vec<u32>,
}

impl CalledGenotype {
    /// Takes the likeliest genotype of the record's alleles.
    pub fn new(alleles: &[&[u8]], likelihoods: Vec<u32>, ploidy: usize) -> Self {
        let (called, quality) = best(&likelihoods);
        let table = GenotypeTable::new(ploidy, alleles.len());
        let copies = table.copies(called);
        if copies.iter().any(|&allele| alleles[allele] == NON_REF) {
            return Self {
                alleles: Some(vec![0; ploidy]),
                quality,
                likelihoods: vec![0; likelihoods.len()],
            };
        }
        let is_unknown = called == 0 && quality < 1;
        Self {
            alleles: (!is_unknown).then(|| copies.iter().map(|&allele| allele as u8).collect()),
            quality,
            likelihoods,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternates_of_the_best_genotype_stay() {
        let alleles: Vec<Allele> = ["A", "C", "G", "T", "<NON_REF>"]
            .iter()
            .map(|text| text.as_bytes().into())
            .collect();
        let table = GenotypeTable::new(2, 5);
        let mut phred = vec![90; table.genotypes.len()];
        phred[GenotypeTable::index(&[2, 3])] = 0;
        assert_eq!(most_likely(&alleles, &phred, &table, 2), [0, 2, 3, 4]);
        assert_eq!(most_likely(&alleles, &phred, &table, 1), [0, 2, 4]);
        assert_eq!(most_likely(&alleles, &phred, &table, 3), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn genotype_with_anything_else_counts_as_reference() {
        let alleles: [&[u8]; 3] = [b"A", b"C", NON_REF];
        let called = CalledGenotype::new(&alleles, vec![50, 40, 60, 0, 30, 70], 2);
        assert_eq!(called.alleles, Some(vec![0, 0]));
        assert_eq!(called.likelihoods, [0; 6]);
        assert_eq!(called.quality, 30);
        let unknown = CalledGenotype::new(&alleles[..2], vec![0, 0, 9], 2);
        assert_eq!(unknown.alleles, None);
    }
}
