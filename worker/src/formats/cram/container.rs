//! Containers and blocks as bytes. CRAM v3.1 (2024-09-04), §7 and §8.

use std::io;

use libdeflater::{CompressionLvl, Compressor};

/// Level of deflation.
const LEVEL: i32 = 6;

/// Smaller blocks are stored as they are.
const MIN_DEFLATED_BYTES: usize = 64;

/// Kinds of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Content {
    CompressionHeader = 1,
    SliceHeader = 2,
    External = 4,
    Core = 5,
}

/// Makes gzip blocks.
pub(super) struct Deflater {
    compressor: Compressor,
}

impl Default for Deflater {
    fn default() -> Self {
        let level = CompressionLvl::new(LEVEL).expect("6 is a level");
        Self {
            compressor: Compressor::new(level),
        }
    }
}

impl Deflater {
    /// Appends a block, deflated if that is smaller.
    pub(super) fn put(
        &mut self,
        (kind, id): (Content, i32),
        raw: &[u8],
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        const RAW: u8 = 0;
        const GZIP: u8 = 1;
        let mut deflated = Vec::new();
        if kind == Content::External && raw.len() >= MIN_DEFLATED_BYTES {
            deflated.resize(self.compressor.gzip_compress_bound(raw.len()), 0);
            let compressed = self.compressor.gzip_compress(raw, &mut deflated);
            let length = compressed.map_err(|error| io::Error::other(error.to_string()))?;
            deflated.truncate(length);
        }
        let (method, bytes) = match deflated.is_empty() || deflated.len() >= raw.len() {
            true => (RAW, raw),
            false => (GZIP, deflated.as_slice()),
        };
        let start = out.len();
        out.extend_from_slice(&[method, kind as u8]);
        put_itf8(out, id);
        put_itf8(out, size(bytes.len())?);
        put_itf8(out, size(raw.len())?);
        out.extend_from_slice(bytes);
        put_checksum(out, start);
        Ok(())
    }
}

/// Says a size as the format has it.
pub(super) fn size(bytes: usize) -> io::Result<i32> {
    i32::try_from(bytes).map_err(|_| super::writer::invalid("a slice is too large".into()))
}

/// Appends the checksum of what was written since `start`.
pub(super) fn put_checksum(out: &mut Vec<u8>, start: usize) {
    let sum = libdeflater::crc32(&out[start..]);
    out.extend_from_slice(&sum.to_le_bytes());
}

/// Appends a number of 32 bits: as many leading ones as bytes follow the first.
pub(super) fn put_itf8(out: &mut Vec<u8>, number: i32) {
    let n = number.cast_unsigned();
    let b = n.to_be_bytes();
    match n {
        0..0x80 => out.push(b[3]),
        0x80..0x4000 => out.extend_from_slice(&[0x80 | b[2], b[3]]),
        0x4000..0x20_0000 => out.extend_from_slice(&[0xC0 | b[1], b[2], b[3]]),
        0x20_0000..0x1000_0000 => out.extend_from_slice(&[0xE0 | b[0], b[1], b[2], b[3]]),
        _ => out.extend_from_slice(&[
            0xF0 | (n >> 28) as u8,
            (n >> 20) as u8,
            (n >> 12) as u8,
            (n >> 4) as u8,
            (n & 15) as u8,
        ]),
    }
}

/// Appends a number of 64 bits, in the same manner.
pub(super) fn put_ltf8(out: &mut Vec<u8>, number: u64) {
    let bits = 64 - number.leading_zeros();
    // With k bytes behind the first, 7 × (k + 1) bits have room, and 64 with eight.
    let behind = (bits.max(1).div_ceil(7) - 1).min(8) as usize;
    let bytes = number.to_be_bytes();
    let ones = !(0xFFu16 >> behind) as u8;
    let first = match behind {
        0..7 => bytes[7 - behind],
        _ => 0,
    };
    out.push(ones | first);
    out.extend_from_slice(&bytes[8 - behind..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_as_many_bytes_as_they_need() {
        let itf8 = |number| {
            let mut out = Vec::new();
            put_itf8(&mut out, number);
            out
        };
        assert_eq!(itf8(0x7F), [0x7F]);
        assert_eq!(itf8(0x80), [0x80, 0x80]);
        assert_eq!(itf8(4_542_278), [0xE0, 0x45, 0x4F, 0x46]);
        assert_eq!(itf8(-1), [0xFF, 0xFF, 0xFF, 0xFF, 0x0F]);
        let ltf8 = |number| {
            let mut out = Vec::new();
            put_ltf8(&mut out, number);
            out
        };
        assert_eq!(ltf8(0x7F), [0x7F]);
        assert_eq!(ltf8(0x80), [0x80, 0x80]);
        assert_eq!(ltf8(0x3FFF), [0xBF, 0xFF]);
        assert_eq!(ltf8(0x4000), [0xC0, 0x40, 0x00]);
        assert_eq!(ltf8(u64::MAX), [0xFF; 9]);
    }
}
