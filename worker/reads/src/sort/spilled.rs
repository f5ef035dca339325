//! A sorted stretch of records on scratch storage.

use std::io::{Read, Write};
use std::ops::Range;

use genome::record::RecordView;

use super::key::{SortKey, SortOrder};
use crate::container::Error;
use crate::scratch::{FrameReader, FrameWriter};

/// Bytes of the length before each record.
const LENGTH_BYTES: usize = 4;

/// Appends a record to a stretch.
pub(super) fn put<W: Write>(
    out: &mut FrameWriter<W>,
    record: &RecordView<'_>,
) -> Result<(), Error> {
    let block = record.bytes();
    out.item(|frame| {
        frame.extend_from_slice(&(block.len() as u32).to_le_bytes());
        frame.extend_from_slice(block);
    })
}

/// Reads a stretch back, one record in view at a time.
pub(super) struct Spilled<R> {
    frames: FrameReader<R>,
    record: Range<usize>,
}

impl<R: Read> Spilled<R> {
    pub(super) const fn new(input: R) -> Self {
        Self {
            frames: FrameReader::new(input),
            record: 0..0,
        }
    }

    /// Moves to the next record and writes its key; false at the end.
    pub(super) fn advance(&mut self, order: SortOrder, key: &mut SortKey) -> Result<bool, Error> {
        if self.record.end == self.frames.frame().len() {
            if !self.frames.next_frame()? {
                return Ok(false);
            }
            self.record = 0..0;
        }
        let rest = &self.frames.frame()[self.record.end..];
        let truncated = || Error::Truncated {
            what: "spilled records",
        };
        let (length, rest) = rest.split_first_chunk().ok_or_else(truncated)?;
        let length = u32::from_le_bytes(*length) as usize;
        let block = rest.get(..length).ok_or_else(truncated)?;
        let start = self.record.end + LENGTH_BYTES;
        order.key_into(&RecordView::trusted(block), key);
        self.record = start..start + length;
        Ok(true)
    }

    /// Returns the present record.
    pub(super) fn record(&self) -> RecordView<'_> {
        RecordView::trusted(&self.frames.frame()[self.record.clone()])
    }
}
