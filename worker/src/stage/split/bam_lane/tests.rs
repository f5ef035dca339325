use std::io::Cursor;

use common::failure::FailureClass;
use genome::cigar::{CigarKind, CigarOp};
use genome::dictionary::{Contig, Dictionary};
use genome::record::{Flags, NewRecord, Records};
use genome::region::ContigId;
use proptest::prelude::*;

use super::*;
use crate::formats::bam::{END_OF_FILE, compressed, header};
use crate::formats::fastq::{FastqReader, Record};

const PAIRED: u16 = Flags::PAIRED;
const FIRST: u16 = Flags::PAIRED | Flags::FIRST;
const SECOND: u16 = Flags::PAIRED | Flags::SECOND;
const PLENTY: u64 = 1 << 30;

/// Name, flags, bases as in the file; qualities follow from the bases.
type Line<'a> = (&'a str, u16, &'a str);

fn text_of(lines: &[Line<'_>]) -> Vec<u8> {
    let contig = Contig {
        name: "c".into(),
        length: 1000,
    };
    let mut text = header(&Dictionary::new(vec![contig]), &[]);
    let mut records = Records::default();
    for &(name, flags, bases) in lines {
        let qualities: Vec<u8> = (0..bases.len() as u8).map(|at| at % 40).collect();
        let record = NewRecord {
            name: name.as_bytes(),
            flags: Flags(flags),
            placed: Some((ContigId(0), 7)),
            mapping_quality: 60,
            cigar: &[CigarOp::new(CigarKind::Match, bases.len() as u32)],
            mate: None,
            template_length: 0,
            bases: bases.as_bytes(),
            qualities: &qualities,
        };
        records.push(0, &record);
    }
    for record in records.iter() {
        text.extend((record.bytes().len() as u32).to_le_bytes());
        text.extend_from_slice(record.bytes());
    }
    text
}

fn bam(lines: &[Line<'_>]) -> Vec<u8> {
    [compressed(&text_of(lines)), END_OF_FILE.to_vec()].concat()
}

fn open(bytes: &[u8], memory_bytes: u64) -> Result<BamLane, Failure> {
    let stream = Box::new(Cursor::new(bytes.to_vec()));
    BamLane::new(stream, "x.bam", &std::env::temp_dir(), memory_bytes)
}

/// Reads a lane behind `skipped` reads: what it gives, and what the file was.
fn read(
    bytes: &[u8],
    memory_bytes: u64,
    skipped: u64,
) -> Result<(Vec<Record>, FileDigest), Failure> {
    let mut lane = open(bytes, memory_bytes)?;
    lane.skip(skipped)?;
    let (mut reads, mut template) = (Vec::new(), Template::default());
    while lane.next(&mut template)? {
        reads.extend_from_slice(template.records());
    }
    lane.finish().map(|digest| (reads, digest))
}

fn names_and_bases(bytes: &[u8], memory_bytes: u64) -> Vec<(String, String)> {
    let (reads, _) = read(bytes, memory_bytes, 0).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    reads
        .into_iter()
        .map(|read| (text(read.name), text(read.bases)))
        .collect()
}

#[test]
fn pairs_come_where_their_second_end_is_met() {
    let bytes = bam(&[
        ("a/1", FIRST, "AAC"),
        ("b", SECOND, "CCA"),
        ("a", FIRST | Flags::SUPPLEMENTARY, "A"),
        ("c", PAIRED, "GGA"),
        ("b", FIRST | Flags::REVERSE, "TTA"),
        ("c", PAIRED, "GGT"),
        ("a/2", SECOND | Flags::REVERSE, "ATT"),
        ("lost", FIRST, "ACG"),
        ("b", SECOND | Flags::SECONDARY, "C"),
    ]);
    let expected = ["b TAA", "b CCA", "c GGA", "c GGT", "a AAC", "a AAT"];
    for memory_bytes in [0, PLENTY] {
        let found = names_and_bases(&bytes, memory_bytes);
        let found: Vec<String> = found.iter().map(|(n, b)| format!("{n} {b}")).collect();
        assert_eq!(found, expected);
        let (_, digest) = read(&bytes, memory_bytes, 0).unwrap();
        assert_eq!(digest.reads_without_mate, Some(1));
        assert_eq!(digest.size_bytes, bytes.len() as u64);
        let sha256 = common::ids::Sha256::of(&bytes).to_string();
        assert_eq!(digest.sha256, sha256);
    }
}

#[test]
fn single_reads_come_in_the_order_of_the_file() {
    let bytes = bam(&[
        ("a", 0, "AAC"),
        ("a", Flags::SECONDARY, "A"),
        ("b", Flags::REVERSE, "CCA"),
        ("a", 0, "T"),
    ]);
    let found = names_and_bases(&bytes, PLENTY);
    let bases: Vec<&str> = found.iter().map(|(_, bases)| bases.as_str()).collect();
    assert_eq!(bases, ["AAC", "TGG", "T"]);
    assert_eq!(read(&bytes, 0, 0).unwrap().1.reads_without_mate, None);
}

#[test]
fn reads_that_do_not_fit_the_lane_are_named() {
    type Case<'a> = (&'a [Line<'a>], &'a str);
    let table: [Case<'_>; 7] = [
        (&[], "x.bam: file has no primary record"),
        (
            &[
                ("a", Flags::SECONDARY, "A"),
                ("a", FIRST, "A"),
                ("b", 0, "A"),
            ],
            "x.bam: record 3: unpaired read in a file that begins with paired ones",
        ),
        (
            &[("a", 0, "A"), ("b", FIRST, "A")],
            "x.bam: record 2: paired read in a file that begins with unpaired ones",
        ),
        (
            &[("a", FIRST, "A"), ("b", FIRST, "A"), ("a/1", FIRST, "A")],
            "x.bam: record 3: read a is the same end of its pair as record 1",
        ),
        (
            &[
                ("a", FIRST, "A"),
                ("a", SECOND, "A"),
                ("b", SECOND, "A"),
                ("a", FIRST, "A"),
            ],
            "x.bam: record 4: more than two primary records have the name of this read",
        ),
        (
            &[("a", FIRST, "A"), ("b", SECOND, "A")],
            "x.bam: no read of a pair has its mate in the file",
        ),
        (
            &[("a", FIRST, "A"), ("a", SECOND, "")],
            "x.bam: record 2: read a has no bases",
        ),
    ];
    for (lines, message) in table {
        for memory_bytes in [0, PLENTY] {
            let failure = read(&bam(lines), memory_bytes, 0).unwrap_err();
            assert_eq!(failure.class, FailureClass::InputInvalid);
            assert_eq!(failure.to_string(), message);
        }
    }
}

#[test]
fn damaged_files_are_named_with_the_record() {
    let lines = [
        ("a", FIRST, "ACGT"),
        ("b", FIRST, "ACGT"),
        ("a", SECOND, "ACGT"),
    ];
    let text = text_of(&lines);
    let whole = bam(&lines);
    let closed = |text: &[u8]| [compressed(text), END_OF_FILE.to_vec()].concat();
    let first_record = text.len() - (text.len() - text_of(&[]).len()) / 3 * 3;
    let mut malformed = text.clone();
    malformed[first_record + 4 + 8] = 0;
    // Records in blocks of their own: the second block is damaged.
    let second = compressed(&text[first_record..]);
    let mut corrupt = [compressed(&text[..first_record]), second.clone()].concat();
    let at = corrupt.len() - 5;
    corrupt[at] ^= 1;
    corrupt.extend_from_slice(&END_OF_FILE);
    let no_end = "file is truncated: it does not end with the block that ends each BAM";
    let table: [(Vec<u8>, String); 7] = [
        (
            b"@a\nACGT\n+\nIIII\n".to_vec(),
            "x.bam: not a BAM file".into(),
        ),
        (closed(b"@HD\tVN:1.6\n"), "x.bam: not a BAM file".into()),
        (
            closed(&text[..first_record - 2]),
            "x.bam: file is truncated".into(),
        ),
        (
            closed(&text[..text.len() - 3]),
            "x.bam: record 3: file is truncated".into(),
        ),
        (
            whole[..whole.len() - 28].to_vec(),
            format!("x.bam: record 3: {no_end}"),
        ),
        (
            corrupt,
            "x.bam: record 1: a compressed block is corrupt".into(),
        ),
        (
            closed(&malformed),
            "x.bam: record 1: record has a malformed name".into(),
        ),
    ];
    for (bytes, message) in table {
        let failure = read(&bytes, PLENTY, 0).unwrap_err();
        assert_eq!(failure.class, FailureClass::InputInvalid, "{message}");
        assert_eq!(failure.to_string(), message);
    }
}

#[test]
fn fastq_reads_survive_a_way_through_bam() {
    let open = |text: &'static [u8]| FastqReader::open(Box::new(text), "x.fq").unwrap();
    let mut ends = [
        open(include_bytes!(
            "../../../../aligner/tests/data/pairs.R1.fastq"
        )),
        open(include_bytes!(
            "../../../../aligner/tests/data/pairs.R2.fastq"
        )),
    ];
    let (mut lines, mut reads) = (Vec::new(), Vec::new());
    let mut record = Record::default();
    while ends[0].read(&mut record).unwrap() {
        for (flags, end) in [FIRST, SECOND].into_iter().zip(&mut ends) {
            if flags == SECOND {
                assert!(end.read(&mut record).unwrap());
            }
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let letters = record.bases.to_ascii_uppercase();
            lines.push((text(&record.name), flags, text(&letters)));
            reads.push((text(&record.name), text(&letters)));
        }
    }
    assert!(reads.len() > 100);
    let lines: Vec<Line<'_>> = lines.iter().map(|(n, f, b)| (&**n, *f, &**b)).collect();
    assert_eq!(names_and_bases(&bam(&lines), 1000), reads);
}

/// Templates as (number of reads 1 or 2, whether the second end comes first), and a shuffle.
fn templates() -> impl Strategy<Value = Vec<(usize, u16, u64)>> {
    let template = (
        0..60usize,
        prop_oneof![Just(FIRST), Just(SECOND)],
        any::<u64>(),
    );
    prop::collection::vec(template, 1..80)
}

proptest! {
    #[test]
    fn order_depends_neither_on_memory_nor_on_where_a_retry_goes_on(
        met in templates(),
        memory_bytes in prop_oneof![Just(0u64), 0..20_000u64],
        part in 0.0..1.0f64,
    ) {
        let mut seen = std::collections::BTreeMap::<usize, Vec<(usize, u16)>>::new();
        let (mut lines, mut expected) = (Vec::new(), Vec::new());
        for (name, flags, noise) in met {
            let reads = seen.entry(name).or_default();
            if reads.len() == 2 || reads.iter().any(|&(_, known)| known == flags) {
                continue;
            }
            let at = lines.len();
            reads.push((at, flags));
            let bases: String = (0..1 + noise % 50).map(|i| "ACGT".as_bytes()[(noise >> i & 3) as usize] as char).collect();
            lines.push((format!("read{name}"), flags, bases));
            if let [a, b] = reads[..] {
                expected.extend(if a.1 == FIRST { [a.0, b.0] } else { [b.0, a.0] });
            }
        }
        prop_assume!(!expected.is_empty());
        let borrowed: Vec<Line<'_>> = lines.iter().map(|(n, f, b)| (&**n, *f, &**b)).collect();
        let bytes = bam(&borrowed);
        let expected: Vec<(String, String)> = expected
            .into_iter()
            .map(|at| (lines[at].0.clone(), lines[at].2.clone()))
            .collect();
        prop_assert_eq!(&names_and_bases(&bytes, memory_bytes), &expected);
        let (all, digest) = read(&bytes, memory_bytes, 0).unwrap();
        let alone = lines.len() - all.len();
        prop_assert_eq!(digest.reads_without_mate, Some(alone as u64));
        let skipped = (part * (all.len() / 2) as f64) as u64 * 2;
        let (rest, again) = read(&bytes, PLENTY, skipped).unwrap();
        prop_assert_eq!(&rest[..], &all[skipped as usize..]);
        prop_assert_eq!(again, digest);
    }
}
