//! Deflated data written again with a few bytes changed, along the matches of its first writing:
//! the search for matches, which is most of the work, is spared. RFC 1951.
//!
//! Main path: [`Decoder::decode`] inflates and keeps the matches; [`Encoder::encode`] deflates data
//! of the same length, keeping of each match what still holds. Unless too much changes, the bits
//! between changes are copied as they are, and the old codes are kept.

mod bits;
mod changes;
mod code;
mod decode;
mod encode;
mod patch;
mod symbols;
mod table;

pub use decode::{Decoder, Error};
pub use encode::Encoder;

/// No data of a stream is longer: what a BGZF block holds at most.
pub const MAX_DATA_BYTES: usize = 1 << 16;

/// Bytes as they are, then a copy of earlier ones: how many of each, from how far before, and the
/// bit of the stream at which all that starts; 16, 9, 16 and 23 bits, from the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Token(u64);

impl Token {
    /// Without a copy, `length` and `distance` are 0.
    #[inline]
    const fn new(literals: usize, length: usize, distance: usize, start: u32) -> Self {
        let copy = (length as u64) << 16 | (distance as u64) << 25;
        Self(literals as u64 | copy | (start as u64) << 41)
    }

    #[inline]
    const fn literals(self) -> usize {
        (self.0 & 0xFFFF) as usize
    }

    #[inline]
    const fn length(self) -> usize {
        (self.0 >> 16 & 0x1FF) as usize
    }

    #[inline]
    const fn distance(self) -> usize {
        (self.0 >> 25 & 0xFFFF) as usize
    }

    #[inline]
    const fn start(self) -> u32 {
        (self.0 >> 41) as u32
    }
}

/// A stretch of a stream with codes of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Block {
    /// The bit at which it starts.
    start: u32,
    /// The bit at which the sign of its end starts.
    end: u32,
    /// Where its tokens end.
    tokens: usize,
    /// Lengths of the codes of literals and lengths, and of distances; none if it is stored plainly.
    lengths: Option<(Vec<u8>, Vec<u8>)>,
}

/// How data was deflated: where its matches are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    tokens: Vec<Token>,
    blocks: Vec<Block>,
    packed: Vec<u8>,
    data: Vec<u8>,
}

impl Tokens {
    /// Returns the data.
    pub fn data(&self) -> &[u8] {
        &self.data
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libdeflater::{CompressionLvl, Compressor, Decompressor};
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn changed_data_is_what_inflates(
            seed: u32,
            length in 0usize..=MAX_DATA_BYTES,
            kinds in 1u32..256,
            level in 0i32..=12,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..200),
        ) {
            let mut data = letters(seed, length, kinds);
            let tokens = Decoder::default().decode(&deflated(&data, level), length).unwrap();
            prop_assert!(tokens.data() == data);
            for (at, byte) in changes {
                if length > 0 {
                    data[at.index(length)] = byte;
                }
            }
            let mut packed = Vec::new();
            Encoder::default().encode(&data, &tokens, &mut packed);
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
            prop_assert!(Decoder::default().decode(&packed[..cut], length).is_err());
            let at = at.index(packed.len());
            packed[at] ^= 1 << bit;
            if let Ok(tokens) = Decoder::default().decode(&packed, length) {
                prop_assert_eq!(tokens.data().len(), length);
                let mut again = Vec::new();
                Encoder::default().encode(&data, &tokens, &mut again);
                prop_assert!(inflated(&again, length) == data);
            }
        }
    }

    #[test]
    fn all_bytes_may_change() {
        let data = vec![0; MAX_DATA_BYTES];
        let tokens = Decoder::default()
            .decode(&deflated(&data, 1), data.len())
            .unwrap();
        let mut packed = Vec::new();
        Encoder::default().encode(&vec![1; data.len()], &tokens, &mut packed);
        assert!(inflated(&packed, data.len()) == vec![1; data.len()]);
    }

    #[test]
    fn literals_without_a_code_are_written() {
        let mut data = letters(9, 60_000, 20);
        let tokens = Decoder::default()
            .decode(&deflated(&data, 6), data.len())
            .unwrap();
        for at in (1_000..60_000).step_by(20_000) {
            data[at] = 200;
        }
        let mut packed = Vec::new();
        Encoder::default().encode(&data, &tokens, &mut packed);
        assert!(inflated(&packed, data.len()) == data);
        assert!(packed.len() < deflated(&data, 6).len() * 21 / 20);
    }

    #[test]
    fn unchanged_data_takes_as_much_room_as_before() {
        let data = letters(5, 60_000, 20);
        for level in [1, 6, 9] {
            let before = deflated(&data, level);
            let tokens = Decoder::default().decode(&before, data.len()).unwrap();
            let mut after = Vec::new();
            Encoder::default().encode(&data, &tokens, &mut after);
            assert!(after == before);
        }
    }
}
