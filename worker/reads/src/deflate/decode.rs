//! Inflates, and keeps how the data was deflated.

use super::bits::BitReader;
use super::code::{MAX_BITS, codes};
use super::symbols::{
    CODE_LENGTH_ORDER, DISTANCES, END, LITERALS, MIN_LENGTH, distance_of, length_of,
};
use super::{Block, MAX_DATA_BYTES, Token, Tokens};

/// That bytes are no deflated data of the length expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("deflated data is malformed")]
pub struct Error;

/// Bits of a literal's or length's code that are looked up at once.
const LITERAL_BITS: u32 = 11;

/// Bits of a distance's code that are looked up at once.
const DISTANCE_BITS: u32 = 9;

/// Room behind the data, so that copies may run over its end in whole steps.
const SLACK_BYTES: usize = 272;

/// Bytes that are copied in one step.
const STEP_BYTES: usize = 8;

/// Symbols of the fixed code, two of which are never used. RFC 1951 §3.2.6.
const FIXED_LITERALS: usize = 288;

/// A symbol that has no code.
const NONE: u16 = u16::MAX;

/// Lengths of the codes of literals and lengths, and of distances.
type Lengths = (Vec<u8>, Vec<u8>);

/// Finds the symbol of a code.
struct Lookup {
    bits: u32,
    /// By the next `bits` bits: symbol and length of its code; 0 if the code is longer or unknown.
    table: Vec<(u16, u8)>,
    /// Symbols with longer codes: code, its length, symbol.
    long: Vec<(u16, u8, u16)>,
}

impl Lookup {
    fn new(lengths: &[u8], bits: u32) -> Self {
        let mut lookup = Self {
            bits,
            table: vec![(NONE, 0); 1 << bits],
            long: Vec::new(),
        };
        for (symbol, (&length, code)) in (0u16..).zip(lengths.iter().zip(codes(lengths))) {
            match u32::from(length) {
                0 => {}
                wide if wide > bits => lookup.long.push((code, length, symbol)),
                narrow => {
                    let slots = lookup.table.iter_mut().skip(code.into());
                    slots
                        .step_by(1 << narrow)
                        .for_each(|slot| *slot = (symbol, length));
                }
            }
        }
        lookup
    }

    /// Takes a symbol whose bits are ready.
    #[inline]
    fn take(&self, bits: &mut BitReader<'_>) -> Result<usize, Error> {
        let next = bits.peek();
        let (symbol, length) = self.table[next as usize & ((1 << self.bits) - 1)];
        if length > 0 {
            bits.skip(length.into());
            return Ok(symbol.into());
        }
        let is_next = |&&(code, length, _): &&(u16, u8, u16)| {
            next as u16 & ((1u32 << length) - 1) as u16 == code
        };
        let &(_, length, symbol) = self.long.iter().find(is_next).ok_or(Error)?;
        bits.skip(length.into());
        Ok(symbol.into())
    }
}

/// What has been inflated.
struct Output<'a> {
    data: &'a mut [u8],
    at: usize,
    length: usize,
    tokens: Vec<Token>,
    /// Where the literals since the last match start.
    literals: usize,
    /// The bit at which they start.
    start: u32,
}

impl Output<'_> {
    #[inline]
    fn literal(&mut self, byte: u8) -> Result<(), Error> {
        if self.at >= self.length {
            return Err(Error);
        }
        self.data[self.at] = byte;
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn copy(&mut self, length: usize, distance: usize) -> Result<(), Error> {
        if distance > self.at || length > self.length - self.at {
            return Err(Error);
        }
        let (to, from) = (self.at, self.at - distance);
        if distance >= STEP_BYTES {
            for step in (0..length).step_by(STEP_BYTES) {
                let bytes = self.data[from + step..].first_chunk::<STEP_BYTES>();
                let bytes = *bytes.ok_or(Error)?;
                let place = self.data[to + step..].first_chunk_mut();
                *place.ok_or(Error)? = bytes;
            }
        } else {
            for step in 0..length {
                self.data[to + step] = self.data[from + step];
            }
        }
        self.token(length as u16, distance as u16);
        self.at += length;
        self.literals = self.at;
        Ok(())
    }

    /// Takes the literals since the last match, and the match behind them.
    fn token(&mut self, length: u16, distance: u16) {
        // 65,536 literals are told as one less: what encodes goes on to the end of the data.
        let literals = (self.at - self.literals).min(u16::MAX.into()) as u16;
        self.tokens.push(Token {
            literals,
            length,
            distance,
            start: self.start,
        });
    }

    /// Takes the literals that end a block.
    fn end_block(&mut self) {
        if self.at > self.literals {
            self.token(0, 0);
            self.literals = self.at;
        }
    }
}

