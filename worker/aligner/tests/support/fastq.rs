//! Reads out of FASTQ texts.

use genome::reads::{Read, Reads};

/// Returns the reads of texts in turns: one of each, then the next of each, while all have one.
pub fn interleaved(texts: &[&str]) -> Reads {
    let mut files: Vec<_> = texts.iter().map(|text| text.lines()).collect();
    let mut reads = Reads::default();
    while files.iter().all(|file| file.clone().next().is_some()) {
        for file in &mut files {
            let name = file.next().unwrap();
            let bases = file.next().unwrap();
            let qualities: Vec<u8> = file.nth(1).unwrap().bytes().map(|b| b - 33).collect();
            reads.push(Read {
                name: &name.as_bytes()[1..],
                bases: bases.as_bytes(),
                qualities: &qualities,
            });
        }
    }
    reads
}
