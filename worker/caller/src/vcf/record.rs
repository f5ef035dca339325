//! One line a record.

use super::number::{fixed, plain};
use crate::call::{AlleleRankSum, AlleleSpecific, Annotations, Call, Sample};
use crate::genotype::best;
use crate::gvcf::Block;
use crate::region_calls::ReferencePosition;
use genome::dictionary::Dictionary;
use genome::region::ContigId;
use std::io::Write;

/// What FORMAT says at most of a genotype quality.
const LARGEST_GENOTYPE_QUALITY: u32 = 99;

/// Appends the line of a call.
pub fn write_call(dictionary: &Dictionary, call: &Call, text: &mut Vec<u8>) {
    put(text, &dictionary.contig(call.contig).name);
    let name = call.identifier.as_deref().unwrap_or(".");
    put(text, &format!("\t{}\t{name}\t", call.position + 1));
    for (index, allele) in call.alleles.iter().enumerate() {
        text.extend_from_slice(match index {
            0 => b"",
            1 => b"\t",
            _ => b",",
        });
        text.extend_from_slice(allele);
    }
    let quality = if call.quality.is_infinite() {
        "Infinity".into()
    } else {
        fixed(call.quality, 2)
    };
    let filter = if call.is_low_quality { "LowQual" } else { "." };
    let quality = quality.trim_end_matches(".00");
    put(text, &format!("\t{quality}\t{filter}\t"));
    let copies = call.sample.genotype.as_ref().map_or(0, Vec::len);
    put(text, &info(&call.annotations, copies));
    put_sample(&call.sample, text);
    text.push(b'\n');
}

/// Appends the line of one position.
pub fn write_position(
    dictionary: &Dictionary,
    contig: ContigId,
    position: &ReferencePosition,
    text: &mut Vec<u8>,
) {
    let (_, quality) = best(&position.likelihoods);
    let genotype = vec!["0"; position.likelihoods.len() - 1].join("/");
    let depths = &position.allele_depths;
    let line = format!(
        "{}\t{}\t.\t{}\t<NON_REF>\t.\t.\t.\tGT:AD:DP:GQ:PL\t{genotype}:{}:{}:{}:{}\n",
        dictionary.contig(contig).name,
        position.position + 1,
        char::from(position.base),
        integers(depths),
        depths[0] + depths[1],
        quality.min(LARGEST_GENOTYPE_QUALITY),
        integers(&position.likelihoods),
    );
    put(text, &line);
}

/// Appends the line of a block.
pub fn write_block(dictionary: &Dictionary, block: &Block, text: &mut Vec<u8>) {
    let genotype = vec!["0"; block.likelihoods.len() - 1].join("/");
    let line = format!(
        "{}\t{}\t.\t{}\t<NON_REF>\t.\t.\tEND={}\tGT:DP:GQ:MIN_DP:PL\t{genotype}:{}:{}:{}:{}\n",
        dictionary.contig(block.contig).name,
        block.start + 1,
        char::from(block.first_base),
        block.end,
        block.median_depth(),
        block.genotype_quality().min(LARGEST_GENOTYPE_QUALITY),
        block.minimum_depth(),
        integers(&block.likelihoods),
    );
    put(text, &line);
}

/// Returns the INFO column: keys in the order of their letters.
fn info(annotations: &Annotations, copies: usize) -> String {
    let counts = annotations.allele_counts.as_deref();
    let expected = &annotations.expected_counts;
    let number = |value: Option<f64>, decimals| value.map(|value| fixed(value, decimals));
    let specific = annotations.allele_specific.as_ref();
    let fields = [
        ("AC", counts.map(integers)),
        (
            "AF",
            counts
                .filter(|_| copies > 0)
                .map(|counts| frequencies(counts, copies)),
        ),
        ("AN", counts.map(|_| copies.to_string())),
        (
            "AS_RAW_BaseQRankSum",
            specific.map(|one| scores(&one.base_qualities)),
        ),
        ("AS_RAW_MQ", specific.map(squares)),
        (
            "AS_RAW_MQRankSum",
            specific.map(|one| scores(&one.mapping_qualities)),
        ),
        (
            "AS_RAW_ReadPosRankSum",
            specific.map(|one| scores(&one.read_positions)),
        ),
        ("AS_SB_TABLE", specific.map(strand_table)),
        ("BaseQRankSum", number(annotations.base_quality_rank_sum, 3)),
        ("DB", annotations.is_known.then(String::new)),
        (
            "DP",
            (annotations.depth > 0).then(|| annotations.depth.to_string()),
        ),
        ("ExcessHet", number(annotations.excess_heterozygosity, 4)),
        ("FS", number(annotations.fisher_strand, 3)),
        ("MLEAC", Some(integers(expected))),
        ("MLEAF", Some(frequencies(expected, copies))),
        ("MQ", number(annotations.mapping_quality, 2)),
        ("MQRankSum", number(annotations.mapping_quality_rank_sum, 3)),
        ("QD", number(annotations.quality_by_depth, 2)),
        (
            "RAW_MQandDP",
            annotations
                .raw_mapping_quality
                .map(|(squares, reads)| format!("{squares},{reads}")),
        ),
        (
            "ReadPosRankSum",
            number(annotations.read_position_rank_sum, 3),
        ),
        ("SOR", number(annotations.strand_odds_ratio, 3)),
    ];
    let present = fields.into_iter().filter_map(|(key, value)| match key {
        "DB" => value.map(|_| key.to_owned()),
        _ => value.map(|value| format!("{key}={value}")),
    });
    present.collect::<Vec<_>>().join(";")
}

