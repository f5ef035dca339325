//! Deflated data written again with a few bytes changed, along the matches of its first writing:
//! the search for matches, which is most of the work, is spared. RFC 1951.
//!
//! Main path: [`Decoder::decode`] inflates and tells the tokens of a stream; [`Outliner::outline`]
//! keeps of them what touches bytes that may change later; when it is known which do,
//! [`Patcher::patch`] copies the stream's bits but for those tokens, without its data, and
//! [`Checksums`] tell its new CRC-32. Where too much changes for that, [`Encoder::encode`] deflates
//! the data along its old tokens, with codes made anew.

mod bits;
mod code;
mod crc32;
mod decode;
mod encode;
mod fixed;
mod head;
mod outline;
mod patch;
mod spot;
mod symbols;
mod table;

pub use crc32::Checksums;
pub use decode::{Decoder, Error};
pub use encode::Encoder;
pub use outline::{Outline, Outliner};
pub use patch::{Patcher, Unfit};
pub use spot::Spot;

/// No data of a stream is longer: what a BGZF block holds at most.
pub const MAX_DATA_BYTES: usize = 1 << 16;

/// Bytes as they are, then a copy of earlier ones: how many of each, from how far before, and the
/// bit of the stream at which all that starts; 17, 9, 16 and 22 bits, from the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Token(u64);

impl Token {
    /// Without a copy, `length` and `distance` are 0.
    #[inline]
    const fn new(literals: usize, length: usize, distance: usize, start: u32) -> Self {
        let copy = (length as u64) << 17 | (distance as u64) << 26;
        Self(literals as u64 | copy | (start as u64) << 42)
    }

    #[inline]
    const fn literals(self) -> usize {
        (self.0 & 0x1_FFFF) as usize
    }

    #[inline]
    const fn length(self) -> usize {
        (self.0 >> 17 & 0x1FF) as usize
    }

    #[inline]
    const fn distance(self) -> usize {
        (self.0 >> 26 & 0xFFFF) as usize
    }

    #[inline]
    const fn start(self) -> u32 {
        (self.0 >> 42) as u32
    }
}

/// A stretch of a stream with codes of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    /// The bit at which it starts.
    start: u32,
    /// The bit behind it.
    after: u32,
    /// Where its tokens end.
    tokens: usize,
}

