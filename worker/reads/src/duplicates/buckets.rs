//! Duplicates of one partition's keys, bucketed by the partition that holds the record.

use std::io::{Read, Write};

use genome::order::Place;
use genome::partition::Partitions;

use crate::container::{Decoder, Encoder, Error, Footer, Frames, Kind, Writer, put_varint};
use crate::run::partition_of;

/// Writes sorted places as one object with a section for each partition that holds any.
///
/// # Errors
/// [`Error::Io`] if the output fails.
pub fn write_buckets(
    places: &[Place],
    partitions: &Partitions,
    out: &mut impl Write,
) -> Result<Footer, Error> {
    let mut writer = Writer::new(out);
    let partition = |place: &Place| partition_of(place, partitions);
    for bucket in places.chunk_by(|a, b| partition(a) == partition(b)) {
        let mut section = Encoder::default();
        for place in bucket {
            section.item(|bytes| put(bytes, place));
        }
        writer.append(partition(&bucket[0]), Kind::Places, section)?;
    }
    writer.finish(Vec::new())
}

/// Reads one bucket: sorted places.
#[derive(Debug)]
pub struct PlaceReader<R> {
    frames: Frames<R>,
    next: usize,
}

impl<R: Read> PlaceReader<R> {
    /// Reads the section whose bytes `input` gives.
    pub fn new(input: R) -> Self {
        Self {
            frames: Frames::new(input),
            next: 0,
        }
    }

    fn next_place(&mut self) -> Result<Option<Place>, Error> {
        while self.next == self.frames.frame().len() {
            self.next = 0;
            if !self.frames.next_frame()? {
                return Ok(None);
            }
        }
        let frame = self.frames.frame();
        let mut fields = Decoder::new(&frame[self.next..], "place section");
        let place = take(&mut fields)?;
        self.next = frame.len() - fields.remaining();
        Ok(Some(place))
    }
}

impl<R: Read> Iterator for PlaceReader<R> {
    type Item = Result<Place, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_place().transpose()
    }
}

fn put(out: &mut Vec<u8>, place: &Place) {
    put_varint(out, place.contig.into());
    put_varint(out, place.position.into());
    out.push(place.reverse.into());
    put_varint(out, place.lane.into());
    put_varint(out, place.ordinal);
    put_varint(out, place.index.into());
}

fn take(fields: &mut Decoder<'_>) -> Result<Place, Error> {
    Ok(Place {
        contig: fields.varint_as()?,
        position: fields.varint_as()?,
        reverse: fields.u8()? != 0,
        lane: fields.varint_as()?,
        ordinal: fields.varint()?,
        index: fields.varint_as()?,
    })
}
