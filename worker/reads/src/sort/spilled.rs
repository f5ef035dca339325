//! A sorted stretch of records on scratch storage.

use std::io::Read;
use std::ops::Range;

use genome::record::RecordView;

use super::key::{SortKey, SortOrder};
use crate::container::{Decoder, Error, Frames, put_varint};

/// Appends a record with its ordinal in the input.
pub(super) fn put(out: &mut Vec<u8>, ordinal: u64, record: &RecordView<'_>) {
    put_varint(out, ordinal);
    put_varint(out, record.bytes().len() as u64);
    out.extend_from_slice(record.bytes());
}

/// Reads a stretch back, one record in view at a time.
pub(super) struct Spilled<R> {
    frames: Frames<R>,
    next: usize,
    block: Range<usize>,
}

impl<R: Read> Spilled<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            frames: Frames::new(input),
            next: 0,
            block: 0..0,
        }
    }

    /// Moves to the next record and returns its key and ordinal; `None` at the end.
    pub(super) fn advance(&mut self, order: SortOrder) -> Result<Option<(SortKey, u64)>, Error> {
        while self.next == self.frames.frame().len() {
            self.next = 0;
            if !self.frames.next_frame()? {
                return Ok(None);
            }
        }
        let frame = self.frames.frame();
        let mut fields = Decoder::new(&frame[self.next..], "spilled records");
        let ordinal = fields.varint()?;
        let length = fields.varint_as()?;
        let start = frame.len() - fields.remaining();
        let record = RecordView::parse(fields.bytes(length)?)?;
        self.block = start..start + length;
        self.next = self.block.end;
        Ok(Some((order.key(&record), ordinal)))
    }

    /// Returns the present record.
    pub(super) fn record(&self) -> RecordView<'_> {
        RecordView::trusted(&self.frames.frame()[self.block.clone()])
    }
}
