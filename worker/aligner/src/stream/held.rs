//! Blocks that wait for the insert sizes of their batch, in less memory.
//!
//! Of a name only what follows the beginning that it shares with the one before is kept; all that
//! becomes of the letter of a base is its code.

mod bases;
mod qualities;

use super::Block;
use crate::varint::Cursor;
use genome::reads::{Read, Reads};
use genome::varint::put;
use qualities::Packed;

/// A block whose reads are packed.
pub(super) struct Held<X> {
    extra: X,
    first_ordinal: u64,
    reads: usize,
    /// Of each read: name, number of bases, bases.
    bytes: Box<[u8]>,
    qualities: Packed,
}

impl<X> Held<X> {
    /// Packs a block.
    pub fn new(block: Block<X>) -> Self {
        let (mut bytes, mut qualities) = (Vec::new(), Vec::new());
        let mut name_before: &[u8] = &[];
        for read in block.reads.iter() {
            let pairs = read.name.iter().zip(name_before);
            let shared = pairs.take_while(|(one, other)| one == other).count();
            put(&mut bytes, shared as u64);
            put(&mut bytes, (read.name.len() - shared) as u64);
            bytes.extend_from_slice(&read.name[shared..]);
            let has_qualities = u64::from(!read.qualities.is_empty());
            put(&mut bytes, (read.bases.len() as u64) << 1 | has_qualities);
            bases::pack(read.bases, &mut bytes);
            qualities.extend_from_slice(read.qualities);
            name_before = read.name;
        }
        Self {
            extra: block.extra,
            first_ordinal: block.first_ordinal,
            reads: block.reads.len(),
            // A copy: shrinking would leave the room behind with some allocators.
            bytes: bytes.as_slice().into(),
            qualities: Packed::new(qualities),
        }
    }

    /// Unpacks the block; what was no known base is an N now.
    pub fn unpack(self) -> Block<X> {
        let mut reads = Reads::default();
        let (mut name, mut letters) = (Vec::new(), Vec::new());
        let qualities = self.qualities.unpack();
        let mut qualities = qualities.as_slice();
        let mut packed = Cursor(&self.bytes);
        for _ in 0..self.reads {
            name.truncate(packed.number() as usize);
            let rest = packed.number() as usize;
            name.extend_from_slice(packed.bytes(rest));
            let lengths = packed.number();
            let count = (lengths >> 1) as usize;
            bases::unpack(count, &mut packed, &mut letters);
            let known = if lengths & 1 == 1 { count } else { 0 };
            let (here, behind) = qualities.split_at(known);
            reads.push(Read {
                name: &name,
                bases: &letters,
                qualities: here,
            });
            qualities = behind;
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
