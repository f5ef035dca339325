//! Text files, plain or gzip, read by lines of bounded length.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use crate::inputs::Source;

/// The longest line that a text input may hold.
const LINE_LIMIT_BYTES: u64 = 16 << 20;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A text file that is being read.
pub struct Lines {
    reader: Box<dyn BufRead + Send>,
    number: u64,
}

/// Says in words why bytes could not be read.
pub fn reading(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "compressed file is truncated".to_owned(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            format!("compressed file is corrupt: {error}")
        }
        _ => format!("cannot be read: {error}"),
    }
}

/// Opens a file, decompressing it if it is gzip or BGZF.
pub fn open(source: &Source) -> io::Result<Box<dyn BufRead + Send>> {
    let mut plain = BufReader::with_capacity(1 << 17, source.reader()?);
    let compressed = plain.fill_buf()?.starts_with(&GZIP_MAGIC);
    Ok(if compressed {
        let decoder = MultiGzDecoder::new(plain);
        Box::new(BufReader::with_capacity(1 << 17, decoder))
    } else {
        Box::new(plain)
    })
}

impl Lines {
    /// Opens a file.
    pub fn open(source: impl Into<Source>) -> io::Result<Self> {
        Ok(Self {
            reader: open(&source.into())?,
            number: 0,
        })
    }

    /// Reads the next line without its end; `None` at the end of the file.
    pub fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        Ok(self.next_into(&mut line)?.then_some(line))
    }

    /// Replaces `line` by the next line without its end; false at the end of the file.
    pub fn next_into(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        line.clear();
        let mut bounded = self.reader.by_ref().take(LINE_LIMIT_BYTES);
        let read = bounded.read_until(b'\n', line)?;
        if read == 0 {
            return Ok(false);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        } else if read as u64 == LINE_LIMIT_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "endless line"));
        }
        self.number += 1;
        Ok(true)
    }

    /// Returns the 1-based number of the line that was read last.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Shows the next bytes without taking them.
    pub fn peek(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }
}
