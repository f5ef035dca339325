//! Pairs around the ordinals at which bwa's numbers of reads and pairs wrap: with three equal
//! contigs, the hash of the number alone decides where each lies.

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
const PAIRS: usize = 60;
/// Half of the pairs come before the read of this ordinal; read, flags, contig and position of all
/// as bwa gives them.
const EXPECTED: [(u64, &str); 3] = [
    (1 << 24, include_str!("data/ordinals.tsv")),
    (1 << 31, include_str!("data/ordinals_read_2_31.tsv")),
    (1 << 32, include_str!("data/ordinals_pair_2_31.tsv")),
];

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
fn pairs_around_large_ordinals_lie_where_bwa_puts_them() {
    let (index, reads) = (index(), reads());
    let starting_at = |ordinal| places(&index, &reads, ordinal);
    for (ordinal, expected) in EXPECTED {
        let found = starting_at(ordinal - PAIRS as u64);
        assert_eq!(found, expected, "around read {ordinal}");
        assert_ne!(starting_at(0), expected, "the ordinal matters");
    }
}
