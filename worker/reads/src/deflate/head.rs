//! What stands before the symbols of a block: its kind, and its codes. RFC 1951 §3.2.3–3.2.7.

use super::bits::BitReader;
use super::code::MAX_BITS;
use super::decode::Error;
use super::symbols::{CODE_LENGTH_ORDER, DISTANCES, END, LITERALS};
use super::table::CodeLengths;

/// Symbols of the fixed code, two of which are never used. RFC 1951 §3.2.6.
const FIXED_LITERALS: usize = 288;

/// Distances of the fixed code, two of which are never used.
const FIXED_DISTANCES: usize = 32;

/// The head of a block.
pub(super) enum Head<'a> {
    /// Bytes follow as they are.
    Stored { is_last: bool },
    /// Symbols follow.
    Coded { is_last: bool, codes: Codes<'a> },
}

/// Lengths of codes.
#[derive(Clone, Copy)]
pub(super) struct Codes<'a> {
    /// Of literals and lengths.
    pub(super) literals: &'a [u8],
    /// Of distances.
    pub(super) distances: &'a [u8],
}

impl Head<'_> {
    /// Says whether no block follows.
    pub(super) const fn is_last(&self) -> bool {
        match self {
            Self::Stored { is_last } | Self::Coded { is_last, .. } => *is_last,
        }
    }
}

/// Reads heads, and keeps its memory from one to the next.
#[derive(Debug, Default)]
pub(super) struct Heads {
    code_lengths: CodeLengths,
    lengths: Vec<u8>,
}

impl Heads {
    /// Reads a head, up to the first symbol.
    ///
    /// # Errors
    /// [`Error`] if there is no such kind of block, or no such code.
    pub(super) fn read(&mut self, bits: &mut BitReader<'_>) -> Result<Head<'_>, Error> {
        bits.refill();
        let is_last = bits.take(1) == 1;
        self.lengths.clear();
        let literals = match bits.take(2) {
            0 => return Ok(Head::Stored { is_last }),
            1 => self.fixed(),
            2 => self.dynamic(bits)?,
            _ => return Err(Error),
        };
        let (literals, distances) = self.lengths.split_at(literals);
        let codes = Codes {
            literals,
            distances,
        };
        Ok(Head::Coded { is_last, codes })
    }

    /// Takes the fixed code; returns how many of the lengths are those of literals.
    fn fixed(&mut self) -> usize {
        let length = |symbol: usize| match symbol {
            0..144 => 8,
            144..256 => 9,
            256..280 => 7,
            _ => 8,
        };
        self.lengths.extend((0..FIXED_LITERALS).map(length));
        self.lengths.extend([5; FIXED_DISTANCES]);
        FIXED_LITERALS
    }

    /// Reads codes; returns how many of the lengths are those of literals.
    fn dynamic(&mut self, bits: &mut BitReader<'_>) -> Result<usize, Error> {
        bits.refill();
        let literals = bits.take(5) as usize + END + 1;
        let distances = bits.take(5) as usize + 1;
        let written = bits.take(4) as usize + 4;
        let mut of_lengths = [0; CODE_LENGTH_ORDER.len()];
        for &symbol in CODE_LENGTH_ORDER.iter().take(written) {
            bits.refill();
            of_lengths[usize::from(symbol)] = bits.take(3) as u8;
        }
        if !is_code(&of_lengths) {
            return Err(Error);
        }
        self.code_lengths.set_code_lengths(&of_lengths);
        let lengths = &mut self.lengths;
        lengths.reserve(LITERALS + DISTANCES);
        while lengths.len() < literals + distances {
            bits.refill();
            let look = self.code_lengths.look(bits.peek());
            let entry = self.code_lengths.whole(look, bits.peek())?;
            bits.skip(entry.code_bits());
            let (value, times) = match entry.least() {
                16 => (*lengths.last().ok_or(Error)?, 3 + bits.take(2)),
                17 => (0, 3 + bits.take(3)),
                18 => (0, 11 + bits.take(7)),
                length => (length as u8, 1),
            };
            lengths.extend(std::iter::repeat_n(value, times as usize));
        }
        let is_right = lengths.len() == literals + distances
            && !bits.is_exhausted()
            && is_code(&lengths[..literals])
            && is_code(&lengths[literals..]);
        is_right.then_some(literals).ok_or(Error)
    }
}

/// Says whether lengths make a code that leaves no bits without meaning; no symbol at all, or one
/// of one bit, do as well. RFC 1951 §3.2.7.
fn is_code(lengths: &[u8]) -> bool {
    let used = |&length: &u8| match length {
        0 => 0,
        length => 1 << (MAX_BITS - u32::from(length)),
    };
    match lengths.iter().map(used).sum::<u32>() {
        0 => true,
        used if used == 1 << (MAX_BITS - 1) => {
            lengths.iter().filter(|&&bits| bits > 0).count() == 1
        }
        used => used == 1 << MAX_BITS,
    }
}
