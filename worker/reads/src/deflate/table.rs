//! Finds symbols by the bits of their codes: one look for most, two for codes that are long.

use super::code::MAX_BITS;
use super::decode::Error;
use super::symbols::{DISTANCES, END, LITERALS, distance_of, length_of};

/// Literals and lengths.
pub(super) type Literals = Table<LITERAL_BITS>;

/// Distances.
pub(super) type Distances = Table<8>;

/// Lengths of codes; no code of these is longer.
pub(super) type CodeLengths = Table<7>;

/// Bits of a literal's or length's code that are looked up at once.
pub(super) const LITERAL_BITS: u32 = 11;

/// No table is larger.
const MOST_ENTRIES: usize = 1 << LITERAL_BITS;

/// No code has more symbols.
const MOST_SYMBOLS: usize = 288;

/// What is found: in the lowest eight bits how many bits the code has, above them what follows.
///
/// - a literal: [`LITERAL`], and the byte;
/// - a length or distance: [`VALUE`], how many extra bits it has, and its least value;
/// - a code longer than what is looked up: [`LONGER`], and where the second look begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry(u32);

const LITERAL: u32 = 1 << 31;
const LONGER: u32 = 1 << 30;
const ENDING: u32 = 1 << 29;
const VALUE: u32 = 1 << 28;

impl Entry {
    /// Bits that stand for nothing.
    const NOTHING: Self = Self(0);

    const fn literal(byte: u8) -> Self {
        Self(LITERAL | (byte as u32) << 8)
    }

    const fn value(least: u16, extra_bits: u8) -> Self {
        Self(VALUE | (least as u32) << 13 | (extra_bits as u32) << 8)
    }

    const fn with_bits(self, bits: u8) -> Self {
        Self(self.0 | bits as u32)
    }

    /// Says whether it is a literal.
    #[inline]
    pub(super) const fn is_literal(self) -> bool {
        self.0 & LITERAL != 0
    }

    /// Says whether the code is longer than what was looked up.
    #[inline]
    pub(super) const fn is_longer(self) -> bool {
        self.0 & LONGER != 0
    }

    /// Says whether it ends a block.
    #[inline]
    pub(super) const fn is_end(self) -> bool {
        self.0 & ENDING != 0
    }

    /// Says whether it is a length or a distance.
    #[inline]
    pub(super) const fn is_value(self) -> bool {
        self.0 & VALUE != 0
    }

    /// Returns how many bits the code has.
    #[inline]
    pub(super) const fn code_bits(self) -> u32 {
        self.0 & 0xFF
    }

    /// Returns the literal.
    #[inline]
    pub(super) const fn byte(self) -> u8 {
        (self.0 >> 8) as u8
    }

    /// Returns the least length or distance, or a code's length.
    #[inline]
    pub(super) const fn least(self) -> u32 {
        self.0 >> 13 & 0x7FFF
    }

    /// Returns how many extra bits the length or distance has.
    #[inline]
    pub(super) const fn extra_bits(self) -> u32 {
        self.0 >> 8 & 31
    }
}

/// Symbols by the bits of their codes, `BITS` of which are looked up at once.
#[derive(Debug)]
pub(super) struct Table<const BITS: u32> {
    first: Box<[Entry; MOST_ENTRIES]>,
    second: Vec<Entry>,
}

impl<const BITS: u32> Default for Table<BITS> {
    fn default() -> Self {
        Self {
            first: Box::new([Entry::NOTHING; MOST_ENTRIES]),
            second: Vec::new(),
        }
    }
}

impl Literals {
    /// Takes the codes of literals and lengths.
    pub(super) fn set_literals(&mut self, lengths: &[u8]) {
        self.set(lengths, |symbol| match symbol {
            0..END => Entry::literal(symbol as u8),
            END => Entry(ENDING),
            LITERALS.. => Entry::NOTHING,
            _ => {
                length_of(symbol).map_or(Entry::NOTHING, |(least, bits)| Entry::value(least, bits))
            }
        });
    }
}

