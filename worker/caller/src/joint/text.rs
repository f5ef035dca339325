//! Text of a cohort's records.

use super::annotate::CohortAnnotations;
use super::genotype::{CohortCall, CohortGenotype};
use super::merge::MergedSite;
use crate::vcf::{fixed, plain};
use genome::maths;
use std::collections::BTreeMap;
use std::io::Write;

const LARGEST_GENOTYPE_QUALITY: u32 = 99;

/// Where a record stands: contig's name and 0-based position.
pub type Place<'a> = (&'a str, u64);

/// Appends the line of a call.
pub fn write_line(
    (contig, position): Place<'_>,
    site: &MergedSite,
    call: &CohortCall,
    annotations: &CohortAnnotations,
    text: &mut Vec<u8>,
) {
    let letters: Vec<String> = call
        .alleles
        .iter()
        .map(|one| String::from_utf8_lossy(one).into_owned())
        .collect();
    let id = if site.ids.is_empty() {
        ".".into()
    } else {
        site.ids.join(",")
    };
    let quality = fixed(call.quality, 2);
    let (keys, columns) = samples(call);
    let line = format!(
        "{contig}\t{}\t{id}\t{}\t{}\t{}\t.\t{}\t{keys}\t{}\n",
        position + 1,
        letters[0],
        letters[1..].join(","),
        quality.trim_end_matches(".00"),
        info(site, call, annotations),
        columns.join("\t")
    );
    text.write_all(line.as_bytes())
        .expect("memory takes any text");
}

fn info(site: &MergedSite, call: &CohortCall, annotations: &CohortAnnotations) -> String {
    let mut fields: BTreeMap<&str, String> = BTreeMap::new();
    for (key, values) in &site.values {
        if let Some(value) = median(values) {
            fields.insert(key, twice_printed(value));
        }
    }
    let counts = &annotations.allele_counts;
    let number = annotations.allele_number;
    let share = |&count: &u32| plain((f64::from(count) / f64::from(number)).min(1.0));
    let shares = |counts: &[u32]| counts.iter().map(share).collect::<Vec<_>>().join(",");
    fields.insert("AC", integers(counts));
    fields.insert("AN", number.to_string());
    fields.insert("AF", shares(counts));
    fields.insert("DP", site.depth.to_string());
    fields.insert("MLEAC", integers(&call.counts));
    fields.insert("MLEAF", shares(&call.counts));
    let printed = [
        ("ExcessHet", annotations.excess_heterozygosity, 4),
        ("FS", annotations.fisher_strand, 3),
        ("InbreedingCoeff", annotations.inbreeding, 4),
        ("MQ", root_mean_square(site.raw_mapping_quality), 2),
        ("QD", annotations.quality_by_depth, 2),
        ("SOR", annotations.strand_odds_ratio, 3),
    ];
    for (key, value, decimals) in printed {
        if let Some(value) = value {
            fields.insert(key, finite(value, decimals));
        }
    }
    let words: Vec<String> = fields
        .into_iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    words.join(";")
}

fn finite(value: f64, decimals: u8) -> String {
    if value.is_finite() {
        fixed(value, decimals)
    } else {
        "NaN".into()
    }
}

fn root_mean_square(raw: Option<(u64, u64)>) -> Option<f64> {
    let (squares, reads) = raw?;
    Some(maths::sqrt(squares as f64 / reads as f64))
}

/// Returns the middle value; of an even number, the upper of the middle two.
fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// Prints a number as it looks after it was written, read and written again.
fn twice_printed(value: f64) -> String {
    let once = plain(value);
    once.parse().map_or(once, plain)
}

/// Returns FORMAT and the columns.
fn samples(call: &CohortCall) -> (String, Vec<String>) {
    let rows: Vec<Option<BTreeMap<&str, String>>> = call
        .genotypes
        .iter()
        .map(|genotype| genotype.as_ref().map(|one| fields(one, call.alleles.len())))
        .collect();
    let mut keys: Vec<&str> = rows
        .iter()
        .flatten()
        .flat_map(|row| row.keys().copied())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    let column = |(row, genotype): (&Option<BTreeMap<&str, String>>, &Option<CohortGenotype>)| {
        let mut words = vec![genotype_text(genotype.as_ref())];
        for key in &keys {
            let value = row.as_ref().and_then(|row| row.get(key));
            words.push(value.cloned().unwrap_or_else(|| ".".into()));
        }
        while words.len() > 1 && words.last().is_some_and(|word| word == ".") {
            words.pop();
        }
        words.join(":")
    };
    let columns = rows.iter().zip(&call.genotypes).map(column).collect();
    let names: Vec<&str> = std::iter::once("GT").chain(keys.iter().copied()).collect();
    (names.join(":"), columns)
}

fn fields(genotype: &CohortGenotype, alleles: usize) -> BTreeMap<&'static str, String> {
    let sample = &genotype.fields;
    let depth = sample.minimum_depth.or(sample.depth);
    let depths = match (&sample.allele_depths, depth) {
        (Some(depths), _) => Some(integers(depths)),
        (None, Some(depth)) if depth > 0 => {
            let mut depths = vec![0; alleles];
            depths[0] = depth;
            Some(integers(&depths))
        }
        _ => None,
    };
    let is_homozygous_variant = genotype
        .alleles
        .as_ref()
        .is_some_and(|alleles| alleles[0] > 0 && alleles.iter().all(|one| *one == alleles[0]));
    let [phased, id, set] = sample.phase.clone();
    let phased = phased.map(|text| {
        if is_homozygous_variant {
            "1|1".into()
        } else {
            text
        }
    });
    let quality = sample
        .quality
        .map(|quality| quality.min(LARGEST_GENOTYPE_QUALITY));
    let all = [
        ("AD", depths),
        ("DP", depth.map(|depth| depth.to_string())),
        ("GQ", quality.map(|quality| quality.to_string())),
        ("PGT", phased),
        ("PID", id),
        ("PL", sample.likelihoods.as_deref().map(integers)),
        ("PS", set),
    ];
    all.into_iter()
        .filter_map(|(key, value)| value.map(|value| (key, value)))
        .collect()
}

fn genotype_text(genotype: Option<&CohortGenotype>) -> String {
    let Some(genotype) = genotype else {
        return "./.".into();
    };
    let separator = if genotype.fields.is_phased { "|" } else { "/" };
    let words: Vec<String> = match &genotype.alleles {
        Some(alleles) => alleles.iter().map(u8::to_string).collect(),
        None => vec![".".into(); genotype.fields.ploidy.max(1)],
    };
    words.join(separator)
}

fn integers(values: &[u32]) -> String {
    let words: Vec<String> = values.iter().map(u32::to_string).collect();
    words.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_twice() {
        assert_eq!(twice_printed(0.9996), "1.00");
        assert_eq!(twice_printed(-0.658), "-6.580e-01");
        assert_eq!(twice_printed(1.263), "1.26");
        assert_eq!(median(&[3.0, 1.0]), Some(3.0));
        assert_eq!(median(&[]), None);
    }
}
