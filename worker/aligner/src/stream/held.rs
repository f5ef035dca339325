//! Blocks that wait for the insert sizes of their batch, in less memory.
//!
//! All that becomes of the letters of a base is its code, so two codes share a byte.

use super::Block;
use genome::base;
use genome::reads::{Read, Reads};

/// A block whose reads are packed.
pub(super) struct Held<X> {
    extra: X,
    first_ordinal: u64,
    /// Of each read: name, qualities, codes.
    bytes: Vec<u8>,
    lengths: Vec<Lengths>,
}

/// Lengths of the parts of a read.
struct Lengths {
    name: u32,
    bases: u32,
    has_qualities: bool,
}

impl<X> Held<X> {
    /// Packs a block.
    pub fn new(block: Block<X>) -> Self {
        let mut bytes = Vec::new();
        let mut lengths = Vec::with_capacity(block.reads.len());
        for read in block.reads.iter() {
            bytes.extend_from_slice(read.name);
            bytes.extend_from_slice(read.qualities);
            let two = |pair: &[u8]| {
                let second = pair.get(1).map_or(0, |&letter| base::code(letter));
                base::code(pair[0]) | second << 4
            };
            bytes.extend(read.bases.chunks(2).map(two));
            lengths.push(Lengths {
                name: read.name.len() as u32,
                bases: read.bases.len() as u32,
                has_qualities: !read.qualities.is_empty(),
            });
        }
        bytes.shrink_to_fit();
        Self {
            extra: block.extra,
            first_ordinal: block.first_ordinal,
            bytes,
            lengths,
        }
    }

    /// Unpacks the block; what was no known base is an N now.
    pub fn unpack(self) -> Block<X> {
        let mut reads = Reads::default();
        let mut letters = Vec::new();
        let mut rest = self.bytes.as_slice();
        for lengths in &self.lengths {
            let bases = lengths.bases as usize;
            let qualities = if lengths.has_qualities { bases } else { 0 };
            let (name, behind) = rest.split_at(lengths.name as usize);
            let (qualities, behind) = behind.split_at(qualities);
            let (codes, behind) = behind.split_at(bases.div_ceil(2));
            letters.clear();
            for &two in codes {
                letters.push(base::LETTERS[usize::from(two & 15)]);
                letters.push(base::LETTERS[usize::from(two >> 4)]);
            }
            reads.push(Read {
                name,
                bases: &letters[..bases],
                qualities,
            });
            rest = behind;
        }
        Block {
            reads,
            extra: self.extra,
            first_ordinal: self.first_ordinal,
            ends_batch: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_comes_back_with_known_letters() {
        let mut reads = Reads::default();
        let mut push = |name: &[u8], bases: &[u8], qualities: &[u8]| {
            reads.push(Read {
                name,
                bases,
                qualities,
            });
        };
        push(b"one", b"acgTN", &[1, 2, 3, 4, 5]);
        push(b"two", b"GRAT", &[]);
        push(b"", b"", &[]);
        let block = Block {
            reads,
            extra: 7,
            first_ordinal: 40,
            ends_batch: true,
        };
        let held = Held::new(block);
        let block = held.unpack();
        assert_eq!((block.extra, block.first_ordinal), (7, 40));
        let found: Vec<_> = block
            .reads
            .iter()
            .map(|read| (read.name, read.bases))
            .collect();
        let (one, two): (&[u8], &[u8]) = (b"one", b"two");
        assert_eq!(found, [(one, &b"ACGTN"[..]), (two, b"GNAT"), (b"", b"")]);
        assert_eq!(block.reads.get(0).qualities, [1, 2, 3, 4, 5]);
        assert!(block.reads.get(1).qualities.is_empty());
    }
}
