//! Read batches: records of one lane, written by one task and read by another.

use std::io::{self, Read, Write};

use genome::phred::ASCII_OFFSET;
use genome::reads::{Read as SequencedRead, Reads};

use super::{Error, FastqReader, Record};

/// Reads a whole read batch, as [`write_record`] wrote it.
///
/// # Errors
/// [`Error`] names file, record and defect.
pub fn read_batch(stream: Box<dyn Read + Send>, file: &str) -> Result<Reads, Error> {
    let mut reader = FastqReader::open(stream, file)?;
    let mut reads = Reads::default();
    let mut record = Record::default();
    while reader.read(&mut record)? {
        reads.push(record.read());
    }
    Ok(reads)
}

/// Writes one read as a FASTQ record.
///
/// # Errors
/// What the writer answers.
pub fn write_record(read: SequencedRead<'_>, out: &mut impl Write) -> io::Result<()> {
    let qualities: Vec<u8> = read
        .qualities
        .iter()
        .map(|quality| quality + ASCII_OFFSET)
        .collect();
    for part in [
        b"@", read.name, b"\n", read.bases, b"\n+\n", &qualities, b"\n",
    ] {
        out.write_all(part)?;
    }
    Ok(())
}
