//! BGZF blocks, inflated in parallel into one stretch of memory. SAM v1 §4.1 (2024-11-06).

use std::io::{self, Read};
use std::ops::Range;

use libdeflater::Decompressor;
use rayon::prelude::*;
use reads::deflate::Decoder;

use super::blocks::{MOST_DATA_BYTES, deflated_anew};
use super::trail::{Kept, Print, Step, Trail};

/// Blocks that each thread inflates together, once a reader has shown that it goes on: what comes
/// of them stays close to the processor until it is read.
const BLOCKS_A_THREAD: usize = 8;

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
    /// Inflated data, and memory behind it.
    data: Vec<u8>,
    /// Where the data that was not yet taken starts, and where it ends.
    start: usize,
    end: usize,
    /// How many blocks the next stretch has, and how many any may have.
    blocks: usize,
    most_blocks: usize,
    is_over: bool,
    /// What is wrong after the data at hand.
    fault: Option<io::Error>,
    /// Takes how the blocks were deflated.
    trail: Option<Trail>,
    /// How many blocks were read.
    read: u64,
    /// Bytes of the blocks that tell whether it is worth to follow, and what they would have if they
    /// were deflated anew.
    told_bytes: usize,
    anew_bytes: usize,
}

/// Blocks of which one, the second, tells whether it is worth to follow how they are deflated.
const TELLING_BLOCKS: u64 = 256;

impl<R: Read> Inflater<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            packed: Vec::new(),
            data: Vec::new(),
            start: 0,
            end: 0,
            blocks: 1,
            most_blocks: BLOCKS_A_THREAD,
            is_over: false,
            fault: None,
            trail: None,
            read: 0,
            told_bytes: 0,
            anew_bytes: 0,
        }
    }

    /// Returns how all that was not yet taken was deflated, or will be found to have been.
    pub(super) fn follow(&mut self) -> Trail {
        let trail = Trail::start(self.read, &self.data[self.start..self.end]);
        self.trail = Some(trail.clone());
        trail
    }

    /// Reads for all threads from here on. Before that it does not depend on their number what has
    /// been read already when a trail starts.
    pub(super) fn speed_up(&mut self) {
        self.most_blocks = BLOCKS_A_THREAD * rayon::current_num_threads();
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
            self.data.copy_within(self.start..self.end, 0);
            self.end -= self.start;
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
        self.end - self.start
    }

    /// Reads and inflates some blocks; those before a fault count.
    fn stretch(&mut self) -> io::Result<()> {
        let wanted = self.blocks;
        self.blocks = (2 * wanted).min(self.most_blocks);
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
        let data_bytes: usize = blocks.iter().map(|block| block.data_bytes).sum();
        let room = self.end..self.end + data_bytes;
        if self.data.len() < room.end {
            self.data.resize(room.end, 0);
        }
        let data = &mut self.data[room];
        let inflated = inflate(&self.packed, &blocks, data, self.trail.as_ref());
        if self.trail.is_some() {
            self.tell(&blocks, self.end);
        }
        self.read += blocks.len() as u64;
        self.end += inflated.err().unwrap_or(data_bytes);
        let whole = inflated.map_err(|_| corrupt("a block that cannot be inflated"));
        // What is wrong with an earlier block comes first; the end is reached only without it.
        if whole.is_err() {
            self.is_over = false;
        }
        whole.and(read)
    }

    /// Gives the trail up if the blocks that tell, so far, would together be smaller by 1 % if they
    /// were deflated anew; the data of these starts at `start`. Which blocks tell does not depend on
    /// how many are read together.
    fn tell(&mut self, blocks: &[Block], mut start: usize) {
        for (number, block) in (self.read..).zip(blocks) {
            let data = &self.data[start..start + block.data_bytes];
            start += block.data_bytes;
            if number % TELLING_BLOCKS == 1 && data.len() <= MOST_DATA_BYTES {
                self.told_bytes += block.body.len();
                self.anew_bytes += deflated_anew(data);
            }
        }
        if self.told_bytes > self.anew_bytes + self.anew_bytes / 100
            && let Some(trail) = self.trail.take()
        {
            trail.give_up();
        }
    }
}

/// A block in the memory of packed ones.
pub(super) struct Block {
    /// The stream in it.
    pub(super) body: Range<usize>,
    /// CRC-32 of its data.
    pub(super) checksum: u32,
    /// How many bytes its data has.
    pub(super) data_bytes: usize,
}

impl Block {
    /// Returns by what it is known again.
    pub(super) fn print(&self) -> Print {
        Print {
            checksum: self.checksum,
            packed_bytes: self.body.len() as u32,
        }
    }
}

/// Reads a block; `None` at the end of the stream.
pub(super) fn next_block(input: &mut impl Read, packed: &mut Vec<u8>) -> io::Result<Option<Block>> {
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

/// Inflates blocks into the room for their data.
///
/// # Errors
/// How many bytes there are before the first block that is corrupt.
fn inflate(
    packed: &[u8],
    blocks: &[Block],
    data: &mut [u8],
    trail: Option<&Trail>,
) -> Result<(), usize> {
    let mut rest = data;
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
        if let (Some(decoder), Some(trail)) = (decoder, trail) {
            let mut tokens = trail.spare();
            if decoder.decode(body, own, &mut tokens).is_ok() && is_right(own) {
                return Some(Kept::Tokens(tokens));
            }
        }
        let inflated = inflater.deflate_decompress(body, own);
        (inflated == Ok(block.data_bytes) && is_right(own)).then_some(Kept::Nothing)
    };
    let work = work.into_par_iter();
    let found: Vec<Option<Kept>> = work.map_init(start, unpack).collect();
    let first = found.iter().position(Option::is_none);
    if let Some(trail) = trail {
        for (block, kept) in blocks.iter().zip(found) {
            trail.push(Step {
                bytes: block.data_bytes,
                print: block.print(),
                kept: kept.unwrap_or(Kept::Nothing),
            });
        }
    }
    let bytes = |good: &[Block]| good.iter().map(|block| block.data_bytes).sum();
    first.map_or(Ok(()), |first| Err(bytes(&blocks[..first])))
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
