//! Reading the records of a part or of a file.

use std::io::{self, Read};

use genome::dictionary::{Contig, Dictionary};
use genome::record::{RecordError, RecordView};
use noodles_bgzf as bgzf;

use super::file_header::FileHeader;
use super::header::MAGIC;

/// No record is longer; it bounds what a damaged length may ask for.
const MAX_RECORD_BYTES: usize = 1 << 28;

/// Why records could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The bytes can't be read or inflated.
    #[error("records cannot be read")]
    Io(#[from] io::Error),
    /// The stream ends within a record.
    #[error("record {record} is truncated")]
    Truncated {
        /// 1-based number of the record.
        record: u64,
    },
    /// A record is malformed.
    #[error("record {record} is malformed")]
    Record {
        /// 1-based number of the record.
        record: u64,
        /// What is wrong with it.
        source: RecordError,
    },
    /// The stream does not begin as BAM.
    #[error("not a BAM file")]
    Magic,
}

/// Reads records one at a time.
pub struct PartReader<R> {
    input: bgzf::io::Reader<R>,
    block: Vec<u8>,
    record: u64,
}

impl<R: Read> PartReader<R> {
    /// Reads a part: records from the first byte on.
    pub fn new(input: R) -> Self {
        Self {
            input: bgzf::io::Reader::new(input),
            block: Vec::new(),
            record: 0,
        }
    }

    /// Reads from a block on whose first `skip` bytes belong to an earlier record.
    ///
    /// # Errors
    /// If the first block cannot be inflated.
    pub fn within(input: R, skip: u16) -> io::Result<Self> {
        let mut reader = Self::new(input);
        io::copy(
            &mut reader.input.by_ref().take(skip.into()),
            &mut io::sink(),
        )?;
        Ok(reader)
    }

    /// Reads a whole file; returns its header as well.
    ///
    /// # Errors
    /// [`ReadError`] if it does not begin as BAM.
    pub fn of_file(input: R) -> Result<(FileHeader, Self), ReadError> {
        let mut reader = Self::new(input);
        let mut magic = [0; 4];
        reader.input.read_exact(&mut magic)?;
        if magic != MAGIC {
            return Err(ReadError::Magic);
        }
        let text_bytes = reader.number()?;
        let text = reader.take(text_bytes)?;
        let text = String::from_utf8_lossy(&text);
        let mut contigs = Vec::new();
        for _ in 0..reader.number()? {
            let name_bytes = reader.number()?;
            let name = reader.take(name_bytes)?;
            let name = String::from_utf8_lossy(name.strip_suffix(b"\0").unwrap_or(&name));
            contigs.push(Contig {
                name: name.into_owned(),
                length: reader.number()? as u64,
            });
        }
        let header = FileHeader {
            text: text.trim_end_matches('\0').to_owned(),
            dictionary: Dictionary::new(contigs),
        };
        Ok((header, reader))
    }

    /// Returns the next record; `None` at the end.
    ///
    /// # Errors
    /// [`ReadError`] names the record.
    pub fn next_record(&mut self) -> Result<Option<RecordView<'_>>, ReadError> {
        let record = self.record + 1;
        let truncated = |error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ReadError::Truncated { record },
            _ => ReadError::Io(error),
        };
        let mut size = [0; 4];
        if self.input.read(&mut size[..1])? == 0 {
            return Ok(None);
        }
        self.input.read_exact(&mut size[1..]).map_err(truncated)?;
        let size = u32::from_le_bytes(size) as usize;
        if size > MAX_RECORD_BYTES {
            return Err(ReadError::Truncated { record });
        }
        self.block.resize(size, 0);
        self.input.read_exact(&mut self.block).map_err(truncated)?;
        self.record = record;
        let view = RecordView::parse(&self.block);
        view.map(Some)
            .map_err(|source| ReadError::Record { record, source })
    }

    fn number(&mut self) -> Result<usize, ReadError> {
        let mut bytes = [0; 4];
        self.input.read_exact(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes) as usize)
    }

    fn take(&mut self, length: usize) -> Result<Vec<u8>, ReadError> {
        let mut bytes = Vec::new();
        let taken = self
            .input
            .by_ref()
            .take(length as u64)
            .read_to_end(&mut bytes)?;
        if taken < length {
            return Err(ReadError::Magic);
        }
        Ok(bytes)
    }
}
