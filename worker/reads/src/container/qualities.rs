//! Columns of bytes with few frequent values, such as qualities: what one frame has of them, by zstd.

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{CParameter, ParamSwitch, compress_bound};

use super::{Decoder, Error, put_varint};

/// Level 1: intermediates are written once and read a few times.
const LEVEL: i32 = 1;

/// Few repeats are looked for, and only long ones: most of what there is to gain is in how often each value
/// occurs. Beside level 1 alone this takes half the time both ways; columns of forty values are a fifth longer,
/// those of four values, whose repeats are long, two fifths.
const SETTINGS: [CParameter; 3] = [
    CParameter::MinMatch(7),
    CParameter::TargetLength(100),
    CParameter::LiteralCompressionMode(ParamSwitch::Enable),
];

/// Names the data in errors.
const WHAT: &str = "packed qualities";

/// Packs columns; its memory is used again.
pub(crate) struct Packer {
    compressor: Compressor<'static>,
    packed: Vec<u8>,
}

impl Default for Packer {
    fn default() -> Self {
        let mut compressor =
            Compressor::new(LEVEL).expect("without a dictionary nothing can be wrong with it");
        for setting in SETTINGS {
            let taken = compressor.set_parameter(setting);
            taken.expect("the settings are within the bounds of the format");
        }
        Self {
            compressor,
            packed: Vec::new(),
        }
    }
}

impl Packer {
    /// Appends the length of the packed column, and the column.
    pub fn pack(&mut self, column: &[u8], out: &mut Vec<u8>) {
        self.packed.clear();
        self.packed.reserve(compress_bound(column.len()));
        let packed = self.compressor.compress_to_buffer(column, &mut self.packed);
        packed.expect("the output is as long as the compressor's own bound");
        put_varint(out, self.packed.len() as u64);
        out.extend_from_slice(&self.packed);
    }
}

/// Unpacks columns; its memory is used again.
pub(crate) struct Unpacker {
    decompressor: Decompressor<'static>,
    column: Vec<u8>,
}

impl Default for Unpacker {
    fn default() -> Self {
        let made = Decompressor::new();
        Self {
            decompressor: made.expect("without a dictionary nothing can be wrong with it"),
            column: Vec::new(),
        }
    }
}

impl Unpacker {
    /// Returns the column of so many bytes that was packed.
    ///
    /// # Errors
    /// [`Error::Truncated`] or [`Error::Range`].
    pub fn unpack(&mut self, fields: &mut Decoder<'_>, bytes: usize) -> Result<&[u8], Error> {
        let length = fields.count()?;
        let packed = fields.bytes(length)?;
        self.column.resize(bytes, 0);
        let found = self
            .decompressor
            .decompress_to_buffer(packed, &mut self.column[..]);
        match found {
            Ok(found) if found == bytes => Ok(&self.column),
            _ => Err(Error::Range { what: WHAT }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packed(column: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Packer::default().pack(column, &mut out);
        out
    }

    proptest! {
        #[test]
        fn columns_come_back(first in prop::collection::vec(0..41u8, 0..300), more in 0..200usize) {
            let (mut packer, mut unpacker) = (Packer::default(), Unpacker::default());
            for column in [first.as_slice(), &vec![7; more], &[]] {
                let mut out = Vec::new();
                packer.pack(column, &mut out);
                let mut fields = Decoder::new(&out, "test");
                prop_assert_eq!(unpacker.unpack(&mut fields, column.len()).unwrap(), column);
                fields.finish().unwrap();
            }
        }

        #[test]
        fn damage_is_no_panic(at in 0..900usize, value in any::<u8>()) {
            let column: Vec<u8> = (0..2000u32).map(|i| (i * i % 41) as u8).collect();
            let mut packed = packed(&column);
            let at = at % packed.len();
            packed[at] = value;
            let mut unpacker = Unpacker::default();
            let _ = unpacker.unpack(&mut Decoder::new(&packed, "test"), column.len());
            let _ = unpacker.unpack(&mut Decoder::new(&packed[..at], "test"), column.len());
        }
    }

    #[test]
    fn another_length_is_refused() {
        let packed = packed(&[3; 50]);
        for bytes in [49, 51] {
            let mut fields = Decoder::new(&packed, "test");
            assert!(Unpacker::default().unpack(&mut fields, bytes).is_err());
        }
    }
}
