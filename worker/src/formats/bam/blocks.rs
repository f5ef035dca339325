//! BGZF blocks, deflated in parallel. SAM v1 §4.1 (2024-11-06).

use libdeflater::{CompressionLvl, Compressor};
use rayon::prelude::*;
use reads::deflate::{Encoder, Tokens};

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

/// Data of one block.
#[derive(Debug, Default)]
pub(super) struct Stretch {
    /// The data, at most [`BLOCK_BYTES`] long, or as long as the block it comes from.
    pub(super) data: Vec<u8>,
    /// How data that differs little was deflated.
    pub(super) tokens: Option<Tokens>,
}

/// Returns each stretch as a block; `before` blocks are there already.
pub(super) fn deflate(stretches: &[Stretch], levels: Levels, before: usize) -> Vec<Vec<u8>> {
    let start = || (levels.compressors(), Encoder::default());
    let deflate = |(compressors, encoder): &mut (Vec<Compressor>, Encoder),
                   (index, stretch): (usize, &Stretch)| {
        let tokens = stretch.tokens.as_ref();
        let along = tokens.and_then(|tokens| retraced(encoder, &stretch.data, tokens));
        let turn = (before + index) % compressors.len();
        along.unwrap_or_else(|| block(&mut compressors[turn], &stretch.data))
    };
    let stretches = stretches.par_iter().enumerate();
    stretches.map_init(start, deflate).collect()
}

fn compressor(level: i32) -> Compressor {
    Compressor::new(CompressionLvl::new(level).unwrap_or_default())
}

/// Says whether a stretch that is deflated along its tokens is no larger than without them, or by
/// 1 % at most.
pub(super) fn is_worth_following(stretch: &Stretch, levels: Levels) -> bool {
    let Some(tokens) = &stretch.tokens else {
        return true;
    };
    let fresh = block(&mut compressor(levels.0[0]), &stretch.data).len();
    let along = retraced(&mut Encoder::default(), &stretch.data, tokens);
    along.is_some_and(|along| along.len() <= fresh + fresh / 100)
}

/// Returns data as blocks, one after the other.
pub fn compressed(data: &[u8]) -> Vec<u8> {
    let stretch = |data: &[u8]| Stretch {
        data: data.to_vec(),
        tokens: None,
    };
    let stretches: Vec<Stretch> = data.chunks(BLOCK_BYTES).map(stretch).collect();
    deflate(&stretches, Levels::one(LEVEL), 0).concat()
}

fn block(compressor: &mut Compressor, data: &[u8]) -> Vec<u8> {
    let mut body = [0; MAX_BLOCK_BYTES - HEAD_BYTES - TAIL_BYTES];
    let length = compressor
        .deflate_compress(data, &mut body)
        .expect("a block has room for its data, stored plainly if need be");
    let mut block = Vec::with_capacity(HEAD_BYTES + length + TAIL_BYTES);
    block.extend_from_slice(&HEAD);
    block.resize(HEAD_BYTES, 0);
    block.extend_from_slice(&body[..length]);
    close(&mut block, data);
    block
}

/// Returns a block whose data is deflated along known matches; `None` if it gets too large.
fn retraced(encoder: &mut Encoder, data: &[u8], tokens: &Tokens) -> Option<Vec<u8>> {
    let mut block = Vec::with_capacity(MAX_BLOCK_BYTES / 2);
    block.extend_from_slice(&HEAD);
    block.resize(HEAD_BYTES, 0);
    encoder.encode(data, tokens, &mut block);
    let fits = block.len() + TAIL_BYTES <= MAX_BLOCK_BYTES;
    fits.then(|| {
        close(&mut block, data);
        block
    })
}

/// Writes the block's length into its head, and its tail.
fn close(block: &mut Vec<u8>, data: &[u8]) {
    block.extend_from_slice(&libdeflater::crc32(data).to_le_bytes());
    block.extend_from_slice(&(data.len() as u32).to_le_bytes());
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
