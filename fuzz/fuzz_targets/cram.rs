//! Any bytes as CRAM on the reference of the seeds: an error or records, never a panic.
#![no_main]

use std::io::Cursor;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use worker::formats::cram::ReferenceFile;
use worker::formats::reads_file::ReadsFile;

fuzz_target!(|bytes: &[u8]| {
    let reference = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/seeds/reference.fa"));
    let stream = Box::new(Cursor::new(bytes.to_vec()));
    let reference = ReferenceFile::new(reference);
    if let Ok(mut file) = ReadsFile::open(stream, "fuzz", Some(&reference)) {
        while let Ok(Some(record)) = file.next_record() {
            let _ = (record.name(), record.end(), record.unclipped_five_prime());
        }
    }
});