/// How data was deflated: its literals and matches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tokens {
    tokens: Vec<Token>,
    blocks: Vec<Block>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::Decoder as Fields;
    use libdeflater::{CompressionLvl, Compressor, Decompressor};
    use proptest::prelude::*;
    use std::io::Write;

    fn deflated(data: &[u8], level: i32) -> Vec<u8> {
        let mut compressor = Compressor::new(CompressionLvl::new(level).unwrap());
        let mut packed = vec![0; compressor.deflate_compress_bound(data.len())];
        let length = compressor.deflate_compress(data, &mut packed).unwrap();
        packed.truncate(length);
        packed
    }

    fn inflated(packed: &[u8], length: usize) -> Vec<u8> {
        let mut data = vec![0; length];
        let inflated = Decompressor::new().deflate_decompress(packed, &mut data);
        assert_eq!(inflated.unwrap(), length);
        data
    }

    /// Data of a few letters, so that there are matches of all kinds.
    fn letters(seed: u32, length: usize, kinds: u32) -> Vec<u8> {
        let mut state = seed | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        };
        let mut data: Vec<u8> = Vec::new();
        while data.len() < length {
            let from = next() as usize % (data.len() + 1);
            let run = (next() % 300) as usize;
            match next() % 3 {
                0 => data.extend_from_within(from..data.len().min(from + run)),
                1 => data.extend(std::iter::repeat_n(b'F', run)),
                _ => data.extend((0..run / 4).map(|_| (next() % kinds) as u8)),
            }
        }
        data.truncate(length);
        data
    }

    /// Deflates by libdeflate, or above its levels by zlib-rs at level 0 to 9.
    fn packed(data: &[u8], level: i32) -> Vec<u8> {
        const LIBDEFLATE: i32 = 13;
        if level < LIBDEFLATE {
            return deflated(data, level);
        }
        let level = flate2::Compression::new((level - LIBDEFLATE) as u32);
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn decoded(packed: &[u8], length: usize) -> (Result<Tokens, Error>, Vec<u8>) {
        let (mut data, mut tokens) = (vec![0; length], Tokens::default());
        let found = Decoder::default().decode(packed, &mut data, &mut tokens);
        (found.map(|()| tokens), data)
    }

    /// Spots at some places, and the data with what they are to be.
    fn spotted(data: &[u8], changes: &[(usize, u8)]) -> (Vec<Spot>, Vec<u8>) {
        let mut changed = data.to_vec();
        let changes: std::collections::BTreeMap<usize, u8> = changes.iter().copied().collect();
        let around = |at: usize| {
            std::array::from_fn(|index| {
                let place = (at + index).checked_sub(2);
                place
                    .and_then(|place| data.get(place))
                    .copied()
                    .unwrap_or(0xEE)
            })
        };
        let spots = changes.into_iter().map(|(at, new)| {
            changed[at] = new;
            Spot {
                at: at as u16,
                around: around(at),
                new,
            }
        });
        (spots.collect(), changed)
    }

    /// Patches as if the data had been forgotten between.
    fn patched(packed: &[u8], length: usize, spots: &[Spot]) -> Result<Vec<u8>, Unfit> {
        let tokens = decoded(packed, length).0.unwrap();
        let places = spots.iter().map(|spot| spot.at);
        let mut kept = Vec::new();
        Outliner::default()
            .outline(&tokens, places)
            .encode(&mut kept);
        let mut outline = Outline::default();
        outline.decode(&mut Fields::new(&kept, "outline")).unwrap();
        let mut out = b"before".to_vec();
        Patcher::default()
            .patch(packed, &outline, spots, &mut out)
            .map(|()| out.split_off(6))
    }

    proptest! {
        #[test]
        fn patched_streams_inflate_to_the_changed_data(
            seed: u32,
            length in 1usize..=MAX_DATA_BYTES,
            kinds in 1u32..256,
            level in 0i32..=22,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..200),
            keeps in 0usize..4,
        ) {
            let data = letters(seed, length, kinds);
            let changes: Vec<(usize, u8)> = changes.into_iter().enumerate().map(|(count, (at, byte))| {
                let at = at.index(length);
                (at, if count % 4 < keeps { data[at] } else { byte })
            }).collect();
            let (spots, changed) = spotted(&data, &changes);
            let before = packed(&data, level);
            match patched(&before, length, &spots) {
                Ok(after) => {
                    prop_assert!(after.len() <= before.len() + before.len() / 12);
                    prop_assert!(inflated(&after, length) == changed);
                }
                Err(Unfit) => prop_assert!(spots.iter().any(Spot::is_changed)),
            }
        }

        #[test]
        fn changed_data_is_what_inflates(
            seed: u32,
            length in 0usize..=MAX_DATA_BYTES,
            kinds in 1u32..256,
            level in 0i32..=12,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..200),
        ) {
            let mut data = letters(seed, length, kinds);
            let (tokens, found) = decoded(&deflated(&data, level), length);
            prop_assert!(found == data);
            for (at, byte) in changes {
                if length > 0 {
                    data[at.index(length)] = byte;
                }
            }
            let mut packed = Vec::new();
            Encoder::default().encode(&data, &tokens.unwrap(), &mut packed);
            prop_assert!(inflated(&packed, length) == data);
        }

        #[test]
        fn damage_never_panics(
            seed: u32,
            length in 1usize..5_000,
            level in 0i32..=9,
            at: prop::sample::Index,
            bit in 0u8..8,
            cut: prop::sample::Index,
        ) {
            let data = letters(seed, length, 9);
            let mut packed = deflated(&data, level);
            let cut = cut.index(packed.len());
            prop_assert!(decoded(&packed[..cut], length).0.is_err());
            let at = at.index(packed.len());
            packed[at] ^= 1 << bit;
            if let (Ok(tokens), _) = decoded(&packed, length) {
                let mut again = Vec::new();
                Encoder::default().encode(&data, &tokens, &mut again);
                prop_assert!(inflated(&again, length) == data);
            }
        }

        #[test]
        fn outlines_of_other_streams_never_panic(
            seed: u32,
            level in 0i32..=9,
            places in prop::collection::btree_set(0u16..4_000, 1..99),
            cut in 0usize..4_000,
        ) {
            let data = letters(seed, 4_000, 9);
            let tokens = decoded(&deflated(&data, level), 4_000).0.unwrap();
            let mut outliner = Outliner::default();
            let outline = outliner.outline(&tokens, places.iter().copied());
            let spots: Vec<Spot> = places.iter().map(|&at| Spot { at, around: [1; 5], new: 9 }).collect();
            let other = deflated(&letters(seed ^ 8, cut, 9), level);
            let mut out = Vec::new();
            if Patcher::default().patch(&other, outline, &spots, &mut out).is_err() {
                prop_assert!(out.is_empty());
            }
        }
    }

    #[test]
    fn all_bytes_may_change() {
        let data = vec![0; MAX_DATA_BYTES];
        let tokens = decoded(&deflated(&data, 1), data.len()).0.unwrap();
        let mut packed = Vec::new();
        Encoder::default().encode(&vec![1; data.len()], &tokens, &mut packed);
        assert!(inflated(&packed, data.len()) == vec![1; data.len()]);
    }

    #[test]
    fn literals_without_a_code_are_written() {
        let data = letters(9, 60_000, 20);
        let changes: Vec<(usize, u8)> = (1_000..60_000)
            .step_by(20_000)
            .map(|at| (at, 200))
            .collect();
        let (spots, changed) = spotted(&data, &changes);
        let before = deflated(&data, 6);
        let after = patched(&before, data.len(), &spots).unwrap();
        assert!(inflated(&after, data.len()) == changed);
        assert!(after.len() < before.len() * 21 / 20);
    }

    /// Bytes that hardly match.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        std::iter::repeat_with(next).take(length).collect()
    }

    #[test]
    fn stored_blocks_behind_a_change_are_right_or_unfit() {
        for (letters_before, level) in (0..40).flat_map(|at| [(20_000 + at, 1), (20_000 + at, 15)])
        {
            let data = [letters(3, letters_before, 9), noise(40_000)].concat();
            let changes = [(10_000, data[10_000] ^ 3), (15_000, data[15_000] ^ 1)];
            let (spots, changed) = spotted(&data, &changes);
            let before = packed(&data, level);
            if let Ok(after) = patched(&before, data.len(), &spots) {
                assert!(inflated(&after, data.len()) == changed);
            }
        }
    }

    #[test]
    fn the_last_of_most_literals_may_change() {
        let mut data = noise(MAX_DATA_BYTES);
        // Huffman's code makes such bytes shorter.
        data.iter_mut().for_each(|byte| *byte &= 0x7F);
        let last = data.len() - 1;
        let (spots, changed) = spotted(&data, &[(0, 9), (last, data[last] ^ 1)]);
        let after = patched(&deflated(&data, 1), data.len(), &spots).unwrap();
        assert!(inflated(&after, data.len()) == changed);
    }

    #[test]
    fn unchanged_data_stays_as_it_was_deflated() {
        let data = letters(5, 60_000, 20);
        for level in [0, 1, 6, 9] {
            let before = deflated(&data, level);
            let (spots, _) = spotted(&data, &[(7, data[7])]);
            assert!(patched(&before, data.len(), &spots) == Ok(before));
        }
    }
}
