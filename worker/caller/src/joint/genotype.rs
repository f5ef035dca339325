//! Genotypes of all samples at a merged site.
//!
//! Source: GATK 4.6 `GenotypeGVCFsEngine`, `GenotypingEngine`.

use super::merge::MergedSite;
use super::record::SampleFields;
use crate::genotyping::{
    Allele, Choice, GenotypeTable, Prior, Standing, UpstreamDeletions, trim_ends,
};
use crate::options::Options;
use genome::region::ContigId;

/// Sites with more alleles are left out.
const MOST_ALLELES: usize = 50;

/// The genotype of one sample of a cohort.
#[derive(Debug, Clone, PartialEq)]
pub struct CohortGenotype {
    /// The alleles, ascending; none for `./.`.
    pub alleles: Option<Vec<u8>>,
    /// What else its column says.
    pub fields: SampleFields,
}

impl CohortGenotype {
    /// Says whether the sample has two copies.
    pub const fn is_diploid(&self) -> bool {
        self.fields.ploidy == 2
    }
}

/// A site with genotypes.
#[derive(Debug, Clone, PartialEq)]
pub struct CohortCall {
    /// The alleles of the record.
    pub alleles: Vec<Allele>,
    /// QUAL.
    pub quality: f64,
    /// Most likely count of each alternate.
    pub counts: Vec<u32>,
    /// The samples.
    pub genotypes: Vec<Option<CohortGenotype>>,
}

/// Genotypes a site; `None` if no sample has a variant.
pub fn genotype(
    site: &MergedSite,
    (contig, start): (ContigId, u64),
    options: &Options,
    deletions: &mut UpstreamDeletions,
) -> Option<CohortCall> {
    let alleles = &site.alleles;
    if alleles.len() < 2 || alleles.len() > MOST_ALLELES || site.depth == 0 {
        return None;
    }
    let present = || site.samples.iter().flatten();
    let phred: Vec<&[u32]> = present()
        .filter_map(|sample| sample.likelihoods.as_deref())
        .collect();
    let ploidy = present().map(|sample| sample.ploidy).max()?;
    let table = GenotypeTable::new(ploidy, alleles.len());
    let used = most_likely(&phred, &table, alleles.len(), options.maximum_alternates);
    let used_alleles: Vec<Allele> = used.iter().map(|&index| alleles[index].clone()).collect();
    let picked = table.subset(&used);
    let used_phred: Vec<Vec<u32>> = phred
        .iter()
        .map(|values| picked.iter().map(|&index| values[index]).collect())
        .collect();
    let rows: Vec<&[u32]> = used_phred.iter().map(Vec::as_slice).collect();
    let used_table = GenotypeTable::new(ploidy, used.len());
    let frequencies = Prior::new(options).frequencies(&used_alleles, &rows, &used_table);
    let standing = Standing {
        is_covered: deletions.cover(contig, start),
        forced: Vec::new(),
    };
    let choice = Choice::new(alleles, &used, &frequencies, &standing, options);
    let quality = -10.0 * frequencies.no_variant + 0.0;
    if choice.is_empty(alleles, quality, options) {
        return None;
    }
    let kept = &choice.kept;
    let mut kept_alleles: Vec<Allele> = kept.iter().map(|&index| alleles[index].clone()).collect();
    deletions.record(contig, start, &kept_alleles);
    let of_sample = |sample: &Option<SampleFields>| {
        sample
            .as_ref()
            .map(|sample| genotype_sample(sample, kept, alleles.len()))
    };
    let genotypes = site.samples.iter().map(of_sample).collect();
    trim_ends(&mut kept_alleles);
    Some(CohortCall {
        alleles: kept_alleles,
        quality,
        counts: choice.counts,
        genotypes,
    })
}

