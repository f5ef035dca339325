//! Files of reads that were cut or changed: an error that names file and record, or records, never
//! a panic.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use worker::formats::cram::ReferenceFile;
use worker::formats::reads_file::ReadsFile;

const SEEDS: [&str; 4] = ["reads.sam", "reads.bam", "reads.3.0.cram", "reads.3.1.cram"];

/// Copies of each file, each changed in its own way.
const COPIES: u64 = 400;

fn seed(name: &str) -> PathBuf {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds");
    seeds.join(name)
}

/// Reads all records; the number of records, or the message.
fn read(bytes: Vec<u8>) -> Result<u64, String> {
    let reference = ReferenceFile::new(&seed("reference.fa"));
    let file = ReadsFile::open(Box::new(Cursor::new(bytes)), "x", Some(&reference));
    let mut file = file.map_err(|fault| fault.to_string())?;
    loop {
        match file.next_record() {
            Ok(Some(record)) => {
                let _ = (record.name(), record.end(), record.unclipped_five_prime());
            }
            Ok(None) => return Ok(file.record_number()),
            Err(fault) => return Err(fault.to_string()),
        }
    }
}

/// Returns the next of a row of numbers: xorshift64, Marsaglia 2003.
fn next(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 16) as usize
}

/// Cuts a file off, flips a bit, or takes some bytes out.
fn mangle(bytes: &mut Vec<u8>, state: &mut u64) {
    let (kind, at) = (next(state) % 3, next(state) % bytes.len());
    match kind {
        0 => bytes.truncate(at),
        1 => bytes[at] ^= 1 << (next(state) % 8),
        _ => {
            let end = (at + 1 + next(state) % 40).min(bytes.len());
            bytes.drain(at..end);
        }
    }
}

#[test]
fn all_formats_hold_the_same_records() {
    let counts: Vec<_> = SEEDS
        .iter()
        .map(|name| read(std::fs::read(seed(name)).unwrap()))
        .collect();
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
    assert!(counts[0].as_ref().is_ok_and(|count| *count > 20));
}

#[test]
fn mangled_files_end_in_errors_or_records() {
    for name in SEEDS {
        let whole = std::fs::read(seed(name)).unwrap();
        let mut refused = 0;
        for copy in 1..=COPIES {
            let mut bytes = whole.clone();
            mangle(&mut bytes, &mut (copy * 0x9E37_79B9));
            if let Err(message) = read(bytes) {
                assert!(message.starts_with("x: "), "{name} {copy}: {message}");
                refused += 1;
            }
        }
        // Checksums find nearly everything but in SAM, which has none.
        let least = if name.ends_with("sam") { 50 } else { 300 };
        assert!(refused > least, "{name}: only {refused} refused");
    }
}