/// Writes z-scores as histograms of one value: the lower bound of its bin, and 1.
fn scores(values: &[AlleleRankSum]) -> String {
    const THOUSANDTHS_PER_BIN: i64 = 100;
    let mut text = String::new();
    for value in values {
        text.push('|');
        match value {
            AlleleRankSum::NoReference => {}
            AlleleRankSum::NoAlternate => text.push_str("NaN"),
            AlleleRankSum::Score(score) => {
                // The score is taken with three decimals, as it is printed elsewhere.
                let thousandths = (score * 1000.0).round() as i64;
                let bin = thousandths.div_euclid(THOUSANDTHS_PER_BIN);
                text.push_str(&fixed(bin as f64 / 10.0, 1));
                text.push_str(",1");
            }
        }
    }
    text
}

fn squares(specific: &AlleleSpecific) -> String {
    let values = &specific.squared_mapping_qualities;
    let words: Vec<String> = values.iter().map(|sum| format!("{sum}.00")).collect();
    words.join("|")
}

fn strand_table(specific: &AlleleSpecific) -> String {
    let words: Vec<String> = specific.strands.iter().map(|pair| integers(pair)).collect();
    words.join("|")
}

fn put_sample(sample: &Sample, text: &mut Vec<u8>) {
    let is_called = sample.genotype.is_some();
    let phase = sample.phase.as_ref();
    let fields = [
        ("GT", Some(genotype(sample))),
        ("AD", is_called.then(|| integers(&sample.allele_depths))),
        ("DP", is_called.then(|| sample.depth().to_string())),
        (
            "GQ",
            Some(
                sample
                    .genotype_quality
                    .min(LARGEST_GENOTYPE_QUALITY)
                    .to_string(),
            ),
        ),
        (
            "PGT",
            phase.map(|phase| {
                if phase.is_first {
                    "1|0".into()
                } else {
                    "0|1".into()
                }
            }),
        ),
        ("PID", phase.map(|phase| phase.id.clone())),
        ("PL", Some(integers(&sample.likelihoods))),
        ("PS", phase.map(|phase| (phase.set + 1).to_string())),
        ("SB", sample.strands.map(|strands| integers(&strands))),
    ];
    let present: Vec<(&str, String)> = fields
        .into_iter()
        .filter_map(|(key, value)| value.map(|value| (key, value)))
        .collect();
    let keys: Vec<&str> = present.iter().map(|(key, _)| *key).collect();
    let values: Vec<&str> = present.iter().map(|(_, value)| value.as_str()).collect();
    put(text, &format!("\t{}\t{}", keys.join(":"), values.join(":")));
}

fn genotype(sample: &Sample) -> String {
    let is_phased = sample.phase.is_some();
    let Some(alleles) = &sample.genotype else {
        return if is_phased { ".|." } else { "./." }.into();
    };
    let words: Vec<String> = alleles.iter().map(u8::to_string).collect();
    words.join(if is_phased { "|" } else { "/" })
}

fn integers(values: &[u32]) -> String {
    let words: Vec<String> = values.iter().map(u32::to_string).collect();
    words.join(",")
}

/// Counts among the copies of a sample; without any, whatever was counted is all.
fn frequencies(counts: &[u32], copies: usize) -> String {
    let frequency = |&count: &u32| match (count, copies) {
        (0, 0) => "NaN".into(),
        _ => plain((f64::from(count) / copies as f64).min(1.0)),
    };
    let words: Vec<String> = counts.iter().map(frequency).collect();
    words.join(",")
}

fn put(text: &mut Vec<u8>, words: &str) {
    text.write_all(words.as_bytes())
        .expect("memory takes any text");
}
