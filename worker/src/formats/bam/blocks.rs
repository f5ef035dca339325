//! BGZF blocks, deflated in parallel. SAM v1 §4.1 (2024-11-06).

use libdeflater::{CompressionLvl, Compressor};
use rayon::prelude::*;

/// Bytes of data in a block; htslib's choice, which fits 64 KiB even if it can't be deflated.
pub(super) const BLOCK_BYTES: usize = 0xFF00;

/// More data might not fit a block if it cannot be deflated.
pub(super) const MOST_DATA_BYTES: usize = 65_498;

/// The empty block that ends a file.
pub const END_OF_FILE: [u8; 28] = [
    0x1F, 0x8B, 8, 4, 0, 0, 0, 0, 0, 0xFF, 6, 0, 0x42, 0x43, 2, 0, 0x1B, 0, 3, 0, 0, 0, 0, 0, 0, 0,
    0, 0,
];

/// A gzip member with one extra field `BC` of two bytes: the block's length less one.
const HEAD: [u8; 16] = [
    0x1F, 0x8B, 8, 4, 0, 0, 0, 0, 0, 0xFF, 6, 0, 0x42, 0x43, 2, 0,
];
const HEAD_BYTES: usize = 18;
const TAIL_BYTES: usize = 8;
const MAX_BLOCK_BYTES: usize = 1 << 16;

/// Final files with the sequencer's qualities: Picard's have about this size.
pub const LEVEL: i32 = 4;

/// What is read once more and then gone, and recalibrated qualities: GATK's files are larger.
pub const FAST_LEVEL: i32 = 1;

/// Levels of deflation, which blocks take by turns: two give a size between theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels(pub [i32; 2]);

impl Levels {
    /// Deflates all blocks alike.
    pub const fn one(level: i32) -> Self {
        Self([level, level])
    }

    /// One for each level that there is.
    fn compressors(self) -> Vec<Compressor> {
        let [first, second] = self.0;
        let others = (second != first).then_some(second);
        std::iter::once(first)
            .chain(others)
            .map(compressor)
            .collect()
    }
}

/// Returns each stretch of data as a block; `before` blocks are there already.
pub(super) fn deflate(stretches: &[Vec<u8>], levels: Levels, before: usize) -> Vec<Vec<u8>> {
    let start = || levels.compressors();
    let deflate = |compressors: &mut Vec<Compressor>, (index, data): (usize, &Vec<u8>)| {
        let turn = (before + index) % compressors.len();
        block(&mut compressors[turn], data)
    };
    let stretches = stretches.par_iter().enumerate();
    stretches.map_init(start, deflate).collect()
}

pub(super) fn compressor(level: i32) -> Compressor {
    Compressor::new(CompressionLvl::new(level).unwrap_or_default())
}

/// Returns how many bytes data, at most [`MOST_DATA_BYTES`], takes when it is deflated anew.
pub(super) fn deflated_anew(data: &[u8]) -> usize {
    block(&mut compressor(LEVEL), data).len()
}

/// Returns data as blocks, one after the other.
pub fn compressed(data: &[u8]) -> Vec<u8> {
    let stretches: Vec<Vec<u8>> = data.chunks(BLOCK_BYTES).map(<[u8]>::to_vec).collect();
    deflate(&stretches, Levels::one(LEVEL), 0).concat()
}

/// Returns data, at most [`MOST_DATA_BYTES`], as a block.
pub(super) fn block(compressor: &mut Compressor, data: &[u8]) -> Vec<u8> {
    let mut body = [0; MAX_BLOCK_BYTES - HEAD_BYTES - TAIL_BYTES];
    let length = compressor
        .deflate_compress(data, &mut body)
        .expect("a block has room for its data, stored plainly if need be");
    let mut block = Vec::with_capacity(HEAD_BYTES + length + TAIL_BYTES);
    block.extend_from_slice(&HEAD);
    block.resize(HEAD_BYTES, 0);
    block.extend_from_slice(&body[..length]);
    close(&mut block, libdeflater::crc32(data), data.len());
    block
}

/// Makes a block of data with this checksum and length, the stream of which `write` appends; false
/// if it writes none or it gets too large.
pub(super) fn make_block(
    (checksum, data_bytes): (u32, usize),
    block: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> bool,
) -> bool {
    block.clear();
    block.extend_from_slice(&HEAD);
    block.resize(HEAD_BYTES, 0);
    let is_written = write(block) && block.len() + TAIL_BYTES <= MAX_BLOCK_BYTES;
    if is_written {
        close(block, checksum, data_bytes);
    }
    is_written
}

/// Returns how many bytes, and bytes of data, each of these blocks has.
pub(super) fn sizes(mut blocks: &[u8]) -> impl Iterator<Item = (u64, u64)> {
    std::iter::from_fn(move || {
        let last: [u8; 2] = *blocks.get(HEAD.len()..)?.first_chunk()?;
        let bytes = usize::from(u16::from_le_bytes(last)) + 1;
        let (block, rest) = blocks.split_at_checked(bytes)?;
        blocks = rest;
        let data_bytes = u32::from_le_bytes(*block.last_chunk()?);
        Some((bytes as u64, data_bytes.into()))
    })
}

/// Writes the block's length into its head, and its tail.
fn close(block: &mut Vec<u8>, checksum: u32, data_bytes: usize) {
    block.extend_from_slice(&checksum.to_le_bytes());
    block.extend_from_slice(&(data_bytes as u32).to_le_bytes());
    let last = (block.len() - 1) as u16;
    block[HEAD.len()..HEAD_BYTES].copy_from_slice(&last.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn blocks_are_read_by_any_bgzf_reader() {
        // What cannot be deflated has to fit as well.
        let noise = |i: u32| {
            i.wrapping_mul(2_654_435_761)
                .rotate_left(i % 29)
                .to_le_bytes()
        };
        let data: Vec<u8> = (0..100_000).flat_map(noise).collect();
        let file = [compressed(&data), END_OF_FILE.to_vec()].concat();
        let mut read = Vec::new();
        let mut reader = noodles_bgzf::io::Reader::new(file.as_slice());
        reader.read_to_end(&mut read).unwrap();
        assert!(read == data);
    }
}
