//! Frames: stretches of whole items, each packed on its own with lengths and CRC-32.

use std::io::Read;

use libdeflater::{CompressionLvl, Compressor, Decompressor};

use super::columns::{self, Columns};
use super::{Decoder, Error, records};

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
    packer: Packer,
    frame: Vec<u8>,
    packed: Vec<u8>,
    items: u64,
    /// Where the present frame will begin, and how many items it has.
    place: FramePlace,
}

/// Where an item lies among frames: the first byte of its frame, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct FramePlace {
    /// Bytes before the frame.
    pub start: u64,
    /// Items before it in the frame.
    pub number: u32,
}

enum Packer {
    Deflate(Compressor),
    Columns(Columns),
}

impl Default for Encoder {
    fn default() -> Self {
        let level = CompressionLvl::new(LEVEL).unwrap_or_default();
        Self::with(Packer::Deflate(Compressor::new(level)))
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
    /// Packs items that [`put_record`] writes.
    pub fn of_records() -> Self {
        Self::with(Packer::Columns(Columns::default()))
    }

    fn with(packer: Packer) -> Self {
        Self {
            packer,
            frame: Vec::new(),
            packed: Vec::new(),
            items: 0,
            place: FramePlace::default(),
        }
    }

    /// Returns where the next item will lie.
    pub const fn place(&self) -> FramePlace {
        self.place
    }

    /// Appends one item, which `put` writes; an item never crosses frames.
    pub fn item(&mut self, put: impl FnOnce(&mut Vec<u8>)) {
        put(&mut self.frame);
        self.items += 1;
        self.place.number += 1;
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

    /// Returns how many packed bytes wait to be taken.
    pub const fn packed_bytes(&self) -> usize {
        self.packed.len()
    }

    /// Takes the bytes packed so far, so that a long section can be written as it grows.
    pub fn take_packed(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.packed)
    }

    fn close_frame(&mut self) {
        let start = self.packed.len();
        self.packed.extend_from_slice(&[0; HEADER_BYTES]);
        match &mut self.packer {
            Packer::Deflate(compressor) => deflate(compressor, &self.frame, &mut self.packed),
            Packer::Columns(columns) => records::pack(&self.frame, columns, &mut self.packed),
        }
        let length = self.packed.len() - start - HEADER_BYTES;
        let checksum = libdeflater::crc32(&self.frame);
        let header = [self.frame.len() as u32, length as u32, checksum];
        let slots = self.packed[start..].chunks_exact_mut(4);
        for (slot, value) in slots.zip(header) {
            slot.copy_from_slice(&value.to_le_bytes());
        }
        self.frame.clear();
        self.place.start += (self.packed.len() - start) as u64;
        self.place.number = 0;
    }
}

fn deflate(compressor: &mut Compressor, frame: &[u8], packed: &mut Vec<u8>) {
    let start = packed.len();
    packed.resize(start + compressor.deflate_compress_bound(frame.len()), 0);
    let length = compressor
        .deflate_compress(frame, &mut packed[start..])
        .expect("the output is as long as the compressor's own bound");
    packed.truncate(start + length);
}

/// Writes an item of a record, and what is kept with it, for [`Encoder::of_records`].
pub fn put_record(out: &mut Vec<u8>, record: &[u8], with: &[u8]) {
    let length = record.len() + with.len();
    out.extend_from_slice(&(length as u32).to_le_bytes());
    out.extend_from_slice(record);
    out.extend_from_slice(with);
}

/// Takes an item of a record whose last `with` bytes are kept with it.
///
/// # Errors
/// [`Error::Truncated`] if they are not all there.
pub fn take_record<'a>(
    fields: &mut Decoder<'a>,
    with: usize,
) -> Result<(&'a [u8], &'a [u8]), Error> {
    let length = fields.u32()? as usize;
    let item = fields.bytes(length)?;
    let record = length.checked_sub(with).ok_or_else(|| fields.range())?;
    Ok(item.split_at(record))
}

/// Unpacks a section frame by frame from a stream of its bytes.
pub struct Frames<R> {
    input: R,
    unpacker: Unpacker,
    packed: Vec<u8>,
    frame: Vec<u8>,
}

enum Unpacker {
    Inflate(Decompressor),
    Columns(Box<columns::Unpacker>),
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
        Self::with(input, Unpacker::Inflate(Decompressor::new()))
    }

    /// Reads the frames of [`Encoder::of_records`].
    pub fn of_records(input: R) -> Self {
        Self::with(input, Unpacker::Columns(Box::default()))
    }

    fn with(input: R, unpacker: Unpacker) -> Self {
        Self {
            input,
            unpacker,
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
        self.unpack(raw_bytes);
        if self.frame.len() == raw_bytes && libdeflater::crc32(&self.frame) == checksum {
            Ok(true)
        } else {
            Err(Error::Checksum { what: "frame" })
        }
    }

    /// Unpacks what it can; the checksum tells whether that is all.
    fn unpack(&mut self, raw_bytes: usize) {
        match &mut self.unpacker {
            Unpacker::Inflate(inflater) => {
                self.frame.resize(raw_bytes, 0);
                let inflated = inflater.deflate_decompress(&self.packed, &mut self.frame);
                self.frame.truncate(inflated.unwrap_or(0));
            }
            Unpacker::Columns(unpacker) => {
                self.frame.clear();
                if records::unpack(&self.packed, raw_bytes, unpacker, &mut self.frame).is_err() {
                    self.frame.clear();
                }
            }
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
