//! Reads that are adaptor from their first base on.

use std::collections::{BTreeMap, BTreeSet};
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

/// The words that begin or end with the same eight bases: of two words with one mismatch, one half
/// is the same.
type Halves = BTreeMap<u64, Vec<Word>>;

static WORDS: LazyLock<[Halves; 2]> = LazyLock::new(|| {
    let mut halves = [Halves::new(), Halves::new()];
    for word in words() {
        for (half, key) in halves.iter_mut().zip(keys(&word)) {
            half.entry(key).or_default().push(word);
        }
    }
    halves
});

/// Returns both halves of a word as numbers.
fn keys(word: &Word) -> [u64; 2] {
    let bits = u128::from_be_bytes(*word);
    [(bits >> 64) as u64, bits as u64]
}

fn words() -> BTreeSet<Word> {
    let windows = ADAPTERS.iter().flat_map(|adapter| adapter.windows(WORD_BP));
    let usable = windows.filter(|word| {
        let ambiguous = word.iter().filter(|&&base| base == b'N').count();
        ambiguous <= MAX_MISMATCHES
    });
    let mut words = BTreeSet::new();
    for word in usable {
        let word: Word = word.try_into().expect("windows have this length");
        let mut reverse = word.map(complement);
        reverse.reverse();
        words.extend([word, reverse]);
    }
    words
}

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
    is_near(&start)
}

/// Says whether a word is that of an adaptor but for one base.
fn is_near(start: &Word) -> bool {
    let is_near = |word: &Word| {
        let differ = word.iter().zip(start).filter(|(a, b)| a != b).count();
        differ <= MAX_MISMATCHES
    };
    let mut halves = WORDS.iter().zip(keys(start));
    halves.any(|(words, key)| {
        words
            .get(&key)
            .is_some_and(|words| words.iter().any(is_near))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_one_mismatch_anywhere_are_found() {
        let words = words();
        for word in &words {
            for at in 0..WORD_BP {
                let mut other = *word;
                other[at] = if word[at] == b'A' { b'C' } else { b'A' };
                assert!(is_near(&other));
            }
        }
        let far = |word: &&Word| !is_near(&word.map(|base| if base == b'A' { b'C' } else { base }));
        assert!(words.iter().find(far).is_some());
    }
}
