//! Reading the records of a part.

use std::io::{self, Read};

use genome::record::{RecordError, RecordView};

use super::inflate::Inflater;
use super::trail::Trail;

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
    input: Inflater<R>,
    record: u64,
}

/// Bytes of the length before each record.
const LENGTH_BYTES: usize = 4;

impl<R: Read> PartReader<R> {
    /// Reads a part: records from the first byte on.
    pub fn new(input: R) -> Self {
        Self {
            input: Inflater::new(input),
            record: 0,
        }
    }

    /// Reads from a block on whose first `skip` bytes belong to an earlier record.
    ///
    /// # Errors
    /// If the first block cannot be inflated.
    pub fn within(input: R, skip: u16) -> io::Result<Self> {
        let mut reader = Self::new(input);
        let count = reader.input.fill(skip.into())?;
        reader.input.take(count.min(skip.into()));
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
        let size = match self.input.fill(LENGTH_BYTES).map_err(truncated)? {
            0 => return Ok(None),
            1..LENGTH_BYTES => return Err(ReadError::Truncated { record }),
            _ => self.input.take(LENGTH_BYTES),
        };
        let size = self.input.get(size).first_chunk();
        let size = u32::from_le_bytes(*size.expect("four bytes were taken")) as usize;
        if record == 1 {
            self.input.speed_up();
        }
        self.record = record;
        if size > MAX_RECORD_BYTES || self.input.fill(size).map_err(truncated)? < size {
            return Err(ReadError::Truncated { record });
        }
        let block = self.input.take(size);
        let view = RecordView::parse(self.input.get(block));
        view.map(Some)
            .map_err(|source| ReadError::Record { record, source })
    }

    /// Returns the 1-based number of the last record.
    pub const fn record_number(&self) -> u64 {
        self.record
    }

    /// Says whether no byte follows the last record.
    pub(super) fn is_over(&mut self) -> io::Result<bool> {
        self.input.fill(1).map(|count| count == 0)
    }

    /// Returns how the records that were not yet read are deflated.
    pub(super) fn follow(&mut self) -> Trail {
        self.input.follow()
    }

    /// Returns where the bytes come from.
    pub(super) const fn input(&self) -> &R {
        self.input.input()
    }

    /// Returns the next inflated bytes, fewer at the end.
    pub(super) fn take(&mut self, length: u32) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut left = length as usize;
        while left > 0 {
            let here = self.input.fill(1)?.min(left);
            if here == 0 {
                break;
            }
            let taken = self.input.take(here);
            bytes.extend_from_slice(self.input.get(taken));
            left -= here;
        }
        Ok(bytes)
    }
}
