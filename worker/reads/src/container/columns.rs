//! The columns of a frame: bases in two bits, which items have others, qualities by zstd, everything
//! else by LZ4.
//!
//! Layout: the four lengths, the items with other bases, bases, qualities, the rest.

use super::{Decoder, Error, put_varint, qualities};
use crate::lz4;

/// The columns of a frame that is being made; their memory is used again.
#[derive(Default)]
pub(crate) struct Columns {
    /// What has no column of its own.
    pub rest: Vec<u8>,
    /// Four bases a byte.
    pub bases: Vec<u8>,
    pub qualities: Vec<u8>,
    /// Of each item with other bases: how many come before it since the last one, and what is put there
    /// with it.
    pub unknown: Vec<u8>,
    since_unknown: u64,
    packer: qualities::Packer,
}

impl Columns {
    /// Counts an item whose bases are known.
    pub fn count_known(&mut self) {
        self.since_unknown += 1;
    }

    /// Puts down that the next item has other bases.
    pub fn put_unknown(&mut self) {
        put_varint(&mut self.unknown, self.since_unknown);
        self.since_unknown = 0;
    }

    /// Appends the packed columns, and empties them.
    pub fn pack(&mut self, out: &mut Vec<u8>) {
        for column in [&self.rest, &self.qualities, &self.unknown, &self.bases] {
            put_varint(out, column.len() as u64);
        }
        out.extend_from_slice(&self.unknown);
        out.extend_from_slice(&self.bases);
        self.packer.pack(&self.qualities, out);
        lz4::pack(&self.rest, out);
        self.rest.clear();
        self.bases.clear();
        self.qualities.clear();
        self.unknown.clear();
        self.since_unknown = 0;
    }
}

/// Unpacks columns; its memory is used again.
#[derive(Default)]
pub(crate) struct Unpacker {
    qualities: qualities::Unpacker,
    rest: Vec<u8>,
}

/// The columns of a frame that is being read.
pub(crate) struct Unpacked<'a> {
    pub rest: Decoder<'a>,
    pub bases: Decoder<'a>,
    pub qualities: Decoder<'a>,
    pub unknown: Unknown<'a>,
}

impl Unpacker {
    /// Unpacks the columns that are left of a frame, each of at most so many bytes.
    ///
    /// # Errors
    /// [`Error::Truncated`] or [`Error::Range`].
    pub fn unpack<'a>(
        &'a mut self,
        mut fields: Decoder<'a>,
        most_bytes: usize,
    ) -> Result<Unpacked<'a>, Error> {
        let mut length = || fields.varint_as::<usize>();
        let (rest, qualities, unknown, bases) = (length()?, length()?, length()?, length()?);
        if rest > most_bytes || qualities > most_bytes {
            return Err(fields.range());
        }
        let unknown = fields.of(unknown)?;
        let bases = fields.of(bases)?;
        let qualities = self.qualities.unpack(&mut fields, qualities)?;
        self.rest.resize(rest, 0);
        if !lz4::unpack(fields.left(), &mut self.rest) {
            return Err(fields.range());
        }
        Ok(Unpacked {
            rest: fields.like(&self.rest),
            bases,
            qualities: fields.like(qualities),
            unknown: Unknown {
                fields: unknown,
                left: None,
            },
        })
    }
}

/// Tells which items have other bases.
pub(crate) struct Unknown<'a> {
    /// What was put there with such an item follows it.
    pub fields: Decoder<'a>,
    /// How many items come before the next such one, once that was read.
    left: Option<u64>,
}

impl Unknown<'_> {
    /// Says whether the next item is one of them.
    pub fn next(&mut self) -> Result<bool, Error> {
        let left = match self.left {
            Some(left) => left,
            None if self.fields.is_empty() => return Ok(false),
            None => self.fields.varint()?,
        };
        self.left = left.checked_sub(1);
        Ok(left == 0)
    }
}
