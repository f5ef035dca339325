//! Real reads against the answers of Picard 3.4.0 and GATK 4.6.2.0; see `data/README.md`.

#[path = "golden/support.rs"]
mod support;

use std::path::{Path, PathBuf};

use genome::partition::Partitions;
use genome::record::{RecordView, Records};
use genome::reference::Reference;
use genome::region::ContigId;
use reads::container::Decoder;
use reads::covariates::{Counter, Counts, ReadGroupKeys, Scope};
use reads::duplicates::DuplicateMetrics;
use reads::recalibration::{ApplyOptions, Outcome, RecalibrationTable, Recalibrator};
use support::Bam;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

fn text(name: &str) -> String {
    let bytes = std::fs::read(data(name)).unwrap();
    let inflated = if name.ends_with(".gz") {
        support::inflate(&bytes).unwrap()
    } else {
        bytes
    };
    String::from_utf8(inflated).unwrap()
}

/// Marks the golden's reads with partitions and batches of this size.
fn marked(partition_bp: u64, reads: u64) -> (Bam, Records, DuplicateMetrics) {
    let bam = Bam::read(&data("mt.bam")).unwrap();
    let (dictionary, ..) = support::reference(&data("mt.fa.gz")).unwrap();
    let partitions = Partitions::new(&dictionary, partition_bp);
    let (records, metrics) = support::marked(&bam, reads, &partitions).unwrap();
    (bam, records, metrics)
}

/// Counts the records that start in each of these partitions, and sums the counts up.
fn counted(bam: &Bam, records: &Records, partition_bp: u64) -> Counts {
    let (dictionary, packed, runs) = support::reference(&data("mt.fa.gz")).unwrap();
    let known_sites = support::known_sites(&data("known.vcf.gz"), &dictionary).unwrap();
    let partitions = Partitions::new(&dictionary, partition_bp);
    let keys = ReadGroupKeys::new(&bam.groups);
    let mut sum = Counts::default();
    for partition in (0..partitions.count()).rev() {
        let mut counter = Counter::new(Scope {
            reference: Reference::new(&dictionary, &packed, &runs),
            known_sites: &known_sites,
            intervals: None,
        });
        let here = |record: &RecordView<'_>| match record.position() {
            Some(position) => partitions.of(ContigId(0), position.into()) == partition,
            None => partition == partitions.unplaced(),
        };
        for record in records.iter().filter(here) {
            counter
                .count(&record, keys.key_of(&record).unwrap())
                .unwrap();
        }
        let mut stored = Vec::new();
        counter.finish().encode(&mut stored);
        sum.merge(&Counts::decode(&mut Decoder::new(&stored, "counts")).unwrap());
    }
    sum
}

fn flags(records: &Records) -> Vec<(Vec<u8>, Option<u32>, u16)> {
    let facts =
        |record: RecordView<'_>| (record.name().to_vec(), record.position(), record.flags().0);
    let mut flags: Vec<_> = records.iter().map(facts).collect();
    flags.sort_unstable();
    flags
}

#[test]
fn duplicates_are_picards_however_the_genome_is_cut() {
    let expected = flags(&Bam::read(&data("mt.recal.bam")).unwrap().records);
    for (partition_bp, reads) in [(20_000, 10_000), (331, 100), (97, 20)] {
        let (bam, records, metrics) = marked(partition_bp, reads);
        assert_eq!(flags(&records), expected);
        assert_eq!(metrics.text(&bam.libraries()), text("mt.metrics.txt"));
    }
}

#[test]
fn merged_records_do_not_depend_on_batches_and_partitions() {
    let (_, whole, _) = marked(20_000, 10_000);
    let (_, cut, _) = marked(100, 50);
    let bytes = |records: &Records| {
        records
            .iter()
            .map(|r| r.bytes().to_vec())
            .collect::<Vec<_>>()
    };
    assert_eq!(bytes(&whole), bytes(&cut));
}

#[test]
fn recalibration_table_is_gatks_however_the_genome_is_cut() {
    let (bam, records, _) = marked(20_000, 10_000);
    let names = ReadGroupKeys::new(&bam.groups).names().to_vec();
    let expected = text("mt.table.gz");
    for partition_bp in [20_000, 97] {
        let counts = counted(&bam, &records, partition_bp);
        assert_eq!(RecalibrationTable::of(&counts, &names).report(), expected);
    }
}

#[test]
fn recalibration_report_is_read_back() {
    let expected = text("mt.table.gz");
    assert_eq!(
        RecalibrationTable::parse(&expected).unwrap().report(),
        expected
    );
    let half = &expected[..expected.len() / 2];
    assert!(RecalibrationTable::parse(half).is_err());
    assert!(RecalibrationTable::parse(&expected.replace("Cycle", "Circle")).is_err());
}

#[test]
fn recalibrated_qualities_are_gatks() {
    let (bam, records, _) = marked(20_000, 10_000);
    let keys = ReadGroupKeys::new(&bam.groups);
    let table = RecalibrationTable::parse(&text("mt.table.gz")).unwrap();
    let recalibrator = Recalibrator::new(&table, keys.names(), &ApplyOptions::default());
    let facts = |record: &RecordView<'_>, qualities: &[u8]| {
        (
            record.name().to_vec(),
            record.flags().0,
            record.position(),
            qualities.to_vec(),
        )
    };
    let mut found = Vec::new();
    let mut qualities = Vec::new();
    for record in records.iter() {
        let outcome = recalibrator.recalibrate(&record, keys.key_of(&record), &mut qualities);
        assert_eq!(outcome, Ok(Outcome::Recalibrated));
        found.push(facts(&record, &qualities));
    }
    let expected = Bam::read(&data("mt.recal.bam")).unwrap().records;
    let mut expected: Vec<_> = expected.iter().map(|r| facts(&r, r.qualities())).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}
