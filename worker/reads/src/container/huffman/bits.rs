//! Bits, the lowest of a byte first.

use super::code::TABLE_SIZE;
use super::{MOST_BITS, STEP};

/// What a reader takes at a time; so much stands behind each stream.
const WORD_BYTES: usize = 8;

/// Writes codes.
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    used: usize,
    held: u64,
    count: u32,
}

impl BitWriter {
    /// Makes room for so many bits.
    pub fn with_room(bits: usize) -> Self {
        Self {
            bytes: vec![0; bits / 8 + 2 * WORD_BYTES],
            used: 0,
            held: 0,
            count: 0,
        }
    }

    /// Appends a code; [`STEP`] of them fit between two flushes.
    #[inline]
    pub fn put(&mut self, code: u64, length: u32) {
        self.held |= code << self.count;
        self.count += length;
        debug_assert!(self.count < 8 + STEP as u32 * MOST_BITS);
    }

    /// Moves whole bytes out.
    #[inline]
    pub fn flush(&mut self) {
        let word = &mut self.bytes[self.used..self.used + WORD_BYTES];
        word.copy_from_slice(&self.held.to_le_bytes());
        let bytes = self.count / 8;
        self.used += bytes as usize;
        self.held >>= 8 * bytes;
        self.count %= 8;
    }

    /// Returns all bytes and those that a reader may look at behind them.
    pub fn finish(mut self) -> Vec<u8> {
        self.flush();
        let end = self.used + usize::from(self.count > 0);
        self.bytes.truncate(end + WORD_BYTES);
        self.bytes
    }
}

/// Reads codes; behind the end there are zeros.
#[derive(Clone, Copy, Default)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
    held: u64,
    count: u32,
}

impl<'a> BitReader<'a> {
    /// Reads from the first byte on.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            ..Self::default()
        }
    }

    /// Makes at least 56 bits ready.
    #[inline]
    pub fn refill(&mut self) {
        let word = self.bytes.get(self.at..self.at + WORD_BYTES);
        let word = word.and_then(<[u8]>::first_chunk).copied();
        self.held |= u64::from_le_bytes(word.unwrap_or_default()) << self.count;
        self.at += ((63 - self.count) / 8) as usize;
        self.count |= 56;
    }

    /// Takes the value of the next code.
    #[inline]
    pub fn take(&mut self, table: &[u16; TABLE_SIZE]) -> u8 {
        let entry = table[self.held as usize % TABLE_SIZE];
        let length = u32::from(entry & 0xF);
        self.held >>= length;
        self.count -= length;
        (entry >> 8) as u8
    }
}
