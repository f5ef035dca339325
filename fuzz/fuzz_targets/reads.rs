//! Any bytes as SAM, BAM or CRAM without a reference: an error or records, never a panic.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use worker::formats::reads_file::ReadsFile;

fuzz_target!(|bytes: &[u8]| {
    let stream = Box::new(Cursor::new(bytes.to_vec()));
    if let Ok(mut file) = ReadsFile::open(stream, "fuzz", None) {
        while let Ok(Some(record)) = file.next_record() {
            let _ = (record.name(), record.end(), record.unclipped_five_prime());
        }
    }
});
