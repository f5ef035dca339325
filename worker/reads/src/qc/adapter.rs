//! Reads that are adaptor from their first base on.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use genome::record::{Flags, RecordView};

/// Illumina's adaptors, as Picard has them by default; N matches nothing.
const ADAPTERS: [&[u8]; 4] = [
    b"AATGATACGGCGACCACCGAGATCTACACTCTTTCCCTACACGACGCTCTTCCGATCT",
    b"AGATCGGAAGAGCTCGTATGCCGTCTTCTGCTTG",
    b"AGATCGGAAGAGCGGTTCAGCAGGAATGCCGAGACCGATCTCGTATGCCGTCTTCTGCTTG",
    b"AGATCGGAAGAGCACACGTCTGAACTCCAGTCACNNNNNNNNATCTCGTATGCCGTCTTCTGCTTG",
];

/// Bases that are compared.
const WORD_BP: usize = 16;

/// Mismatches that are forgiven.
const MAX_MISMATCHES: usize = 1;

type Word = [u8; WORD_BP];

static WORDS: LazyLock<Vec<Word>> = LazyLock::new(|| {
    let windows = ADAPTERS.iter().flat_map(|adapter| adapter.windows(WORD_BP));
    let usable = windows.filter(|word| {
        let ambiguous = word.iter().filter(|&&base| base == b'N').count();
        ambiguous <= MAX_MISMATCHES
    });
    let mut words: BTreeSet<Word> = BTreeSet::new();
    for word in usable {
        let word: Word = word.try_into().expect("windows have this length");
        let mut reverse = word.map(complement);
        reverse.reverse();
        words.extend([word, reverse]);
    }
    words.into_iter().collect()
});

/// Says whether a read that maps nowhere well starts with a piece of an adaptor.
pub(super) fn is_adapter(record: &RecordView<'_>) -> bool {
    let flags = record.flags();
    let maps_well = !flags.is_unmapped() && record.mapping_quality() != 0;
    if maps_well || record.base_count() < WORD_BP {
        return false;
    }
    let is_turned = !flags.is_unmapped() && flags.has(Flags::REVERSE);
    let mut start: Word = [0; WORD_BP];
    for (at, base) in start.iter_mut().enumerate() {
        *base = match is_turned {
            true => complement(record.base(record.base_count() - 1 - at)),
            false => record.base(at),
        };
    }
    WORDS.iter().any(|word| {
        let differ = word.iter().zip(&start).filter(|(a, b)| a != b).count();
        differ <= MAX_MISMATCHES
    })
}

const fn complement(base: u8) -> u8 {
    match base {
        b'A' => b'T',
        b'C' => b'G',
        b'G' => b'C',
        b'T' => b'A',
        other => other,
    }
}
