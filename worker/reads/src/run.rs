//! A run: the sorted records of one read batch in one object, by partition, with the duplicate
//! keys of its fragments.
//!
//! Main path: [`write()`] makes the object; [`Header::parse`] and [`Footer::parse`] read its tail;
//! [`RecordReader`], [`KeyReader`] read a partition's sections from their byte ranges.

mod records;
mod write;

pub use crate::container::{Error, Footer, Kind, Section};
pub use crate::duplicates::KeyReader;
pub use records::RecordReader;
pub(crate) use write::partition_of;
pub use write::{RunSummary, write};

use crate::container::{Decoder, put_varint};

/// Where the records of a run come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunSource {
    /// Index of the lane in the request.
    pub lane: u32,
    /// Ordinal in its lane of the batch's first read.
    pub first_ordinal: u64,
    /// Index of the lane's read group in the header.
    pub read_group: u16,
    /// Index of the lane's library among the libraries of the header.
    pub library: u16,
}

/// What a run says of itself: its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Where its records come from.
    pub source: RunSource,
}

impl Header {
    /// Reads the header out of a run's footer.
    ///
    /// # Errors
    /// [`Error`] if the object is not a run.
    pub fn parse(footer: &Footer) -> Result<Self, Error> {
        let mut fields = Decoder::new(&footer.owner, "run header");
        let source = RunSource {
            lane: fields.varint_as()?,
            first_ordinal: fields.varint()?,
            read_group: fields.varint_as()?,
            library: fields.varint_as()?,
        };
        fields.finish()?;
        Ok(Self { source })
    }

    fn encode(&self) -> Vec<u8> {
        let RunSource {
            lane,
            first_ordinal,
            read_group,
            library,
        } = self.source;
        let mut bytes = Vec::new();
        put_varint(&mut bytes, u64::from(lane));
        put_varint(&mut bytes, first_ordinal);
        put_varint(&mut bytes, u64::from(read_group));
        put_varint(&mut bytes, u64::from(library));
        bytes
    }
}