impl Tokens {
    /// Inflates a stream whose data has `length` bytes, at most [`MAX_DATA_BYTES`].
    ///
    /// # Errors
    /// [`Error`] if the stream is malformed or its data has another length.
    pub fn decode(packed: &[u8], length: usize) -> Result<Self, Error> {
        if length > MAX_DATA_BYTES {
            return Err(Error);
        }
        let mut data = vec![0; length + SLACK_BYTES];
        let mut output = Output {
            data: &mut data,
            at: 0,
            length,
            tokens: Vec::with_capacity(length / 8),
            literals: 0,
            start: 0,
        };
        let mut bits = BitReader::new(packed);
        let mut blocks = Vec::new();
        let mut is_last = false;
        while !is_last {
            let start = bits.position();
            bits.refill();
            is_last = bits.take(1) == 1;
            let lengths = match bits.take(2) {
                0 => None,
                1 => Some(fixed()),
                2 => Some(dynamic(&mut bits)?),
                _ => return Err(Error),
            };
            output.start = bits.position();
            let end = match &lengths {
                Some(lengths) => block(&mut bits, lengths, &mut output)?,
                None => stored(&mut bits, &mut output)?,
            };
            output.end_block();
            blocks.push(Block {
                start,
                end,
                tokens: output.tokens.len(),
                lengths,
            });
            if bits.is_exhausted() {
                return Err(Error);
            }
        }
        if output.at != length {
            return Err(Error);
        }
        let tokens = output.tokens;
        data.truncate(length);
        Ok(Self {
            tokens,
            blocks,
            packed: packed.to_vec(),
            data,
        })
    }
}

/// Takes symbols up to a block's end; returns the bit at which the sign of it starts.
fn block(
    bits: &mut BitReader<'_>,
    lengths: &Lengths,
    output: &mut Output<'_>,
) -> Result<u32, Error> {
    let literals = Lookup::new(&lengths.0, LITERAL_BITS);
    let distances = Lookup::new(&lengths.1, DISTANCE_BITS);
    loop {
        bits.refill();
        // 56 bits are enough for two literals, or for a match behind one.
        let mut before = bits.position();
        let mut symbol = literals.take(bits)?;
        if symbol < END {
            output.literal(symbol as u8)?;
            before = bits.position();
            symbol = literals.take(bits)?;
            if symbol < END {
                output.literal(symbol as u8)?;
                continue;
            }
            bits.refill();
        }
        if symbol == END {
            return Ok(before);
        }
        let (length, extra) = length_of(symbol).ok_or(Error)?;
        let length = u32::from(length) + bits.take(extra.into());
        let (distance, extra) = distance_of(distances.take(bits)?).ok_or(Error)?;
        let distance = u32::from(distance) + bits.take(extra.into());
        if bits.is_exhausted() {
            return Err(Error);
        }
        output.copy(length as usize, distance as usize)?;
        output.start = bits.position();
    }
}

fn stored(bits: &mut BitReader<'_>, output: &mut Output<'_>) -> Result<u32, Error> {
    bits.align();
    bits.refill();
    let (length, complement) = (bits.take(16), bits.take(16));
    if length != !complement & 0xFFFF {
        return Err(Error);
    }
    for _ in 0..length {
        bits.refill();
        output.literal(bits.take(8) as u8)?;
    }
    Ok(bits.position())
}

fn fixed() -> Lengths {
    let length = |symbol: usize| match symbol {
        0..144 => 8,
        144..256 => 9,
        256..280 => 7,
        _ => 8,
    };
    ((0..FIXED_LITERALS).map(length).collect(), vec![5; 32])
}

/// Reads the codes of a block. RFC 1951 §3.2.7.
fn dynamic(bits: &mut BitReader<'_>) -> Result<Lengths, Error> {
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
    let of_lengths = Lookup::new(&of_lengths, 7);
    let mut lengths: Vec<u8> = Vec::with_capacity(LITERALS + DISTANCES);
    while lengths.len() < literals + distances {
        bits.refill();
        let (value, times) = match of_lengths.take(bits)? {
            16 => (*lengths.last().ok_or(Error)?, 3 + bits.take(2)),
            17 => (0, 3 + bits.take(3)),
            18 => (0, 11 + bits.take(7)),
            length => (length as u8, 1),
        };
        lengths.extend(std::iter::repeat_n(value, times as usize));
    }
    if lengths.len() > literals + distances || bits.is_exhausted() {
        return Err(Error);
    }
    let (literals, distances) = lengths.split_at(literals);
    if !is_code(literals) || !is_code(distances) {
        return Err(Error);
    }
    Ok((literals.to_vec(), distances.to_vec()))
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

/// A match is at least this long, whatever a stream says.
const _: () = assert!(MIN_LENGTH == 3);

#[cfg(test)]
mod tests {
    use super::super::bits::BitWriter;
    use super::super::encode::{put_lengths, with_codes};
    use super::*;

    /// Deflates one `F` with a code of two literals of `wide` bits, and a distance of `far` bits.
    fn one_letter(wide: u8, far: u8) -> Vec<u8> {
        let mut literals = [0; LITERALS];
        (literals[usize::from(b'F')], literals[END]) = (wide, wide);
        let mut packed = Vec::new();
        let mut bits = BitWriter::new(&mut packed);
        bits.put(0b101, 3);
        put_lengths(&literals, &[far], &mut bits);
        let codes = with_codes(&literals);
        for symbol in [usize::from(b'F'), END] {
            bits.put(codes[symbol].0.into(), codes[symbol].1.into());
        }
        bits.finish();
        packed
    }

    #[test]
    fn codes_with_gaps_are_malformed() {
        for (wide, far, is_right) in [(1, 0, true), (1, 1, true), (2, 0, false), (1, 2, false)] {
            let packed = one_letter(wide, far);
            let mut data = [0];
            let judged = libdeflater::Decompressor::new().deflate_decompress(&packed, &mut data);
            assert_eq!(judged.is_ok(), is_right, "{wide} {far}");
            assert_eq!(Tokens::decode(&packed, 1).is_ok(), is_right, "{wide} {far}");
        }
    }
}
