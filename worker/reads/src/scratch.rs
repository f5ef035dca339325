//! Scratch storage of what does not fit in memory: frames of whole items, packed by LZ4.

use std::io::{Read, Write};

use rayon::prelude::*;

use crate::container::Error;
use crate::lz4;

/// A frame is closed by the item with which it reaches this size.
const FRAME_BYTES: usize = 1 << 16;

/// Frames that are packed together.
const GROUP_FRAMES: usize = 16;

/// No frame is longer: a record is the largest item, and far below it.
const MAX_FRAME_BYTES: usize = 1 << 29;

/// Raw length, packed length and CRC-32 of the raw bytes.
const HEADER_BYTES: usize = 12;

/// Names a frame in messages.
const WHAT: &str = "frame of scratch data";

/// Writes a stretch of items.
pub(crate) struct FrameWriter<W> {
    out: W,
    frames: Vec<Vec<u8>>,
    used: usize,
}

impl<W: Write> FrameWriter<W> {
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            frames: vec![Vec::new(); GROUP_FRAMES],
            used: 0,
        }
    }

    /// Appends the item that `put` writes; an item never crosses frames.
    pub(crate) fn item(&mut self, put: impl FnOnce(&mut Vec<u8>)) -> Result<(), Error> {
        let frame = &mut self.frames[self.used];
        put(frame);
        if frame.len() < FRAME_BYTES {
            return Ok(());
        }
        self.used += 1;
        if self.used < GROUP_FRAMES {
            return Ok(());
        }
        self.flush()
    }

    /// Ends the stretch.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Error> {
        let frames = self.frames.par_iter().filter(|frame| !frame.is_empty());
        let packed: Vec<Vec<u8>> = frames.map(|frame| pack(frame)).collect();
        for packed in packed {
            self.out.write_all(&packed)?;
        }
        self.frames.iter_mut().for_each(Vec::clear);
        self.used = 0;
        Ok(())
    }
}

fn pack(frame: &[u8]) -> Vec<u8> {
    let mut packed = vec![0; HEADER_BYTES];
    let length = lz4::pack(frame, &mut packed);
    let header = [frame.len() as u32, length as u32, libdeflater::crc32(frame)];
    for (slot, value) in packed.chunks_exact_mut(4).zip(header) {
        slot.copy_from_slice(&value.to_le_bytes());
    }
    packed
}

/// Reads a stretch back, frame by frame.
pub(crate) struct FrameReader<R> {
    input: R,
    packed: Vec<u8>,
    frame: Vec<u8>,
}

impl<R: Read> FrameReader<R> {
    pub(crate) const fn new(input: R) -> Self {
        Self {
            input,
            packed: Vec::new(),
            frame: Vec::new(),
        }
    }

    /// Returns the present frame.
    pub(crate) fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// Unpacks the next frame; false at the end.
    pub(crate) fn next_frame(&mut self) -> Result<bool, Error> {
        let mut header = [0; HEADER_BYTES];
        let read = read_up_to(&mut self.input, &mut header)?;
        if read == 0 {
            return Ok(false);
        }
        let field = |at: usize| {
            let field = header[at..].first_chunk().expect("three fields");
            u32::from_le_bytes(*field)
        };
        let (raw_bytes, packed_bytes) = (field(0) as usize, field(4) as usize);
        if read < HEADER_BYTES || raw_bytes.max(packed_bytes) > MAX_FRAME_BYTES {
            return Err(Error::Range { what: WHAT });
        }
        self.packed.resize(packed_bytes, 0);
        if read_up_to(&mut self.input, &mut self.packed)? < packed_bytes {
            return Err(Error::Truncated { what: WHAT });
        }
        self.frame.resize(raw_bytes, 0);
        let is_whole = lz4::unpack(&self.packed, &mut self.frame);
        if !is_whole || libdeflater::crc32(&self.frame) != field(8) {
            return Err(Error::Checksum { what: WHAT });
        }
        Ok(true)
    }
}

/// Fills a buffer as far as the stream goes.
fn read_up_to(input: &mut impl Read, buffer: &mut [u8]) -> Result<usize, Error> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(fault) if fault.kind() == std::io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(Error::Io(fault)),
        }
    }
    Ok(filled)
}
