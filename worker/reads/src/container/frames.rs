//! Frames: stretches of whole items, each deflated on its own with lengths and CRC-32.

use std::io::Read;

use libdeflater::{CompressionLvl, Compressor, Decompressor};

use super::Error;

/// A frame is closed by the item with which it reaches this size.
const FRAME_BYTES: usize = 1 << 16;

/// No frame is longer: a record is the largest item, and far below it.
const MAX_FRAME_BYTES: usize = 1 << 28;

/// Raw length, packed length and CRC-32 of the raw bytes.
const HEADER_BYTES: usize = 12;

/// Level 1: intermediates are written once and read once.
const LEVEL: i32 = 1;

/// Packs the items of one section.
pub struct Encoder {
    compressor: Compressor,
    frame: Vec<u8>,
    packed: Vec<u8>,
    items: u64,
}

impl Default for Encoder {
    fn default() -> Self {
        let level = CompressionLvl::new(LEVEL).unwrap_or_default();
        Self {
            compressor: Compressor::new(level),
            frame: Vec::new(),
            packed: Vec::new(),
            items: 0,
        }
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Encoder")
            .field("items", &self.items)
            .finish_non_exhaustive()
    }
}

impl Encoder {
    /// Appends one item, which `put` writes; an item never crosses frames.
    pub fn item(&mut self, put: impl FnOnce(&mut Vec<u8>)) {
        put(&mut self.frame);
        self.items += 1;
        if self.frame.len() >= FRAME_BYTES {
            self.close_frame();
        }
    }

    /// Returns how many items were appended.
    pub const fn items(&self) -> u64 {
        self.items
    }

    /// Returns the section's bytes.
    pub fn finish(mut self) -> Vec<u8> {
        if !self.frame.is_empty() {
            self.close_frame();
        }
        self.packed
    }

    /// Takes the bytes packed so far, so that a long section can be written as it grows.
    pub fn take_packed(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.packed)
    }

    fn close_frame(&mut self) {
        let start = self.packed.len();
        let bound = self.compressor.deflate_compress_bound(self.frame.len());
        self.packed.resize(start + HEADER_BYTES + bound, 0);
        let body = &mut self.packed[start + HEADER_BYTES..];
        let length = self
            .compressor
            .deflate_compress(&self.frame, body)
            .expect("the output is as long as the compressor's own bound");
        self.packed.truncate(start + HEADER_BYTES + length);
        let checksum = libdeflater::crc32(&self.frame);
        let header = [self.frame.len() as u32, length as u32, checksum];
        for (field, value) in header.into_iter().enumerate() {
            let at = start + 4 * field;
            self.packed[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        self.frame.clear();
    }
}

/// Unpacks a section frame by frame from a stream of its bytes.
pub struct Frames<R> {
    input: R,
    decompressor: Decompressor,
    packed: Vec<u8>,
    frame: Vec<u8>,
}

impl<R> std::fmt::Debug for Frames<R> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Frames")
            .field("frame_bytes", &self.frame.len())
            .finish_non_exhaustive()
    }
}

impl<R: Read> Frames<R> {
    /// Reads the frames of `input`, which ends where the section ends.
    pub fn new(input: R) -> Self {
        Self {
            input,
            decompressor: Decompressor::new(),
            packed: Vec::new(),
            frame: Vec::new(),
        }
    }

    /// Unpacks the next frame; false at the end of the section.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Truncated`] or [`Error::Checksum`].
    pub fn next_frame(&mut self) -> Result<bool, Error> {
        let Some([raw_bytes, packed_bytes, checksum]) = self.header()? else {
            self.frame.clear();
            return Ok(false);
        };
        let (raw_bytes, packed_bytes) = (raw_bytes as usize, packed_bytes as usize);
        if raw_bytes > MAX_FRAME_BYTES || packed_bytes > MAX_FRAME_BYTES {
            return Err(Error::Range { what: "frame" });
        }
        self.packed.resize(packed_bytes, 0);
        read_exact(&mut self.input, &mut self.packed)?;
        self.frame.resize(raw_bytes, 0);
        let corrupt = Error::Checksum { what: "frame" };
        let inflated = self
            .decompressor
            .deflate_decompress(&self.packed, &mut self.frame);
        match inflated {
            Ok(length) if length == raw_bytes && libdeflater::crc32(&self.frame) == checksum => {
                Ok(true)
            }
            _ => Err(corrupt),
        }
    }

    /// Returns the present frame.
    pub fn frame(&self) -> &[u8] {
        &self.frame
    }

    fn header(&mut self) -> Result<Option<[u32; 3]>, Error> {
        let mut bytes = [0; HEADER_BYTES];
        loop {
            match self.input.read(&mut bytes[..1]) {
                Ok(0) => return Ok(None),
                Ok(_) => break,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Io(error)),
            }
        }
        read_exact(&mut self.input, &mut bytes[1..])?;
        let field = |at: usize| {
            let bytes = bytes[at..at + 4].try_into().expect("four bytes");
            u32::from_le_bytes(bytes)
        };
        Ok(Some([field(0), field(4), field(8)]))
    }
}

fn read_exact(input: &mut impl Read, bytes: &mut [u8]) -> Result<(), Error> {
    input.read_exact(bytes).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => Error::Truncated { what: "frame" },
        _ => Error::Io(error),
    })
}