impl Distances {
    /// Takes the codes of distances.
    pub(super) fn set_distances(&mut self, lengths: &[u8]) {
        self.set(lengths, |symbol| match symbol {
            DISTANCES.. => Entry::NOTHING,
            _ => distance_of(symbol)
                .map_or(Entry::NOTHING, |(least, bits)| Entry::value(least, bits)),
        });
    }
}

impl CodeLengths {
    /// Takes the codes of code lengths.
    pub(super) fn set_code_lengths(&mut self, lengths: &[u8]) {
        self.set(lengths, |symbol| Entry::value(symbol as u16, 0));
    }
}

impl<const BITS: u32> Table<BITS> {
    fn set(&mut self, lengths: &[u8], entry_of: impl Fn(usize) -> Entry) {
        let mut counts = [0u16; MAX_BITS as usize + 2];
        for &length in lengths {
            counts[usize::from(length) + 1] += 1;
        }
        let unused = counts[1];
        counts[1] = 0;
        for wide in 1..counts.len() {
            counts[wide] += counts[wide - 1];
        }
        let total = lengths.len() - usize::from(unused);
        let mut symbols = [0u16; MOST_SYMBOLS];
        let mut next = counts;
        for (symbol, &length) in (0u16..).zip(lengths).filter(|(_, length)| **length > 0) {
            let slot = &mut next[usize::from(length)];
            symbols[usize::from(*slot)] = symbol;
            *slot += 1;
        }
        self.second.clear();
        self.first[0] = Entry::NOTHING;
        let mut code = 0u16;
        let mut sorted = symbols[..total].iter();
        for wide in 1..=MAX_BITS {
            code <<= 1;
            if wide <= BITS {
                let size = 1 << (wide - 1);
                self.first.copy_within(..size, size);
            }
            let count = next[wide as usize] - counts[wide as usize];
            for &symbol in sorted.by_ref().take(count.into()) {
                let bits = usize::from(code.reverse_bits() >> (u16::BITS - wide));
                let entry = entry_of(symbol.into());
                if entry != Entry::NOTHING {
                    self.put(bits, wide, entry.with_bits(wide as u8));
                }
                code = code.wrapping_add(1);
            }
        }
    }

    fn put(&mut self, code: usize, wide: u32, entry: Entry) {
        if wide <= BITS {
            self.first[code] = entry;
            return;
        }
        const { assert!(BITS < MAX_BITS) };
        let head = code & ((1 << BITS) - 1);
        if !self.first[head].is_longer() {
            self.first[head] = Entry(LONGER | self.second.len() as u32);
            let size = self.second.len() + (1 << (MAX_BITS - BITS));
            self.second.resize(size, Entry::NOTHING);
        }
        let start = (self.first[head].0 & !LONGER) as usize;
        let slots = self.second[start..].iter_mut().take(1 << (MAX_BITS - BITS));
        let slots = slots.skip(code >> BITS).step_by(1 << (wide - BITS));
        slots.for_each(|slot| *slot = entry);
    }

    /// Looks the next bits up.
    #[inline]
    pub(super) fn look(&self, next: u64) -> Entry {
        const { assert!(1 << BITS <= MOST_ENTRIES) };
        self.first[next as usize & ((1 << BITS) - 1)]
    }

    /// Looks a second time, where the code is longer.
    ///
    /// # Errors
    /// [`Error`] if the bits stand for nothing.
    #[inline]
    pub(super) fn whole(&self, entry: Entry, next: u64) -> Result<Entry, Error> {
        let whole = match entry.is_longer() {
            true => {
                let behind = next >> BITS & ((1 << (MAX_BITS - BITS)) - 1);
                self.second[(entry.0 & !LONGER) as usize + behind as usize]
            }
            false => entry,
        };
        if whole == Entry::NOTHING {
            return Err(Error);
        }
        Ok(whole)
    }
}
