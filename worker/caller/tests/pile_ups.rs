//! Random pile-ups, odd ones too: no panic, and lines that are well formed and in order.

#[path = "support/parts.rs"]
mod support;

use caller::{EmitMode, ForcedAlleles, ForcedRecord, Options, Scope};
use genome::cigar::{self, Cigar, CigarKind, CigarOp};
use genome::dictionary::{Contig, Dictionary};
use genome::record::{Flags, NewRecord, OwnedRecord, Records};
use genome::reference::{AmbiguousRun, Reference};
use genome::region::ContigId;
use proptest::prelude::*;
use std::sync::Arc;

const CONTIG_BP: u64 = 900;

/// A read as it is drawn: its place, operations and the rest.
#[derive(Debug, Clone)]
struct Draft {
    start: u32,
    cigar: Cigar,
    flags: u16,
    mapping_quality: u8,
    mate: u32,
    template_length: i32,
    noise: Vec<(usize, u8)>,
    quality: u8,
}

fn operation() -> impl Strategy<Value = CigarOp> {
    let kinds = prop::sample::select(vec![
        CigarKind::Match,
        CigarKind::Match,
        CigarKind::Match,
        CigarKind::Insertion,
        CigarKind::Deletion,
        CigarKind::SoftClip,
    ]);
    (kinds, 1u32..50).prop_map(|(kind, length)| CigarOp::new(kind, length))
}

fn draft() -> impl Strategy<Value = Draft> {
    let letters = prop::sample::select(b"ACGTN".to_vec());
    (
        0u32..800,
        prop::collection::vec(operation(), 1..6),
        prop::sample::select(vec![0u16, 16, 99, 147, 83, 163, 1024, 256, 2048]),
        prop::sample::select(vec![0u8, 19, 20, 60, 60, 60, 255]),
        0u32..900,
        -400i32..400,
        prop::collection::vec((0usize..150, letters), 0..4),
        prop::sample::select(vec![0u8, 2, 10, 30, 30, 40, 93]),
    )
        .prop_map(|drawn| Draft {
            start: drawn.0,
            cigar: drawn.1,
            flags: drawn.2,
            mapping_quality: drawn.3,
            mate: drawn.4,
            template_length: drawn.5,
            noise: drawn.6,
            quality: drawn.7,
        })
}

fn letters(seed: u64) -> Vec<u8> {
    (0..CONTIG_BP.div_ceil(4))
        .map(|at| (at.wrapping_mul(seed | 1).wrapping_mul(0x9E37_79B9) >> 13) as u8)
        .collect()
}

/// Makes the records that fit the contig, sorted.
fn records(drafts: &[Draft], reference: &Reference<'_>) -> Vec<OwnedRecord> {
    let whole = genome::region::Region::new(ContigId(0), 0, CONTIG_BP);
    let contig = reference.letters(whole);
    let mut records = Records::default();
    for (number, draft) in drafts.iter().enumerate() {
        let end = u64::from(draft.start) + cigar::reference_span(draft.cigar.iter().copied());
        let length = cigar::read_span(draft.cigar.iter().copied()) as usize;
        if end > CONTIG_BP || length == 0 {
            continue;
        }
        let from = draft.start as usize;
        let mut bases: Vec<u8> = contig[from..]
            .iter()
            .cycle()
            .take(length)
            .copied()
            .collect();
        for &(at, letter) in &draft.noise {
            bases[at % length] = letter;
        }
        let name = format!("r{}", number / 2);
        records.push(
            0,
            &NewRecord {
                name: name.as_bytes(),
                flags: Flags(draft.flags),
                placed: Some((ContigId(0), draft.start)),
                mapping_quality: draft.mapping_quality,
                cigar: &draft.cigar,
                mate: Some((ContigId(0), draft.mate)),
                template_length: draft.template_length,
                bases: &bases,
                qualities: &vec![draft.quality; length],
            },
        );
    }
    let mut sorted: Vec<OwnedRecord> = records.iter().map(OwnedRecord::from).collect();
    sorted.sort_by_key(|record| record.view().position());
    sorted
}

fn call(drafts: &[Draft], seed: u64, options: &Options) -> String {
    let contig = Contig {
        name: "a".into(),
        length: CONTIG_BP,
    };
    let dictionary = Dictionary::new(vec![contig]);
    let packed = letters(seed);
    let ambiguous = [AmbiguousRun {
        start: 300,
        length: 7,
        letter: b'R',
    }];
    let reference = Reference::new(&dictionary, &packed, &ambiguous);
    let scope = Scope::whole(&dictionary);
    let records = records(drafts, &reference);
    support::text(&reference, &[scope], &records, options).0
}

fn check(text: &str) {
    let mut last = 0;
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        assert_eq!(fields.len(), 10, "{line}");
        let position: u64 = fields[1].parse().unwrap();
        assert!((last..=CONTIG_BP).contains(&position), "{line}");
        last = position;
        assert!(
            fields[3].bytes().all(|letter| b"ACGTN".contains(&letter)),
            "{line}"
        );
        let keys: Vec<&str> = fields[8].split(':').collect();
        let values: Vec<&str> = fields[9].split(':').collect();
        assert_eq!(keys.len(), values.len(), "{line}");
        assert!(!line.contains("inf"), "{line}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn odd_reads_give_well_formed_lines(
        drafts in prop::collection::vec(draft(), 0..60),
        copies in 1usize..5,
        seed: u64,
        ploidy in 1u8..4,
        emit in prop::sample::select(vec![
            EmitMode::Variants,
            EmitMode::ReferenceConfidence,
            EmitMode::EveryPosition,
        ]),
        forced in prop::collection::vec((0u64..890, 1usize..9), 0..3),
    ) {
        let record = |&(start, length): &(u64, usize)| ForcedRecord {
            contig: ContigId(0),
            start,
            reference: b"ACGTACGTA"[..length].to_vec(),
            alternates: vec![b"T".to_vec(), b"<DEL>".to_vec()],
        };
        let options = Options {
            emit,
            ploidy,
            reads_per_start: 5,
            forced: Arc::new(ForcedAlleles::new(forced.iter().map(record).collect())),
            ..Options::default()
        };
        let drafts: Vec<Draft> = drafts.iter().flat_map(|one| vec![one.clone(); copies]).collect();
        check(&call(&drafts, seed, &options));
    }
}
