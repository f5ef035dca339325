//! Annotations allele by allele, as far as they can be joined over samples.
//!
//! Source: GATK 4.6 `AS_RankSumTest`, `AS_RMSMappingQuality`, `AS_StrandBiasTest`.

use super::{Evidence, rank_sum};
use crate::call::{AlleleRankSum, AlleleSpecific};

/// Describes the reads of each allele.
pub fn allele_specific(
    evidence: &[Evidence],
    told: &[Option<usize>],
    alleles: usize,
) -> AlleleSpecific {
    let mut found = AlleleSpecific {
        squared_mapping_qualities: vec![0; alleles],
        strands: vec![[0; 2]; alleles],
        base_qualities: series(evidence, told, alleles, |read| {
            read.base_quality.map(f64::from)
        }),
        mapping_qualities: series(evidence, told, alleles, |read| {
            Some(f64::from(read.mapping_quality))
        }),
        read_positions: series(evidence, told, alleles, |read| {
            read.end_distance.map(f64::from)
        }),
    };
    for (read, allele) in evidence.iter().zip(told) {
        if let Some(allele) = *allele {
            found.squared_mapping_qualities[allele] += u64::from(read.mapping_quality).pow(2);
            found.strands[allele][usize::from(read.is_reverse)] += 1;
        }
    }
    found
}

fn series(
    evidence: &[Evidence],
    told: &[Option<usize>],
    alleles: usize,
    value: impl Fn(&Evidence) -> Option<f64>,
) -> Vec<AlleleRankSum> {
    let mut values = vec![Vec::new(); alleles];
    for (read, allele) in evidence.iter().zip(told) {
        if let (Some(allele), Some(value)) = (*allele, value(read))
            && read.mapping_quality != 0
        {
            values[allele].push(value);
        }
    }
    let Some((reference, alternates)) = values.split_first() else {
        return Vec::new();
    };
    let compare = |alternate: &Vec<f64>| {
        if reference.is_empty() {
            return AlleleRankSum::NoReference;
        }
        rank_sum(alternate, reference).map_or(AlleleRankSum::NoAlternate, AlleleRankSum::Score)
    };
    alternates.iter().map(compare).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alleles_are_compared_with_the_reference_one_by_one() {
        let read = |base_quality, is_reverse| Evidence {
            mapping_quality: 60,
            is_reverse,
            base_quality: Some(base_quality),
            end_distance: Some(5),
        };
        let evidence = [read(30, false), read(20, true), read(30, true)];
        let told = [Some(0), Some(1), None];
        let found = allele_specific(&evidence, &told, 3);
        assert_eq!(found.strands, [[1, 0], [0, 1], [0, 0]]);
        assert_eq!(found.squared_mapping_qualities, [3600, 3600, 0]);
        assert!(matches!(found.base_qualities[0], AlleleRankSum::Score(score) if score < 0.0));
        assert_eq!(found.base_qualities[1], AlleleRankSum::NoAlternate);
        let found = allele_specific(&evidence[1..], &told[1..], 2);
        assert_eq!(found.mapping_qualities, [AlleleRankSum::NoReference]);
    }
}
