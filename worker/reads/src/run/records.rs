//! A partition's records in a run: read index, index in the read, BAM block.

use std::io::Read;
use std::ops::Range;

use genome::order::Place;
use genome::record::RecordView;

use super::RunSource;
use crate::container::{Decoder, Encoder, Error, Frames, put_varint};
use crate::merge::Source;

/// Appends a record to a section.
pub(super) fn put(section: &mut Encoder, read: u32, index: u16, record: &RecordView<'_>) {
    section.item(|out| {
        put_varint(out, u64::from(read));
        put_varint(out, u64::from(index));
        put_varint(out, record.bytes().len() as u64);
        out.extend_from_slice(record.bytes());
    });
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
            frames: Frames::new(input),
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
        let ordinal = self.source.first_ordinal + fields.varint()?;
        let index = fields.varint_as()?;
        let length = fields.varint_as()?;
        let start = frame.len() - fields.remaining();
        let record = RecordView::parse(fields.bytes(length)?)?;
        let place = Place::of(&record, self.source.lane, ordinal, index);
        self.block = start..start + length;
        self.next = self.block.end;
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
