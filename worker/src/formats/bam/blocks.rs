//! BGZF blocks, deflated in parallel. SAM v1 §4.1 (2024-11-06).

use libdeflater::{CompressionLvl, Compressor};
use rayon::prelude::*;

/// Bytes of data in a block; htslib's choice, which fits 64 KiB even if it can't be deflated.
pub(super) const BLOCK_BYTES: usize = 0xFF00;

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

/// Final files: smaller is worth some time.
pub const LEVEL: i32 = 5;

/// Returns each stretch of data, at most [`BLOCK_BYTES`] long, as a block.
pub(super) fn deflate(stretches: &[Vec<u8>], level: i32) -> Vec<Vec<u8>> {
    let level = CompressionLvl::new(level).unwrap_or_default();
    let deflate = |compressor: &mut Compressor, data: &Vec<u8>| block(compressor, data);
    let stretches = stretches.par_iter();
    let blocks = stretches.map_init(|| Compressor::new(level), deflate);
    blocks.collect()
}

/// Returns data as blocks, one after the other.
pub fn compressed(data: &[u8]) -> Vec<u8> {
    let stretches: Vec<Vec<u8>> = data.chunks(BLOCK_BYTES).map(<[u8]>::to_vec).collect();
    deflate(&stretches, LEVEL).concat()
}

fn block(compressor: &mut Compressor, data: &[u8]) -> Vec<u8> {
    let mut block = vec![0; MAX_BLOCK_BYTES];
    block[..HEAD.len()].copy_from_slice(&HEAD);
    let body = &mut block[HEAD_BYTES..MAX_BLOCK_BYTES - TAIL_BYTES];
    let length = compressor
        .deflate_compress(data, body)
        .expect("a block has room for its data, stored plainly if need be");
    let total = HEAD_BYTES + length + TAIL_BYTES;
    block[16..HEAD_BYTES].copy_from_slice(&((total - 1) as u16).to_le_bytes());
    let tail = HEAD_BYTES + length;
    block[tail..tail + 4].copy_from_slice(&libdeflater::crc32(data).to_le_bytes());
    block[tail + 4..total].copy_from_slice(&(data.len() as u32).to_le_bytes());
    block.truncate(total);
    block
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
