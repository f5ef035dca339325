//! A stretch of a real genome, against the answers of GATK 4.6.2.0 kept in `data/`.

use caller::gvcf::{PartWriter, Stitch};
use caller::{EmitMode, Options, Scope, Summary};
use genome::base;
use genome::dictionary::{Contig, Dictionary};
use genome::monitor::Monitor;
use genome::record::OwnedRecord;
use genome::reference::Reference;
use genome::region::{ContigId, Region};
use std::convert::Infallible;
use std::io::Read;
use std::path::PathBuf;

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

fn call(emit: EmitMode) -> (String, Summary) {
    let (dictionary, packed) = (dictionary(), packed());
    let reference = Reference::new(&dictionary, &packed, &[]);
    let options = Options {
        emit,
        gatk_random: true,
        ..Options::default()
    };
    let scope = Scope::new(&[ASKED], &[ASKED]);
    let mut writer = PartWriter::new(&dictionary);
    let mut body = Vec::new();
    let summary = caller::call(
        &reference,
        &scope,
        records().into_iter().map(Ok::<_, Infallible>),
        &options,
        &Monitor::default(),
        |output| {
            writer.write(output, &mut body);
            Ok(())
        },
    );
    let ends = writer.finish();
    let mut text = Vec::new();
    let mut stitch = Stitch::new(&dictionary);
    stitch.before_body(&ends, &mut text);
    text.extend(body);
    stitch.after_body(ends);
    stitch.finish(&mut text);
    (String::from_utf8(text).unwrap(), summary.unwrap())
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
    let (text, summary) = call(EmitMode::Variants);
    compare("expected.vcf", &text);
    assert_eq!((summary.variants, summary.indels), (14, 1));
    assert_eq!(summary.transitions + summary.transversions, summary.snvs);
}

#[test]
fn reference_blocks_are_those_of_gatk() {
    let (text, _) = call(EmitMode::ReferenceConfidence);
    compare("expected.g.vcf", &text);
}
