//! The canonical code of counts: its lengths say it all.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::super::{Decoder, Error};
use super::{MOST_BITS, WHAT};

/// Entries of a table of all prefixes.
pub(super) const TABLE_SIZE: usize = 1 << MOST_BITS;

/// The code of each value, its bits in the order of the stream, and its length; 0 for none.
pub(super) struct Code {
    bits: [u16; 256],
    lengths: [u8; 256],
}

impl Code {
    /// Makes the shortest code for values that are so frequent, cut to [`MOST_BITS`]; at least two
    /// of them occur.
    pub fn of_counts(counts: &[u32; 256]) -> Self {
        let mut counts = *counts;
        loop {
            let lengths = lengths(&counts);
            if lengths.iter().all(|&length| u32::from(length) <= MOST_BITS) {
                return Self::of_lengths(lengths);
            }
            // Flatter counts have shorter codes; after 32 rounds all are 1.
            for count in counts.iter_mut().filter(|count| **count > 0) {
                *count = (*count >> 2) + 1;
            }
        }
    }

    /// Returns the bits of a value and how many they are.
    #[inline]
    pub fn of(&self, value: u8) -> (u64, u32) {
        let value = usize::from(value);
        (self.bits[value].into(), self.lengths[value].into())
    }

    /// Appends the lengths, two a byte.
    pub fn put(&self, out: &mut Vec<u8>) {
        let (pairs, _) = self.lengths.as_chunks::<2>();
        out.extend(pairs.iter().map(|[low, high]| low | high << 4));
    }

    /// Reads the lengths.
    pub fn take(fields: &mut Decoder<'_>) -> Result<Self, Error> {
        let packed = fields.bytes(128)?;
        let lengths = std::array::from_fn(|value| packed[value / 2] >> (4 * (value % 2)) & 0xF);
        let room = |&length: &u8| match u32::from(length) {
            0 => 0,
            length if length <= MOST_BITS => TABLE_SIZE >> length,
            _ => TABLE_SIZE + 1,
        };
        if lengths.iter().map(room).sum::<usize>() == TABLE_SIZE {
            Ok(Self::of_lengths(lengths))
        } else {
            Err(Error::Range { what: WHAT })
        }
    }

    /// Returns the value and the length of the code that each prefix begins with: value · 256 + length.
    pub fn table(&self) -> Box<[u16; TABLE_SIZE]> {
        let mut table = Box::new([0; TABLE_SIZE]);
        for (value, (&bits, &length)) in (0..).zip(self.bits.iter().zip(&self.lengths)) {
            if length == 0 {
                continue;
            }
            let entry: u16 = value << 8 | u16::from(length);
            let prefixes = table.iter_mut().skip(bits.into());
            prefixes.step_by(1 << length).for_each(|slot| *slot = entry);
        }
        table
    }

    fn of_lengths(lengths: [u8; 256]) -> Self {
        let mut bits = [0; 256];
        let mut next = 0u16;
        for length in 1..=MOST_BITS as u8 {
            for value in (0..256).filter(|&value| lengths[value] == length) {
                bits[value] = next.reverse_bits() >> (16 - length);
                next += 1;
            }
            next <<= 1;
        }
        Self { bits, lengths }
    }
}

/// Returns the lengths of the shortest code; equal counts are joined in a fixed order.
fn lengths(counts: &[u32; 256]) -> [u8; 256] {
    let mut parents = Vec::with_capacity(512);
    let mut heap = BinaryHeap::new();
    let mut leaves = Vec::new();
    for (value, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        heap.push(Reverse((u64::from(count), leaves.len())));
        leaves.push(value);
        parents.push(0);
    }
    while let (Some(Reverse((one, left))), Some(Reverse((other, right)))) = (heap.pop(), heap.pop())
    {
        let node = parents.len();
        parents.push(node);
        parents[left] = node;
        parents[right] = node;
        if heap.is_empty() {
            break;
        }
        heap.push(Reverse((one + other, node)));
    }
    let root = parents.len() - 1;
    let mut depths = vec![0u8; parents.len()];
    for node in (0..root).rev() {
        depths[node] = depths[parents[node]] + 1;
    }
    let mut lengths = [0; 256];
    for (&value, &depth) in leaves.iter().zip(&depths) {
        lengths[value] = depth;
    }
    lengths
}
