//! Objects of sections: each section is packed frame by frame and can be fetched by its byte
//! range; a footer with the offset table and a fixed trailer stand at the end.
//!
//! Layout: sections, footer (owner's bytes, then the table), trailer of [`TRAILER_BYTES`].

mod bases;
mod codec;
pub(crate) mod columns;
mod frames;
mod qualities;
mod records;

pub use codec::{Decoder, put_signed, put_varint};
pub use frames::{Encoder, FramePlace, Frames, put_record, take_record};

use std::io::Write;
use std::ops::Range;

use genome::record::RecordError;

/// Bytes of the trailer: footer length, its CRC-32, version, magic.
pub const TRAILER_BYTES: usize = 20;

const MAGIC: [u8; 8] = *b"SPNDLSEC";
const VERSION: u32 = 2;

/// Why an object could not be written or read back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The stream under it failed.
    #[error("input or output failed")]
    Io(#[from] std::io::Error),
    /// The bytes end too early.
    #[error("{what} is truncated")]
    Truncated {
        /// Which part of the object.
        what: &'static str,
    },
    /// A field holds what it may not hold.
    #[error("{what} holds a value out of range")]
    Range {
        /// Which part of the object.
        what: &'static str,
    },
    /// The checksum or length of a part is not the stored one.
    #[error("{what} is corrupt: its checksum differs")]
    Checksum {
        /// Which part of the object.
        what: &'static str,
    },
    /// The trailer is not that of such an object.
    #[error("object is none of this kind")]
    Magic,
    /// The object was written by another version.
    #[error("object has version {found}, which is not read")]
    Version {
        /// The version in the trailer.
        found: u32,
    },
    /// The given tail of the object does not hold its whole footer.
    #[error("footer needs the last {needed_bytes} bytes of the object")]
    ShortTail {
        /// How many bytes of the end are needed.
        needed_bytes: u64,
    },
    /// A section holds a malformed record.
    #[error("section holds a malformed record")]
    Record(#[from] RecordError),
    /// A section is not in its order.
    #[error("{what} is out of order")]
    Disorder {
        /// Which part of the object.
        what: &'static str,
    },
    /// The owner of the computation asked it to stop.
    #[error("computation was cancelled")]
    Cancelled,
}

/// What a section holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Sorted records, each with its place.
    Records = 0,
    /// Sorted duplicate keys of pairs.
    PairKeys = 1,
    /// Sorted duplicate keys of single ends.
    EndKeys = 2,
    /// Sorted places of duplicates.
    Places = 3,
}

/// One section of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The partition whose data it holds.
    pub partition: u32,
    /// What it holds.
    pub kind: Kind,
    /// Where its bytes lie in the object.
    pub bytes: Range<u64>,
    /// How many items it holds.
    pub items: u64,
}

/// The table of an object's sections.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Footer {
    /// What the owner of the object keeps for itself.
    pub owner: Vec<u8>,
    sections: Vec<Section>,
}

impl Footer {
    /// Reads the footer from the last bytes of an object.
    ///
    /// # Errors
    /// [`Error::ShortTail`] says how many bytes are needed; others mean a damaged object.
    pub fn parse(tail: &[u8]) -> Result<Self, Error> {
        let short = |needed_bytes| Error::ShortTail { needed_bytes };
        let Some((before, trailer)) = tail.split_last_chunk::<TRAILER_BYTES>() else {
            return Err(short(TRAILER_BYTES as u64));
        };
        let mut fields = Decoder::new(trailer, "trailer");
        let (length, checksum, version) = (fields.u32()?, fields.u32()?, fields.u32()?);
        if fields.bytes(MAGIC.len())? != MAGIC {
            return Err(Error::Magic);
        }
        if version != VERSION {
            return Err(Error::Version { found: version });
        }
        let Some(start) = before.len().checked_sub(length as usize) else {
            return Err(short(u64::from(length) + TRAILER_BYTES as u64));
        };
        if libdeflater::crc32(&before[start..]) != checksum {
            return Err(Error::Checksum { what: "footer" });
        }
        Self::decode(&before[start..])
    }

    /// Returns the section of a partition, if it has any item.
    pub fn section(&self, partition: u32, kind: Kind) -> Option<&Section> {
        let key = |section: &Section| (section.partition, section.kind);
        let found = self.sections.binary_search_by_key(&(partition, kind), key);
        found.ok().map(|index| &self.sections[index])
    }

