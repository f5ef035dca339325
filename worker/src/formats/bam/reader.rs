//! Reading the records of a part.

use std::io::{self, BufRead, Read};

use genome::record::{RecordError, RecordView};
use noodles_bgzf as bgzf;

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
        self.record = record;
        if size > MAX_RECORD_BYTES {
            return Err(ReadError::Truncated { record });
        }
        self.block.resize(size, 0);
        self.input.read_exact(&mut self.block).map_err(truncated)?;
        let view = RecordView::parse(&self.block);
        view.map(Some)
            .map_err(|source| ReadError::Record { record, source })
    }

    /// Returns the 1-based number of the last record.
    pub const fn record_number(&self) -> u64 {
        self.record
    }

    /// Says whether no byte follows the last record.
    pub(super) fn is_over(&mut self) -> io::Result<bool> {
        self.input.fill_buf().map(<[u8]>::is_empty)
    }

    /// Returns where the bytes come from.
    pub(super) fn input(&self) -> &R {
        self.input.get_ref()
    }

    /// Returns the next inflated bytes, fewer at the end.
    pub(super) fn take(&mut self, length: u32) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut rest = self.input.by_ref().take(length.into());
        rest.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}
