//! The records of all samples over one position, brought to common alleles.
//!
//! Source: GATK 4.6 `ReferenceConfidenceVariantContextMerger`.

use super::record::{GvcfRecord, SampleFields};
use crate::call::NON_REF;
use crate::genotyping::{Allele, GenotypeTable, SPANNING_DELETION};
use std::collections::{BTreeMap, BTreeSet};

/// Values of INFO that say nothing of all samples together.
const STALE: [&str; 7] = ["AC", "AF", "AN", "MLEAC", "MLEAF", "END", "DP"];

/// The key of raw mapping qualities: sum of squares, number of reads.
const RAW_MAPPING_QUALITY: &str = "RAW_MQandDP";

/// What is known of a site in all samples.
#[derive(Debug, Clone, PartialEq)]
pub struct MergedSite {
    /// The reference allele, then the alternates, without `<NON_REF>`.
    pub alleles: Vec<Allele>,
    /// The samples in the order of the inputs, with values for these alleles; none without record.
    pub samples: Vec<Option<SampleFields>>,
    /// IDs of the records that start here.
    pub ids: Vec<String>,
    /// Depth of all samples.
    pub depth: u32,
    /// Sum of squared mapping qualities and number of reads.
    pub raw_mapping_quality: Option<(u64, u64)>,
    /// All values of each other key of INFO.
    pub values: BTreeMap<String, Vec<f64>>,
}

/// Merges records over a position. They come in the order in which their alleles are listed, each
/// with the number of its input; at least one starts here.
pub fn merge(
    position: u64,
    records: &[(usize, &GvcfRecord)],
    inputs: usize,
    numeric_keys: &BTreeSet<String>,
) -> MergedSite {
    let here = records
        .iter()
        .filter(|(_, record)| record.start == position);
    let reference = here
        .clone()
        .map(|(_, record)| &record.alleles[0])
        .reduce(|longest, next| {
            if next.len() > longest.len() {
                next
            } else {
                longest
            }
        })
        .cloned()
        .unwrap_or_default();
    let mapped: Vec<Vec<Option<Allele>>> = records
        .iter()
        .map(|(_, record)| mapped_alleles(record, position, &reference))
        .collect();
    let alleles = target_alleles(position, records, &mapped, reference);
    let mut site = MergedSite {
        alleles,
        samples: vec![None; inputs],
        ids: Vec::new(),
        depth: 0,
        raw_mapping_quality: None,
        values: BTreeMap::new(),
    };
    for ((input, record), mapped) in records.iter().zip(&mapped) {
        site.samples[*input] = Some(remapped(&record.sample, mapped, &site.alleles));
        site.depth += match record.info("DP").and_then(|depth| depth.parse().ok()) {
            Some(depth) => depth,
            None => record.sample.least_depth(),
        };
    }
    for (_, record) in here {
        site.add_info(record, numeric_keys);
    }
    site
}

impl MergedSite {
    fn add_info(&mut self, record: &GvcfRecord, numeric_keys: &BTreeSet<String>) {
        if let Some(id) = &record.id
            && !self.ids.contains(id)
        {
            self.ids.push(id.clone());
        }
        for (key, value) in &record.info {
            if key == RAW_MAPPING_QUALITY {
                if let Some((squares, reads)) = pair(value) {
                    let sum = self.raw_mapping_quality.get_or_insert((0, 0));
                    *sum = (sum.0 + squares, sum.1 + reads);
                }
            } else if !STALE.contains(&key.as_str()) && numeric_keys.contains(key) {
                let words = value.split(',').map_while(|word| word.parse::<f64>().ok());
                self.values.entry(key.clone()).or_default().extend(words);
            }
        }
    }
}

fn pair(text: &str) -> Option<(u64, u64)> {
    let (first, second) = text.split_once(',')?;
    Some((first.parse().ok()?, second.parse().ok()?))
}

/// Returns what each allele of a record is at the position; `None` for nothing that is there.
fn mapped_alleles(record: &GvcfRecord, position: u64, reference: &[u8]) -> Vec<Option<Allele>> {
    let own = &record.alleles[0];
    if record.start != position {
        let replaced = |allele: &Allele| match &**allele {
            letters if letters == NON_REF => Some(allele.clone()),
            letters if letters.len() < own.len() => Some(SPANNING_DELETION.into()),
            _ => None,
        };
        return std::iter::once(None)
            .chain(record.alleles[1..].iter().map(replaced))
            .collect();
    }
    let tail = &reference[own.len()..];
    let extended = |allele: &Allele| -> Allele {
        if allele.starts_with(b"<") || **allele == *SPANNING_DELETION {
            return allele.clone();
        }
        [allele, tail].concat().into()
    };
    record
        .alleles
        .iter()
        .map(|allele| Some(extended(allele)))
        .collect()
}

