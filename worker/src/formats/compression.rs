//! Compressed text, told apart by its first bytes.

use std::io::{self, BufRead, BufReader, Read};

/// Opens a stream as text: plain, gzip or BGZF, told apart by the first two bytes.
///
/// # Errors
/// What the stream answers.
pub fn decompressed(stream: Box<dyn Read + Send>) -> io::Result<Box<dyn BufRead + Send>> {
    const BUFFER_BYTES: usize = 256 << 10;
    const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
    let mut stream = BufReader::with_capacity(BUFFER_BYTES, stream);
    if !stream.fill_buf()?.starts_with(&GZIP_MAGIC) {
        return Ok(Box::new(stream));
    }
    let text = flate2::bufread::MultiGzDecoder::new(stream);
    Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, text)))
}
