//! A block on its way from the old stream to the new.

use std::ops::Range;

use super::super::Token;
use super::super::bits::{BitReader, BitWriter};
use super::super::encode::Code;
use super::super::fixed;
use super::super::outline::Places;
use super::super::spot::Spots;
use super::super::symbols::{END, MIN_LENGTH, of_distance, of_length};
use super::super::table::{Distances, Literals};
use super::Unfit;

/// Writes a block; its bits are copied but where a token does not hold.
pub(super) struct BlockPatch<'a, 'b> {
    /// The old stream, padded.
    pub(super) packed: &'a [u8],
    pub(super) spots: Spots<'a>,
    /// The places of spots that change.
    pub(super) changes: &'a Places,
    /// How literals and lengths are read, and written.
    pub(super) literals: (&'a Literals, Vec<Code>),
    /// How distances are read, and written.
    pub(super) distances: (&'a Distances, Vec<Code>),
    /// The bits between the sign of a last block and the first symbol.
    pub(super) head: Range<u32>,
    /// The bit up to which the old stream was copied or replaced.
    pub(super) copied: u32,
    pub(super) bits: &'a mut BitWriter<'b>,
}

impl BlockPatch<'_, '_> {
    /// Writes what stands before the symbols.
    pub(super) fn head(&mut self) {
        self.bits.put(0, 1);
        self.bits.copy(self.packed, self.head.start, self.head.end);
    }

    /// Copies bits up to this one.
    pub(super) fn copy_to(&mut self, bit: u32) -> Result<(), Unfit> {
        if bit < self.copied || !self.bits.copy(self.packed, self.copied, bit) {
            return Err(Unfit);
        }
        self.copied = bit;
        Ok(())
    }

    /// Writes a token anew where it does not hold; its data starts at `at`.
    pub(super) fn token(&mut self, at: usize, token: Token) -> Result<(), Unfit> {
        let copy = at + token.literals();
        let mut reader = BitReader::at(self.packed, token.start());
        let (changes, mut here) = (self.changes, at);
        for place in changes.within(at, copy) {
            self.pass_literals(&mut reader, place - here)?;
            self.copy_to(reader.position())?;
            self.put_literal(self.spots.new_at(place).ok_or(Unfit)?);
            self.pass_literals(&mut reader, 1)?;
            self.copied = reader.position();
            here = place + 1;
        }
        let breaks = self.breaks(copy, token)?;
        if breaks.is_empty() {
            return Ok(());
        }
        self.pass_literals(&mut reader, copy - here)?;
        self.copy_to(reader.position())?;
        self.pass_match(&mut reader, token)?;
        self.copied = reader.position();
        self.put_pieces(copy, token, &breaks)
    }

    fn pass_literals(&self, reader: &mut BitReader<'_>, count: usize) -> Result<(), Unfit> {
        let literals = self.literals.0;
        for _ in 0..count {
            let entry = literals.whole(literals.look(reader.peek()), reader.peek())?;
            if !entry.is_literal() {
                return Err(Unfit);
            }
            reader.skip(entry.code_bits());
            reader.refill();
        }
        Ok(())
    }

    /// Passes the match of a token.
    fn pass_match(&self, reader: &mut BitReader<'_>, token: Token) -> Result<(), Unfit> {
        let (literals, distances) = (self.literals.0, self.distances.0);
        let length = literals.whole(literals.look(reader.peek()), reader.peek())?;
        reader.skip(length.code_bits());
        let found = length.least() + reader.take(length.extra_bits());
        let distance = distances.whole(distances.look(reader.peek()), reader.peek())?;
        reader.skip(distance.code_bits() + distance.extra_bits());
        match length.is_value() && found as usize == token.length() {
            true => Ok(()),
            false => Err(Unfit),
        }
    }

    /// Returns where a match that starts at `copy` does not hold any more, ascending.
    fn breaks(&self, copy: usize, token: Token) -> Result<Vec<usize>, Unfit> {
        let (distance, end) = (token.distance(), copy + token.length());
        let source = copy.checked_sub(distance).ok_or(Unfit)?;
        let differs = |place: &usize| {
            let came = self.spots.copied(place - distance, 0);
            came != self.spots.new_at(*place)
        };
        let changed = self.changes.within(copy, end);
        let mut breaks: Vec<usize> = changed.filter(differs).collect();
        let copied = self.changes.within(source, end - distance);
        let stays = |place: &usize| !self.changes.touch(*place, place + 1);
        breaks.extend(copied.map(|place| place + distance).filter(stays));
        breaks.sort_unstable();
        Ok(breaks)
    }

    /// Writes a match without the bytes that differ, and these as literals.
    fn put_pieces(&mut self, copy: usize, token: Token, breaks: &[usize]) -> Result<(), Unfit> {
        let (distance, end) = (token.distance(), copy + token.length());
        let mut from = copy;
        for to in breaks.iter().copied().chain([end]) {
            let literals = match to - from >= MIN_LENGTH {
                true => {
                    self.put_match(to - from, distance)?;
                    to..end.min(to + 1)
                }
                false => from..end.min(to + 1),
            };
            for place in literals {
                self.put_literal(self.spots.copied(place, distance).ok_or(Unfit)?);
            }
            from = to + 1;
        }
        Ok(())
    }

    fn put_literal(&mut self, byte: u8) {
        match code(&self.literals.1, byte.into()) {
            Some(code) => put(self.bits, code),
            None => self.between_blocks(|bits| fixed::put_literal(byte, bits)),
        }
    }

    fn put_match(&mut self, length: usize, distance: usize) -> Result<(), Unfit> {
        let of_length = of_length(length);
        let Some(length_code) = code(&self.literals.1, of_length.symbol) else {
            self.between_blocks(|bits| fixed::put_match(length, distance, bits));
            return Ok(());
        };
        let of_distance = of_distance(distance);
        let distance_code = code(&self.distances.1, of_distance.symbol).ok_or(Unfit)?;
        put(self.bits, length_code);
        self.bits.put(of_length.extra.into(), of_length.extra_bits);
        put(self.bits, distance_code);
        self.bits
            .put(of_distance.extra.into(), of_distance.extra_bits);
        Ok(())
    }

    /// Writes what has no code here in a block of the fixed code, behind which this one begins
    /// again.
    fn between_blocks(&mut self, symbol: impl FnOnce(&mut BitWriter<'_>)) {
        if let Some(end) = code(&self.literals.1, END) {
            put(self.bits, end);
        }
        fixed::start(self.bits);
        symbol(self.bits);
        fixed::end(self.bits);
        self.head();
    }
}

/// Returns the code of a symbol that has one.
fn code(codes: &[Code], symbol: usize) -> Option<Code> {
    codes.get(symbol).copied().filter(|(_, wide)| *wide > 0)
}

/// Writes a symbol.
#[inline]
fn put(bits: &mut BitWriter<'_>, (code, wide): Code) {
    bits.flush();
    bits.put(code.into(), wide.into());
}
