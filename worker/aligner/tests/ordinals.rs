//! Pairs around the ordinal at which bwa's hash of a pair wraps: with three equal contigs, the
//! hash alone decides where each lies.

#[path = "support/fastq.rs"]
mod fastq;

use aligner::index::Builder;
use aligner::{Batch, Index, Options};
use genome::monitor::Monitor;
use genome::reads::Reads;
use genome::record::sam::write_sam;

const REFERENCE: &str = include_str!("data/reference.fa");
const FILES: [&str; 2] = [
    include_str!("data/pairs.R1.fastq"),
    include_str!("data/pairs.R2.fastq"),
];
/// Read, flags, contig and position as bwa gives them.
const EXPECTED: &str = include_str!("data/ordinals.tsv");
const PAIRS: usize = 60;
/// Ordinal of the first read: half of the pairs come before pair 2^23.
const FIRST_ORDINAL: u64 = (1 << 24) - PAIRS as u64;

fn index() -> Index {
    let (_, lines) = REFERENCE.split_once('\n').unwrap();
    let mut builder = Builder::new();
    for name in ["c1", "c2", "c3"] {
        builder.add_contig(name, lines.replace('\n', "").as_bytes());
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    builder.finish(&Monitor::default(), &mut file).unwrap();
    Index::open(file.path()).unwrap()
}

fn reads() -> Reads {
    let all = fastq::interleaved(&FILES);
    let mut reads = Reads::default();
    all.iter().take(2 * PAIRS).for_each(|read| reads.push(read));
    reads
}

fn places(index: &Index, reads: &Reads, first_ordinal: u64) -> String {
    let batch = Batch {
        reads,
        paired: true,
        first_ordinal,
        read_group: None,
    };
    let options = Options::default();
    let records = aligner::align(index, &options, &batch, &Monitor::default()).unwrap();
    let mut places = String::new();
    for record in records.iter() {
        let mut text = Vec::new();
        write_sam(record, index.dictionary(), &mut text);
        let line = String::from_utf8(text).unwrap();
        let columns: Vec<&str> = line.split('\t').take(4).collect();
        places.push_str(&columns.join("\t"));
        places.push('\n');
    }
    places
}

#[test]
fn pairs_around_ordinal_two_to_the_23_lie_where_bwa_puts_them() {
    let (index, reads) = (index(), reads());
    assert_eq!(places(&index, &reads, FIRST_ORDINAL), EXPECTED);
    // The ordinal does matter, beyond 2^31 reads too.
    for first_ordinal in [0, (1 << 31) - PAIRS as u64, 1 << 33] {
        assert_ne!(places(&index, &reads, first_ordinal), EXPECTED);
    }
}