fn target_alleles(
    position: u64,
    records: &[(usize, &GvcfRecord)],
    mapped: &[Vec<Option<Allele>>],
    reference: Allele,
) -> Vec<Allele> {
    let mut alleles = vec![reference];
    for allele in mapped.iter().flat_map(|one| &one[1..]).flatten() {
        if **allele != *NON_REF && !alleles.contains(allele) {
            alleles.push(allele.clone());
        }
    }
    let is_spanning = |(_, record): &(usize, &GvcfRecord)| {
        record.start != position && record.is_variant()
            || record
                .alleles
                .iter()
                .any(|allele| **allele == *SPANNING_DELETION)
    };
    let deletion: Allele = SPANNING_DELETION.into();
    if records.iter().any(is_spanning) && !alleles.contains(&deletion) {
        alleles.push(deletion);
    }
    alleles
}

/// Picks a sample's values for the common alleles; one that it does not name is `<NON_REF>` to it.
fn remapped(sample: &SampleFields, mapped: &[Option<Allele>], alleles: &[Allele]) -> SampleFields {
    let place = |wanted: &[u8]| mapped.iter().position(|one| one.as_deref() == Some(wanted));
    let non_ref = place(NON_REF).unwrap_or(0);
    let source = |allele: &Allele| match &**allele {
        letters if letters == SPANNING_DELETION => {
            best_deletion(sample, mapped).or_else(|| place(letters))
        }
        letters => place(letters),
    };
    let alternates = alleles[1..]
        .iter()
        .map(|allele| source(allele).unwrap_or(non_ref));
    let sources: Vec<usize> = std::iter::once(0).chain(alternates).collect();
    let table = GenotypeTable::new(sample.ploidy.max(1), mapped.len());
    let pick = |old: &Vec<u32>| {
        table
            .subset(&sources)
            .into_iter()
            .map(|index| old[index])
            .collect()
    };
    let depths = |old: &Vec<u32>| {
        sources
            .iter()
            .map(|&index| old.get(index).copied().unwrap_or(0))
            .collect()
    };
    SampleFields {
        likelihoods: sample.likelihoods.as_ref().map(pick),
        allele_depths: sample.allele_depths.as_ref().map(depths),
        ..sample.clone()
    }
}

/// Returns the likeliest of several deletions over the position.
fn best_deletion(sample: &SampleFields, mapped: &[Option<Allele>]) -> Option<usize> {
    let is_deletion = |&index: &usize| {
        mapped[index]
            .as_deref()
            .is_some_and(|one| one == SPANNING_DELETION)
    };
    let deletions: Vec<usize> = (0..mapped.len()).filter(is_deletion).collect();
    let likelihoods = sample.likelihoods.as_ref()?;
    if deletions.len() < 2 {
        return None;
    }
    let homozygous = |&index: &usize| GenotypeTable::index(&vec![index; sample.ploidy]);
    deletions
        .into_iter()
        .min_by_key(|index| likelihoods[homozygous(index)])
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    fn texts(alleles: &[Allele]) -> Vec<String> {
        alleles
            .iter()
            .map(|one| String::from_utf8_lossy(one).into_owned())
            .collect()
    }

    #[test]
    fn samples_share_alleles() {
        let snv = record(
            "20 11 rs1 A C,<NON_REF> 50 . DP=9;MQRankSum=1.5 GT:AD:GQ:PL 0/1:4,5,0:99:90,0,80,99,98,97",
        );
        let deletion = record("20 11 . AG A,<NON_REF> 50 . DP=3 GT:PL 0/1:10,0,20,30,40,50");
        let block = record("20 5 . A <NON_REF> . . END=30 GT:DP:MIN_DP:PL 0/0:9:7:0,21,200");
        let site = merge(
            10,
            &[(0, &snv), (2, &deletion), (1, &block)],
            3,
            &BTreeSet::from(["MQRankSum".into()]),
        );
        assert_eq!(texts(&site.alleles), ["AG", "CG", "A"]);
        let likelihoods = |index: usize| site.samples[index].clone().unwrap().likelihoods.unwrap();
        assert_eq!(likelihoods(0), [90, 0, 80, 99, 98, 97]);
        assert_eq!(likelihoods(1), [0, 21, 200, 21, 200, 200]);
        assert_eq!(likelihoods(2), [10, 30, 50, 0, 40, 20]);
        assert_eq!(site.depth, 19);
        assert_eq!(site.ids, ["rs1"]);
        assert_eq!(site.values["MQRankSum"], [1.5]);
    }

    #[test]
    fn deletion_over_the_position_is_a_star() {
        let deletion = record("20 9 . AGGG A,AG,<NON_REF> 50 . DP=3 GT:PL 0/1:9,8,7,6,5,4,3,2,1,0");
        let snv = record("20 11 . G C,<NON_REF> 50 . DP=9 GT:PL 0/1:90,0,80,99,98,97");
        let site = merge(10, &[(0, &snv), (1, &deletion)], 2, &BTreeSet::new());
        assert_eq!(texts(&site.alleles), ["G", "C", "*"]);
        // The second deletion is the likelier one: its homozygote has 4, the first's 7.
        let likelihoods = site.samples[1].clone().unwrap().likelihoods.unwrap();
        assert_eq!(likelihoods, [9, 3, 0, 6, 1, 4]);
    }
}
