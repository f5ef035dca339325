//! BGZF blocks, inflated in parallel into one stretch of memory. SAM v1 §4.1 (2024-11-06).

use std::io::{self, Read};
use std::ops::Range;

use libdeflater::Decompressor;
use rayon::prelude::*;
use reads::deflate::{Decoder, Tokens};

use super::trail::Trail;

/// Blocks that are inflated together, once a reader has shown that it goes on.
const MOST_BLOCKS: usize = 32;

/// Bytes before a block's extra fields: a gzip header with XLEN.
const HEAD_BYTES: usize = 12;

/// CRC-32 and length of the data at the end of a block.
const TAIL_BYTES: usize = 8;

/// No block's data is longer.
const MAX_DATA_BYTES: usize = 1 << 16;

/// Inflates a stream, in stretches of whole blocks.
pub(super) struct Inflater<R> {
    input: R,
    packed: Vec<u8>,
    data: Vec<u8>,
    /// Where the data that was not yet taken starts.
    start: usize,
    /// How many blocks the next stretch has.
    blocks: usize,
    is_over: bool,
    /// What is wrong after the data at hand.
    fault: Option<io::Error>,
    /// Takes how the blocks were deflated.
    trail: Option<Trail>,
}

impl<R: Read> Inflater<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            packed: Vec::new(),
            data: Vec::new(),
            start: 0,
            blocks: 1,
            is_over: false,
            fault: None,
            trail: None,
        }
    }

    /// Returns how all that was not yet taken was deflated, or will be found to have been.
    pub(super) fn follow(&mut self) -> Trail {
        let trail = Trail::default();
        trail.push(self.unread(), None);
        self.trail = Some(trail.clone());
        trail
    }

    /// Returns the stream of blocks.
    pub(super) const fn input(&self) -> &R {
        &self.input
    }

    /// Tries to have this many bytes at hand; returns how many there are, fewer at the end alone.
    ///
    /// # Errors
    /// What the stream answers; `InvalidData` for a block that is corrupt, `UnexpectedEof` for one
    /// that is cut off: as soon as all bytes before it were taken.
    pub(super) fn fill(&mut self, wanted: usize) -> io::Result<usize> {
        while self.unread() < wanted && !self.is_over {
            if let Some(fault) = self.fault.take() {
                return Err(fault);
            }
            self.data.drain(..self.start);
            self.start = 0;
            if let Err(fault) = self.stretch() {
                self.fault = Some(fault);
            }
        }
        Ok(self.unread())
    }

    /// Takes bytes that [`Inflater::fill`] has brought; [`Inflater::get`] gives them.
    pub(super) fn take(&mut self, count: usize) -> Range<usize> {
        let taken = self.start..self.start + count;
        self.start = taken.end;
        taken
    }

    /// Returns bytes that were taken since the last call of [`Inflater::fill`].
    pub(super) fn get(&self, taken: Range<usize>) -> &[u8] {
        &self.data[taken]
    }

    const fn unread(&self) -> usize {
        self.data.len() - self.start
    }

    /// Reads and inflates some blocks; those before a fault count.
    fn stretch(&mut self) -> io::Result<()> {
        let wanted = self.blocks;
        self.blocks = (2 * wanted).min(MOST_BLOCKS);
        self.packed.clear();
        let mut blocks: Vec<Block> = Vec::with_capacity(wanted);
        let mut read = Ok(());
        while blocks.len() < wanted {
            match next_block(&mut self.input, &mut self.packed) {
                Ok(Some(block)) => blocks.push(block),
                Ok(None) => {
                    self.is_over = true;
                    break;
                }
                Err(fault) => {
                    read = Err(fault);
                    break;
                }
            }
        }
        self.trail = self.trail.take().filter(|trail| !trail.is_alone());
        let whole = inflate(&self.packed, &blocks, &mut self.data, self.trail.as_ref());
        // What is wrong with an earlier block comes first; the end is reached only without it.
        if whole.is_err() {
            self.is_over = false;
        }
        whole.and(read)
    }
}

/// A block in the memory of packed ones.
struct Block {
    body: Range<usize>,
    checksum: u32,
    data_bytes: usize,
}

/// Reads a block; `None` at the end of the stream.
fn next_block(input: &mut impl Read, packed: &mut Vec<u8>) -> io::Result<Option<Block>> {
    let mut head = [0; HEAD_BYTES];
    if !read_first(input, &mut head[..1])? {
        return Ok(None);
    }
    input.read_exact(&mut head[1..])?;
    if head[..4] != [0x1F, 0x8B, 8, 4] {
        return Err(corrupt("not a BGZF block"));
    }
    let extra_bytes = usize::from(u16::from_le_bytes([head[10], head[11]]));
    let mut extra = vec![0; extra_bytes];
    input.read_exact(&mut extra)?;
    let total = block_bytes(&extra).ok_or_else(|| corrupt("a block without its length"))?;
    let rest = total.checked_sub(HEAD_BYTES + extra_bytes + TAIL_BYTES);
    let rest = rest.ok_or_else(|| corrupt("a block that is too short"))?;
    let start = packed.len();
    packed.resize(start + rest, 0);
    input.read_exact(&mut packed[start..])?;
    let mut tail = [[0; 4]; 2];
    for field in &mut tail {
        input.read_exact(field)?;
    }
    let [checksum, data_bytes] = tail.map(u32::from_le_bytes);
    if data_bytes as usize > MAX_DATA_BYTES {
        return Err(corrupt("a block that is too long"));
    }
    Ok(Some(Block {
        body: start..start + rest,
        checksum,
        data_bytes: data_bytes as usize,
    }))
}

