//! A partition's records in a run: BAM block, read index, index in the read.

use std::io::Read;
use std::ops::Range;

use genome::order::Place;
use genome::record::RecordView;

use super::RunSource;
use crate::container::{Decoder, Encoder, Error, Frames, put_record, take_record};
use crate::merge::Source;

/// Bytes that are kept with a record: index of its read in the batch, its own in the read.
const WITH_BYTES: usize = 6;

/// Appends a record to a section.
pub(super) fn put(section: &mut Encoder, read: u32, index: u16, record: &RecordView<'_>) {
    let mut with = [0; WITH_BYTES];
    with[..4].copy_from_slice(&read.to_le_bytes());
    with[4..].copy_from_slice(&index.to_le_bytes());
    section.item(|out| put_record(out, record.bytes(), &with));
}

/// Reads a section of records, in order, one at a time.
#[derive(Debug)]
pub struct RecordReader<R> {
    frames: Frames<R>,
    source: RunSource,
    next: usize,
    block: Range<usize>,
    place: Option<Place>,
}

impl<R: Read> RecordReader<R> {
    /// Reads the section whose bytes `input` gives, of a run with this source.
    pub fn new(input: R, source: RunSource) -> Self {
        Self {
            frames: Frames::of_records(input),
            source,
            next: 0,
            block: 0..0,
            place: None,
        }
    }

    /// Returns the next record and its place; `None` at the end.
    ///
    /// # Errors
    /// [`Error`] if the section is damaged or not in order.
    pub fn next_record(&mut self) -> Result<Option<(Place, RecordView<'_>)>, Error> {
        let place = self.advance()?;
        Ok(place.map(|place| (place, self.record())))
    }
}

impl<R: Read> Source for RecordReader<R> {
    fn advance(&mut self) -> Result<Option<Place>, Error> {
        while self.next == self.frames.frame().len() {
            self.next = 0;
            if !self.frames.next_frame()? {
                return Ok(None);
            }
        }
        let frame = self.frames.frame();
        let mut fields = Decoder::new(&frame[self.next..], "record section");
        let (block, with) = take_record(&mut fields, WITH_BYTES)?;
        let mut with = Decoder::new(with, "record section");
        let ordinal = self.source.first_ordinal + u64::from(with.u32()?);
        let index = with.u16()?;
        let record = RecordView::parse(block)?;
        let place = Place::of(&record, self.source.lane, ordinal, index);
        self.next = frame.len() - fields.remaining();
        let end = self.next - WITH_BYTES;
        self.block = end - block.len()..end;
        if self.place.is_some_and(|before| before >= place) {
            return Err(Error::Disorder {
                what: "record section",
            });
        }
        self.place = Some(place);
        Ok(self.place)
    }

    fn record(&self) -> RecordView<'_> {
        RecordView::trusted(&self.frames.frame()[self.block.clone()])
    }
}
