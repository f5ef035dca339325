//! One line a record.

use super::number::{fixed, plain};
use crate::call::{Annotations, Call, Sample};
use crate::gvcf::Block;
use genome::dictionary::Dictionary;
use std::io::Write;

/// What FORMAT says at most of a genotype quality.
const LARGEST_GENOTYPE_QUALITY: u32 = 99;

/// Appends the line of a call.
pub fn write_call(dictionary: &Dictionary, call: &Call, text: &mut Vec<u8>) {
    put(text, &dictionary.contig(call.contig).name);
    put(text, &format!("\t{}\t.\t", call.position + 1));
    for (index, allele) in call.alleles.iter().enumerate() {
        text.extend_from_slice(match index {
            0 => b"",
            1 => b"\t",
            _ => b",",
        });
        text.extend_from_slice(allele);
    }
    let quality = fixed(call.quality, 2);
    put(text, &format!("\t{}\t.\t", quality.trim_end_matches(".00")));
    put(text, &info(&call.annotations));
    put_sample(&call.sample, text);
    text.push(b'\n');
}

/// Appends the line of a block.
pub fn write_block(dictionary: &Dictionary, block: &Block, text: &mut Vec<u8>) {
    let [hom_ref, het, hom_alt] = block.likelihoods;
    let line = format!(
        "{}\t{}\t.\t{}\t<NON_REF>\t.\t.\tEND={}\tGT:DP:GQ:MIN_DP:PL\t0/0:{}:{}:{}:{hom_ref},{het},{hom_alt}\n",
        dictionary.contig(block.contig).name,
        block.start + 1,
        char::from(block.first_base),
        block.end,
        block.median_depth(),
        block.genotype_quality().min(LARGEST_GENOTYPE_QUALITY),
        block.minimum_depth(),
    );
    put(text, &line);
}

/// Returns the INFO column: keys in the order of their letters.
fn info(annotations: &Annotations) -> String {
    let counts = annotations.allele_counts.as_deref();
    let expected = &annotations.expected_counts;
    let number = |value: Option<f64>, decimals| value.map(|value| fixed(value, decimals));
    let fields = [
        ("AC", counts.map(integers)),
        ("AF", counts.map(frequencies)),
        ("AN", counts.map(|_| "2".into())),
        ("BaseQRankSum", number(annotations.base_quality_rank_sum, 3)),
        ("DP", Some(annotations.depth.to_string())),
        (
            "ExcessHet",
            number(Some(annotations.excess_heterozygosity), 4),
        ),
        ("FS", number(annotations.fisher_strand, 3)),
        ("MLEAC", Some(integers(expected))),
        ("MLEAF", Some(frequencies(expected))),
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
    let present = fields
        .into_iter()
        .filter_map(|(key, value)| value.map(|value| format!("{key}={value}")));
    present.collect::<Vec<_>>().join(";")
}

fn put_sample(sample: &Sample, text: &mut Vec<u8>) {
    let format: &[u8] = match sample.strands {
        Some(_) => b"\tGT:AD:DP:GQ:PL:SB\t",
        None => b"\tGT:AD:DP:GQ:PL\t",
    };
    text.extend_from_slice(format);
    match sample.genotype {
        Some([first, second]) => put(text, &format!("{first}/{second}")),
        None => put(text, "./."),
    }
    let values = format!(
        ":{}:{}:{}:{}",
        integers(&sample.allele_depths),
        sample.depth(),
        sample.genotype_quality.min(LARGEST_GENOTYPE_QUALITY),
        integers(&sample.likelihoods)
    );
    put(text, &values);
    if let Some(strands) = &sample.strands {
        put(text, &format!(":{}", integers(strands)));
    }
}

fn integers(values: &[u32]) -> String {
    let words: Vec<String> = values.iter().map(u32::to_string).collect();
    words.join(",")
}

/// Counts among the two alleles of a diploid sample.
fn frequencies(counts: &[u32]) -> String {
    let frequency = |&count: &u32| plain((f64::from(count) / 2.0).min(1.0));
    let words: Vec<String> = counts.iter().map(frequency).collect();
    words.join(",")
}

fn put(text: &mut Vec<u8>, words: &str) {
    text.write_all(words.as_bytes())
        .expect("memory takes any text");
}