/// Reads one byte; false at the end.
fn read_first(input: &mut impl Read, byte: &mut [u8]) -> io::Result<bool> {
    loop {
        match input.read(byte) {
            Ok(count) => return Ok(count > 0),
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(fault),
        }
    }
}

/// Finds the length of the block among its extra fields.
fn block_bytes(mut extra: &[u8]) -> Option<usize> {
    while let Some((&[first, second, low, high], rest)) = extra.split_first_chunk::<4>() {
        let length = usize::from(u16::from_le_bytes([low, high]));
        let (field, rest) = rest.split_at_checked(length)?;
        if let ([b'B', b'C'], &[low, high]) = ([first, second], field) {
            return Some(usize::from(u16::from_le_bytes([low, high])) + 1);
        }
        extra = rest;
    }
    None
}

/// What inflates blocks: without their matches, and with them.
type Unpackers = (Decompressor, Option<Decoder>);

/// Appends the data of blocks, up to the first that is corrupt.
fn inflate(
    packed: &[u8],
    blocks: &[Block],
    data: &mut Vec<u8>,
    trail: Option<&Trail>,
) -> io::Result<()> {
    let before = data.len();
    let total: usize = blocks.iter().map(|block| block.data_bytes).sum();
    data.resize(before + total, 0);
    let mut rest = &mut data[before..];
    let mut work = Vec::with_capacity(blocks.len());
    for block in blocks {
        let (own, others) = rest.split_at_mut(block.data_bytes);
        work.push((block, own));
        rest = others;
    }
    let start = || (Decompressor::new(), trail.map(|_| Decoder::default()));
    let unpack = |(inflater, decoder): &mut Unpackers, (block, own): (&Block, &mut [u8])| {
        let body = &packed[block.body.clone()];
        let is_right = |data: &[u8]| libdeflater::crc32(data) == block.checksum;
        let decoder = decoder.as_mut();
        let tokens = decoder.and_then(|decoder| decoder.decode(body, block.data_bytes).ok());
        if let Some(tokens) = tokens.filter(|tokens| is_right(tokens.data())) {
            own.copy_from_slice(tokens.data());
            return Some(Some(tokens));
        }
        let inflated = inflater.deflate_decompress(body, own);
        (inflated == Ok(block.data_bytes) && is_right(own)).then_some(None)
    };
    let work = work.into_par_iter();
    let found: Vec<Option<Option<Tokens>>> = work.map_init(start, unpack).collect();
    let first = found.iter().position(Option::is_none);
    if let Some(trail) = trail {
        for (block, tokens) in blocks.iter().zip(found) {
            trail.push(block.data_bytes, tokens.flatten());
        }
    }
    let Some(first) = first else {
        return Ok(());
    };
    let good: usize = blocks[..first].iter().map(|block| block.data_bytes).sum();
    data.truncate(before + good);
    Err(corrupt("a block that cannot be inflated"))
}

fn corrupt(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::super::blocks::{END_OF_FILE, compressed};
    use super::*;

    fn read(bytes: &[u8], step: usize) -> (Vec<u8>, Option<io::ErrorKind>) {
        let mut inflater = Inflater::new(bytes);
        let mut data = Vec::new();
        loop {
            match inflater.fill(step) {
                Ok(0) => return (data, None),
                Ok(count) => {
                    let taken = inflater.take(count.min(step));
                    data.extend_from_slice(inflater.get(taken));
                }
                Err(fault) => return (data, Some(fault.kind())),
            }
        }
    }

    #[test]
    fn data_comes_back_whatever_the_steps() {
        let data: Vec<u8> = (0..3_000_000u32).map(|i| (i / 7) as u8).collect();
        let file = [compressed(&data), END_OF_FILE.to_vec()].concat();
        for step in [1_000, 65_537, 5_000_000] {
            assert!(read(&file, step) == (data.clone(), None));
        }
    }

    #[test]
    fn everything_before_a_fault_is_given() {
        let data: Vec<u8> = (0..1_000_000u32).map(|i| (i / 3) as u8).collect();
        let file = compressed(&data);
        let (found, fault) = read(&file[..file.len() - 1], 1_000);
        assert_eq!(fault, Some(io::ErrorKind::UnexpectedEof));
        assert!(found.len() > 900_000 && data.starts_with(&found));
        let mut corrupt = file.clone();
        let at = file.len() / 2;
        corrupt[at] ^= 0x55;
        let (found, fault) = read(&corrupt, 1_000);
        assert_eq!(fault, Some(io::ErrorKind::InvalidData));
        assert!(found.len() > 300_000 && data.starts_with(&found));
        assert_eq!(
            read(b"plain text, no block", 9).1,
            Some(io::ErrorKind::InvalidData)
        );
    }
}
