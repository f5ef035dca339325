//! Whole batches: equal to bwa line by line, whatever the threads, and safe on odd reads.

#[path = "support/fastq.rs"]
mod fastq;

use aligner::index::Builder;
use aligner::{Batch, Error, Index, Options};
use genome::monitor::Monitor;
use genome::reads::{Read, Reads};
use genome::record::Records;
use genome::record::sam::write_sam;
use std::path::{Path, PathBuf};

fn data(name: &str) -> String {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "data", name]
        .iter()
        .collect();
    std::fs::read_to_string(path).unwrap()
}

fn index() -> Index {
    let fasta = data("reference.fa");
    let (title, lines) = fasta.split_once('\n').unwrap();
    let mut builder = Builder::new();
    builder.add_contig(&title[1..], lines.replace('\n', "").as_bytes());
    let mut file = tempfile::NamedTempFile::new().unwrap();
    builder.finish(&Monitor::default(), &mut file).unwrap();
    Index::open(file.path()).unwrap()
}

fn reads(names: &[&str]) -> Reads {
    let texts: Vec<String> = names.iter().map(|name| data(name)).collect();
    fastq::interleaved(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

fn align(index: &Index, options: &Options, reads: &Reads, paired: bool) -> Result<Records, Error> {
    let batch = Batch {
        reads,
        paired,
        first_ordinal: 0,
        read_group: None,
    };
    aligner::align(index, options, &batch, &Monitor::default())
}

fn sam(index: &Index, records: &Records) -> String {
    let mut text = Vec::new();
    for record in records.iter() {
        write_sam(record, index.dictionary(), &mut text);
    }
    String::from_utf8(text).unwrap()
}

fn assert_same_lines(found: &str, expected: &str) {
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
}

#[test]
fn pairs_are_aligned_as_bwa_aligns_them() {
    let (index, reads) = (index(), reads(&["pairs.R1.fastq", "pairs.R2.fastq"]));
    let options = Options {
        soft_clip_supplementary: true,
        ..Options::default()
    };
    let found = sam(&index, &align(&index, &options, &reads, true).unwrap());
    let expected = data("pairs.sam");
    assert_same_lines(&found, &expected);
    assert_eq!(found.lines().count(), expected.lines().count());
}

#[test]
fn single_reads_are_aligned_as_bwa_aligns_them() {
    let (index, reads) = (index(), reads(&["pairs.R1.fastq"]));
    let options = Options {
        report_all: true,
        ..Options::default()
    };
    let found = sam(&index, &align(&index, &options, &reads, false).unwrap());
    assert!(found.lines().count() >= 180);
    assert_same_lines(&found, &data("single.sam"));
}

#[test]
fn threads_do_not_change_the_records() {
    let (index, few) = (index(), reads(&["pairs.R1.fastq", "pairs.R2.fastq"]));
    let mut many = Reads::default();
    for _ in 0..8 {
        few.iter().for_each(|read| many.push(read));
    }
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            sam(
                &index,
                &align(&index, &Options::default(), &many, true).unwrap(),
            )
        })
    };
    let alone = run(1);
    assert!(alone.lines().count() >= many.len());
    assert!(alone == run(4));
}

#[test]
fn odd_reads_are_reported_and_harm_nothing() {
    let index = index();
    let reference = data("reference.fa")
        .lines()
        .skip(1)
        .collect::<String>()
        .into_bytes();
    let odd: [&[u8]; 8] = [
        b"",
        b"A",
        b"ACGTACGT",
        &[b'N'; 300],
        &reference[..10_000],
        b"-*.acgtRYKM",
        &[b'A'; 10_000],
        &[
            &reference[..60],
            [b'N'; 50].as_slice(),
            &reference[2000..2060],
        ]
        .concat(),
    ];
    let mut odd_reads = Reads::default();
    for (number, bases) in odd.iter().chain(odd.iter().rev()).enumerate() {
        odd_reads.push(Read {
            name: format!("r{}", number / 2).as_bytes(),
            bases,
            qualities: &vec![30; bases.len()],
        });
    }
    for paired in [false, true] {
        let records = align(&index, &Options::default(), &odd_reads, paired).unwrap();
        let mapped: Vec<bool> = records
            .iter()
            .filter(|r| r.flags().is_primary())
            .map(|r| !r.flags().is_unmapped())
            .collect();
        assert_eq!(mapped.len(), odd_reads.len());
        assert!(mapped[4] && mapped[7] && !mapped[0] && !mapped[3]);
    }
}

#[test]
fn batches_that_make_no_sense_are_refused() {
    let index = index();
    let read = |name: &'static [u8]| Read {
        name,
        bases: b"ACGT",
        qualities: &[],
    };
    let align_named = |names: &[&'static [u8]]| {
        let mut reads = Reads::default();
        names.iter().for_each(|&name| reads.push(read(name)));
        align(&index, &Options::default(), &reads, true).map(|records| records.len())
    };
    assert_eq!(align_named(&[b"a", b"a"]), Ok(2));
    assert_eq!(align_named(&[b"a"]), Err(Error::OddBatch { reads: 1 }));
    let expected = Error::MateNames {
        number: 4,
        first: "b".into(),
        second: "c".into(),
    };
    assert_eq!(align_named(&[b"a", b"a", b"b", b"c"]), Err(expected));
    let nameless = Error::NameLength {
        number: 1,
        bytes: 0,
    };
    assert_eq!(align_named(&[b"", b""]), Err(nameless));
}

#[test]
fn a_read_whose_scores_would_not_fit_is_refused_by_name() {
    let options = Options {
        gap_extend_deletion: 10_000,
        ..Options::default()
    };
    let mut reads = Reads::default();
    for (name, length) in [("short", 53_687), ("long", 53_688)] {
        reads.push(Read {
            name: name.as_bytes(),
            bases: &vec![b'N'; length],
            qualities: &[],
        });
    }
    let refused = align(&index(), &options, &reads, false).map(|records| records.len());
    let expected = Error::ReadTooLong {
        number: 2,
        name: "long".into(),
        bases: 53_688,
        limit: 53_687,
    };
    assert_eq!(refused, Err(expected));
}

#[test]
fn a_cancelled_batch_stops() {
    let index = index();
    let monitor = Monitor::default();
    monitor.cancel();
    let reads = reads(&["pairs.R1.fastq"]);
    let batch = Batch {
        reads: &reads,
        paired: false,
        first_ordinal: 0,
        read_group: Some("x"),
    };
    let stopped = aligner::align(&index, &Options::default(), &batch, &monitor);
    assert_eq!(stopped.map(|records| records.len()), Err(Error::Cancelled));
}

#[test]
fn what_is_no_index_is_refused() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/reference.fa");
    let refused = Index::open(&path).map(|_| ());
    assert!(matches!(
        refused,
        Err(aligner::index::Error::NotAnIndex { .. })
    ));
}
