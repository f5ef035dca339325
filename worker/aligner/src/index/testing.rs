//! Indexes of small references for unit tests.

use super::{Builder, Index};
use genome::monitor::Monitor;

/// Builds and opens the index of one contig for each text of codes 0–3.
pub(crate) fn index_of(contigs: &[&[u8]]) -> Index {
    let mut builder = Builder::new();
    for (number, codes) in contigs.iter().enumerate() {
        let letters: Vec<u8> = codes.iter().map(|&code| b"ACGT"[code as usize]).collect();
        builder.add_contig(&format!("c{number}"), &letters);
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    builder.finish(&Monitor::default(), &mut file).unwrap();
    Index::open(file.path()).unwrap()
}

/// Returns both strands of a text.
pub(crate) fn both_strands(codes: &[u8]) -> Vec<u8> {
    let reverse = codes.iter().rev().map(|&code| 3 - code);
    codes.iter().copied().chain(reverse).collect()
}

/// Returns where a word begins in a text.
pub(crate) fn occurrences(text: &[u8], word: &[u8]) -> Vec<u64> {
    let starts = 0..=text.len().saturating_sub(word.len());
    let found = starts.filter(|&start| text[start..].starts_with(word));
    found.map(|start| start as u64).collect()
}