    /// Returns all sections in order of partition and kind.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut fields = Decoder::new(bytes, "footer");
        let owner_bytes = fields.count()?;
        let owner = fields.bytes(owner_bytes)?.to_vec();
        let count = fields.count()?;
        let mut footer = Self {
            owner,
            sections: Vec::new(),
        };
        let mut start = 0u64;
        for _ in 0..count {
            let partition = fields.varint_u32()?;
            let kind = kind_of(fields.u8()?)?;
            let end = start.checked_add(fields.varint()?);
            let end = end.ok_or(Error::Range { what: "footer" })?;
            footer.sections.push(Section {
                partition,
                kind,
                bytes: start..end,
                items: fields.varint()?,
            });
            start = end;
        }
        fields.finish()?;
        let ascending = |pair: &[Section]| {
            (pair[0].partition, pair[0].kind) < (pair[1].partition, pair[1].kind)
        };
        if footer.sections.windows(2).all(ascending) {
            Ok(footer)
        } else {
            Err(Error::Disorder { what: "footer" })
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_varint(&mut bytes, self.owner.len() as u64);
        bytes.extend_from_slice(&self.owner);
        put_varint(&mut bytes, self.sections.len() as u64);
        for section in &self.sections {
            put_varint(&mut bytes, u64::from(section.partition));
            bytes.push(section.kind as u8);
            put_varint(&mut bytes, section.bytes.end - section.bytes.start);
            put_varint(&mut bytes, section.items);
        }
        bytes
    }
}

/// Writes an object section by section.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    footer: Footer,
    offset: u64,
}

impl<W: Write> Writer<W> {
    /// Starts an object.
    pub fn new(out: W) -> Self {
        Self {
            out,
            footer: Footer::default(),
            offset: 0,
        }
    }

    /// Appends a section; they come in order of partition and kind. One without items is left out.
    ///
    /// # Errors
    /// [`Error::Io`] if the output fails.
    pub fn append(&mut self, partition: u32, kind: Kind, section: Encoder) -> Result<(), Error> {
        let items = section.items();
        if items == 0 {
            return Ok(());
        }
        let bytes = section.finish();
        self.out.write_all(&bytes)?;
        let start = self.offset;
        self.offset += bytes.len() as u64;
        self.footer.sections.push(Section {
            partition,
            kind,
            bytes: start..self.offset,
            items,
        });
        Ok(())
    }

    /// Ends the object with its footer and trailer.
    ///
    /// # Errors
    /// [`Error::Io`] if the output fails.
    pub fn finish(mut self, owner: Vec<u8>) -> Result<Footer, Error> {
        self.footer.owner = owner;
        let footer = self.footer.encode();
        self.out.write_all(&footer)?;
        self.out.write_all(&(footer.len() as u32).to_le_bytes())?;
        self.out
            .write_all(&libdeflater::crc32(&footer).to_le_bytes())?;
        self.out.write_all(&VERSION.to_le_bytes())?;
        self.out.write_all(&MAGIC)?;
        Ok(self.footer)
    }
}

fn kind_of(code: u8) -> Result<Kind, Error> {
    let kinds = [Kind::Records, Kind::PairKeys, Kind::EndKeys, Kind::Places];
    let known = kinds.get(usize::from(code)).copied();
    known.ok_or(Error::Range { what: "footer" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        for (partition, kind) in [(0, Kind::Records), (0, Kind::EndKeys), (7, Kind::Places)] {
            let mut section = Encoder::default();
            for item in 0..50_000u32 {
                section.item(|out| out.extend_from_slice(&(item * (partition + 1)).to_le_bytes()));
            }
            writer.append(partition, kind, section).unwrap();
        }
        writer.append(8, Kind::Places, Encoder::default()).unwrap();
        writer.finish(b"owner".to_vec()).unwrap();
        bytes
    }

    #[test]
    fn a_section_is_read_by_its_range_alone() {
        let bytes = object();
        let footer = Footer::parse(&bytes).unwrap();
        assert_eq!(footer.owner, b"owner");
        assert_eq!(footer.section(8, Kind::Places), None);
        let section = footer.section(7, Kind::Places).unwrap();
        let range = section.bytes.start as usize..section.bytes.end as usize;
        let mut frames = Frames::new(&bytes[range]);
        let mut items = Vec::new();
        while frames.next_frame().unwrap() {
            let chunks = frames.frame().chunks(4);
            items.extend(chunks.map(|chunk| u32::from_le_bytes(chunk.try_into().unwrap())));
        }
        assert_eq!(items, (0..50_000).map(|item| item * 8).collect::<Vec<_>>());
    }

    #[test]
    fn a_short_tail_says_what_is_needed() {
        let bytes = object();
        let Err(Error::ShortTail { needed_bytes }) = Footer::parse(&bytes[bytes.len() - 21..])
        else {
            panic!("a short tail was taken");
        };
        let tail = &bytes[bytes.len() - needed_bytes as usize..];
        assert_eq!(Footer::parse(tail).unwrap().sections().len(), 3);
    }

    #[test]
    fn damage_is_found() {
        let whole = object();
        let mut footer = whole.clone();
        let at = footer.len() - TRAILER_BYTES - 1;
        footer[at] ^= 1;
        assert!(matches!(
            Footer::parse(&footer),
            Err(Error::Checksum { .. })
        ));
        let mut section =
            whole[..Footer::parse(&whole).unwrap().sections()[0].bytes.end as usize].to_vec();
        section[100] ^= 16;
        let mut frames = Frames::new(section.as_slice());
        let damaged = std::iter::repeat_with(|| frames.next_frame())
            .take(100)
            .any(|frame| matches!(frame, Err(Error::Checksum { .. })));
        assert!(damaged);
    }
}