/// Keeps the alternates for which the samples' best genotypes speak most, where there are too many.
fn most_likely(phred: &[&[u32]], table: &GenotypeTable, alleles: usize, most: usize) -> Vec<usize> {
    if alleles <= most + 1 {
        return (0..alleles).collect();
    }
    let mut scores = vec![0u64; alleles];
    for values in phred {
        let (best, _) = crate::genotype::best(values);
        for &(allele, _) in &table.genotypes[best] {
            scores[allele] += u64::from(values[0] - values[best]);
        }
    }
    let mut alternates: Vec<usize> = (1..alleles).collect();
    alternates.sort_by_key(|&allele| std::cmp::Reverse(scores[allele]));
    alternates.truncate(most);
    let mut kept = vec![0];
    kept.extend(alternates);
    kept.sort_unstable();
    kept
}

fn genotype_sample(sample: &SampleFields, kept: &[usize], alleles: usize) -> CohortGenotype {
    let table = GenotypeTable::new(sample.ploidy.max(1), alleles);
    let smaller = GenotypeTable::new(sample.ploidy.max(1), kept.len());
    let depths = |old: &Vec<u32>| kept.iter().map(|&index| old[index]).collect();
    let mut fields = SampleFields {
        allele_depths: sample.allele_depths.as_ref().map(depths),
        ..sample.clone()
    };
    if sample.quality == Some(0) && sample.depth == Some(0) {
        fields = SampleFields {
            ploidy: sample.ploidy,
            is_phased: sample.is_phased,
            strands: None,
            ..SampleFields::default()
        };
        return CohortGenotype {
            alleles: None,
            fields,
        };
    }
    let Some(old) = &sample.likelihoods else {
        return CohortGenotype {
            alleles: None,
            fields,
        };
    };
    let picked: Vec<u32> = table
        .subset(kept)
        .into_iter()
        .map(|index| old[index])
        .collect();
    let lowest = picked.iter().copied().min().unwrap_or(0);
    let likelihoods: Vec<u32> = picked.into_iter().map(|value| value - lowest).collect();
    let (called, quality) = crate::genotype::best(&likelihoods);
    let is_informative =
        likelihoods.iter().any(|&value| value > 1) || likelihoods.iter().sum::<u32>() > 1;
    let is_unknown = !is_informative || called == 0 && quality < 1;
    fields.quality = Some(quality);
    fields.likelihoods = Some(likelihoods);
    let copies = smaller
        .copies(called)
        .into_iter()
        .map(|allele| allele as u8)
        .collect();
    CohortGenotype {
        alleles: (!is_unknown).then_some(copies),
        fields,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(likelihoods: &[u32], quality: u32, depth: u32) -> SampleFields {
        SampleFields {
            ploidy: 2,
            likelihoods: Some(likelihoods.to_vec()),
            quality: Some(quality),
            depth: Some(depth),
            ..SampleFields::default()
        }
    }

    #[test]
    fn sample_without_reads_says_nothing() {
        let empty = genotype_sample(&sample(&[0, 0, 0], 0, 0), &[0, 1], 2);
        assert_eq!(empty.alleles, None);
        assert_eq!(empty.fields.likelihoods, None);
        let unsure = genotype_sample(&sample(&[0, 0, 90], 0, 4), &[0, 1], 2);
        assert_eq!(unsure.alleles, None);
        assert_eq!(unsure.fields.likelihoods, Some(vec![0, 0, 90]));
        let het = genotype_sample(&sample(&[90, 0, 70], 70, 9), &[0, 1], 2);
        assert_eq!(het.alleles, Some(vec![0, 1]));
    }

    #[test]
    fn alternates_compete_over_all_samples() {
        let table = GenotypeTable::new(2, 4);
        let mut first = vec![90; 10];
        first[GenotypeTable::index(&[0, 2])] = 0;
        let mut second = vec![50; 10];
        second[GenotypeTable::index(&[0, 3])] = 0;
        assert_eq!(most_likely(&[&first, &second], &table, 4, 1), [0, 2]);
        assert_eq!(most_likely(&[&first, &second], &table, 4, 2), [0, 2, 3]);
        assert_eq!(most_likely(&[&first, &second], &table, 4, 3), [0, 1, 2, 3]);
    }
}
