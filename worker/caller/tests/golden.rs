//! A stretch of a real genome, against the answers of GATK 4.6.2.0 kept in `data/`.

#[path = "support/parts.rs"]
mod support;

use caller::{EmitMode, ForcedAlleles, ForcedRecord, Options, PcrIndelModel, Scope, Summary};
use genome::base;
use genome::dictionary::{Contig, Dictionary};
use genome::record::OwnedRecord;
use genome::reference::Reference;
use genome::region::{ContigId, Region};
use std::convert::Infallible;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

const CONTIG_BP: u64 = 63_025_520;
const SLICE_START: u64 = 9_990_000;
const ASKED: Region = Region::new(ContigId(0), 10_000_499, 10_002_100);

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

fn dictionary() -> Dictionary {
    Dictionary::new(vec![Contig {
        name: "20".into(),
        length: CONTIG_BP,
    }])
}

/// Packs the slice into a contig of zeros.
fn packed() -> Vec<u8> {
    let text = std::fs::read_to_string(data("20_9990001.fa")).unwrap();
    let letters = text.lines().skip(1).flat_map(str::bytes);
    let mut packed = vec![0; CONTIG_BP.div_ceil(4) as usize];
    for (at, letter) in (SLICE_START..).zip(letters) {
        packed[(at / 4) as usize] |= base::code(letter) << (6 - 2 * (at % 4));
    }
    packed
}

fn records() -> Vec<OwnedRecord> {
    let file = std::fs::File::open(data("hg002_20_10000400.bam")).unwrap();
    let mut bytes = Vec::new();
    noodles::bgzf::io::Reader::new(file)
        .read_to_end(&mut bytes)
        .unwrap();
    let mut rest = &bytes[4..];
    let mut take = |count: usize| {
        let (taken, left) = rest.split_at_checked(count)?;
        rest = left;
        Some(taken)
    };
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap()) as usize;
    let text_length = number(take(4).unwrap());
    take(text_length).unwrap();
    for _ in 0..number(take(4).unwrap()) {
        let name_length = number(take(4).unwrap());
        take(name_length + 4).unwrap();
    }
    let mut records = Vec::new();
    while let Some(size) = take(4) {
        records.push(OwnedRecord::new(take(number(size)).unwrap()).unwrap());
    }
    records
}

fn options(emit: EmitMode) -> Options {
    Options {
        emit,
        gatk_random: true,
        ..Options::default()
    }
}

fn call(options: &Options) -> (String, Summary) {
    call_within(ASKED, options)
}

fn call_within(asked: Region, options: &Options) -> (String, Summary) {
    let (dictionary, packed) = (dictionary(), packed());
    let reference = Reference::new(&dictionary, &packed, &[]);
    let scope = Scope::new(&[asked], &[asked]);
    let (text, summaries) = support::text(&reference, &[scope], &records(), options);
    (text, summaries[0])
}

fn compare(name: &str, text: &str) {
    let expected = std::fs::read_to_string(data(name)).unwrap();
    for (line, expected) in text.lines().zip(expected.lines()) {
        assert_eq!(line, expected);
    }
    assert_eq!(text.len(), expected.len());
}

#[test]
fn variants_are_those_of_gatk() {
    let (text, summary) = call(&options(EmitMode::Variants));
    compare("expected.vcf", &text);
    assert_eq!((summary.variants, summary.indels), (14, 1));
    assert_eq!(summary.transitions + summary.transversions, summary.snvs);
}

#[test]
fn reference_blocks_are_those_of_gatk() {
    let (text, _) = call(&options(EmitMode::ReferenceConfidence));
    compare("expected.g.vcf", &text);
}

/// Reads the alleles to force.
fn forced() -> ForcedAlleles {
    let text = std::fs::read_to_string(data("alleles.vcf")).unwrap();
    let record = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        ForcedRecord {
            contig: ContigId(0),
            start: columns[1].parse::<u64>().unwrap() - 1,
            reference: columns[3].into(),
            alternates: columns[4].split(',').map(|text| text.into()).collect(),
        }
    };
    ForcedAlleles::new(text.lines().map(record).collect())
}

#[test]
fn each_position_is_written_with_allele_specific_annotations() {
    let asked = Region::new(ContigId(0), 10_000_899, 10_001_100);
    let options = Options {
        is_allele_specific: true,
        ..options(EmitMode::EveryPosition)
    };
    compare("expected.bp.vcf", &call_within(asked, &options).0);
}

#[test]
fn forced_alleles_are_written_as_by_gatk() {
    let variants = Options {
        forced: Arc::new(forced()),
        counts_strands: true,
        ..options(EmitMode::Variants)
    };
    compare("expected.alleles.vcf", &call(&variants).0);
    let blocks = Options {
        forced: Arc::new(forced()),
        ..options(EmitMode::ReferenceConfidence)
    };
    compare("expected.alleles.g.vcf", &call(&blocks).0);
}

#[test]
fn three_copies_other_bands_and_few_reads_a_start() {
    let options = Options {
        ploidy: 3,
        quality_bands: vec![10, 30, 60],
        reads_per_start: 2,
        ..options(EmitMode::ReferenceConfidence)
    };
    compare("expected.ploidy3.g.vcf", &call(&options).0);
}

#[test]
fn one_copy_other_graphs_and_better_bases() {
    let options = Options {
        ploidy: 1,
        kmer_sizes: vec![15, 33],
        minimum_base_quality: 20,
        maximum_alternates: 1,
        call_confidence: 10.0,
        pcr_indel_model: PcrIndelModel::None,
        ..options(EmitMode::Variants)
    };
    compare("expected.ploidy1.vcf", &call(&options).0);
}

/// Explains a 1-based position.
fn explained(position: u64) -> String {
    let (dictionary, packed) = (dictionary(), packed());
    let reference = Reference::new(&dictionary, &packed, &[]);
    let place = (ContigId(0), position - 1);
    let reads = records().into_iter().map(Ok::<_, Infallible>);
    let explanation =
        caller::explain::explain(&reference, place, &[ASKED], reads, &Options::default());
    explanation.unwrap().to_string()
}

fn assert_told(position: u64, parts: &[&str]) {
    let text = explained(position);
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

#[test]
fn called_position_is_explained() {
    assert_told(
        10_000_534,
        &[
            "20:10000534 T",
            "coverage: 33 reads",
            "active,",
            "assembly: k = 10 used",
            "haplotype: 10000534 T>C (k = ",
            "allele: C with ",
            "genotypes: PL 469,0,",
            "decision: called: QUAL 461.64, 30.00 is needed",
        ],
    );
}

#[test]
fn position_without_activity_is_explained() {
    assert_told(
        10_000_900,
        &[
            "activity: 0.0000 by the reads",
            "not active",
            "decision: not called: the region is not active",
        ],
    );
}

#[test]
fn reads_that_are_filtered_are_explained() {
    let text = explained(10_001_000);
    assert!(text.contains(" filtered: "), "{text}");
    assert_told(
        1000,
        &["coverage: 0 reads", "no interval holds the position"],
    );
}
