//! Inflates, and keeps how the data was deflated.

use super::bits::{BitReader, READY_BITS, padded};
use super::code::MAX_BITS;
use super::symbols::{CODE_LENGTH_ORDER, DISTANCES, END, LITERALS};
use super::table::{CodeLengths, Distances, LITERAL_BITS, Literals};
use super::{Block, MAX_DATA_BYTES, Token, Tokens};

/// That bytes are no deflated data of the length expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("deflated data is malformed")]
pub struct Error;

/// Room behind the data, so that copies may run over its end in whole steps.
const SLACK_BYTES: usize = 288;

const WINDOW_BYTES: usize = MAX_DATA_BYTES + SLACK_BYTES;

/// Bytes that are copied in one step.
const STEP_BYTES: usize = 16;

/// Looks between two times that bits are made ready: each takes [`LITERAL_BITS`] at most.
const LOOKS: u32 = 4;

const _: () = assert!((LOOKS + 1) * LITERAL_BITS <= READY_BITS);

/// Symbols of the fixed code, two of which are never used. RFC 1951 §3.2.6.
const FIXED_LITERALS: usize = 288;

/// Lengths of the codes of literals and lengths, and of distances.
type Lengths = (Vec<u8>, Vec<u8>);

/// Inflates streams, and keeps its memory from one to the next.
#[derive(Debug)]
pub struct Decoder {
    literals: Literals,
    distances: Distances,
    code_lengths: CodeLengths,
    /// The data, and slack.
    window: Box<[u8; WINDOW_BYTES]>,
    tokens: Vec<Token>,
    /// The most of a stream so far.
    most_tokens: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            literals: Literals::default(),
            distances: Distances::default(),
            code_lengths: CodeLengths::default(),
            window: Box::new([0; WINDOW_BYTES]),
            tokens: Vec::new(),
            most_tokens: 0,
        }
    }
}

/// How much has been inflated.
#[derive(Clone, Copy)]
struct Reached {
    /// Where the next byte goes.
    at: usize,
    /// Where the data ends.
    length: usize,
    /// Where the literals since the last match start.
    literals: usize,
    /// The bit at which they start.
    start: u32,
}

impl Reached {
    /// Returns the literals since the last match as a token, with a match behind them.
    #[inline]
    fn token(&self, length: usize, distance: usize) -> Token {
        // 65,536 literals are told as one less: what encodes goes on to the end of the data.
        let literals = (self.at - self.literals).min(u16::MAX.into());
        Token::new(literals, length, distance, self.start)
    }
}

impl Decoder {
    /// Inflates a stream whose data has `length` bytes, at most [`MAX_DATA_BYTES`].
    ///
    /// # Errors
    /// [`Error`] if the stream is malformed or its data has another length.
    pub fn decode(&mut self, packed: &[u8], length: usize) -> Result<Tokens, Error> {
        if length > MAX_DATA_BYTES || packed.len() > MAX_DATA_BYTES {
            return Err(Error);
        }
        let packed = padded(packed);
        self.tokens = Vec::with_capacity(self.most_tokens);
        let mut reached = Reached {
            at: 0,
            length,
            literals: 0,
            start: 0,
        };
        let mut bits = BitReader::new(&packed);
        let mut blocks = Vec::new();
        let mut is_last = false;
        while !is_last {
            let start = bits.position();
            bits.refill();
            is_last = bits.take(1) == 1;
            let lengths = match bits.take(2) {
                0 => None,
                1 => Some(fixed()),
                2 => Some(self.dynamic(&mut bits)?),
                _ => return Err(Error),
            };
            reached.start = bits.position();
            let end = match &lengths {
                Some(lengths) => {
                    self.literals.set_literals(&lengths.0);
                    self.distances.set_distances(&lengths.1);
                    self.block(&mut bits, &mut reached)?
                }
                None => self.stored(&mut bits, &mut reached)?,
            };
            if bits.is_exhausted() || reached.at > length {
                return Err(Error);
            }
            if reached.at > reached.literals {
                self.tokens.push(reached.token(0, 0));
                reached.literals = reached.at;
            }
            blocks.push(Block {
                start,
                end,
                tokens: self.tokens.len(),
                lengths,
            });
        }
        if reached.at != length {
            return Err(Error);
        }
        self.most_tokens = self.most_tokens.max(self.tokens.len());
        Ok(Tokens {
            tokens: std::mem::take(&mut self.tokens),
            blocks,
            packed,
            data: self.window[..length].to_vec(),
        })
    }

    /// Takes symbols up to a block's end; returns the bit at which the sign of it starts.
    fn block(&mut self, reader: &mut BitReader<'_>, reached: &mut Reached) -> Result<u32, Error> {
        let (literals, distances) = (&self.literals, &self.distances);
        let window = &mut *self.window;
        // Copies, for the sake of registers.
        let (mut bits, mut out) = (reader.clone(), *reached);
        bits.refill();
        let mut entry = literals.look(bits.peek());
        loop {
            let mut looks = 0;
            while entry.is_literal() && looks < LOOKS {
                put(window, out.at, entry.byte());
                out.at += 1;
                bits.skip(entry.code_bits());
                entry = literals.look(bits.peek());
                looks += 1;
            }
            bits.refill();
            if out.at > out.length {
                return Err(Error);
            }
            if entry.is_literal() {
                continue;
            }
            entry = literals.whole(entry, bits.peek())?;
            bits.skip(entry.code_bits());
            if entry.is_literal() {
                put(window, out.at, entry.byte());
                out.at += 1;
                bits.refill();
                entry = literals.look(bits.peek());
                continue;
            }
            if entry.is_end() {
                (*reader, *reached) = (bits, out);
                return Ok(reader.position() - entry.code_bits());
            }
            let length = (entry.least() + bits.take(entry.extra_bits())) as usize;
            entry = distances.whole(distances.look(bits.peek()), bits.peek())?;
            bits.skip(entry.code_bits());
            let distance = (entry.least() + bits.take(entry.extra_bits())) as usize;
            let end = bits.position();
            bits.refill();
            entry = literals.look(bits.peek());
            if distance > out.at || length > out.length - out.at {
                return Err(Error);
            }
            self.tokens.push(out.token(length, distance));
            copy(window, out.at, length, distance);
            out.at += length;
            (out.literals, out.start) = (out.at, end);
        }
    }

    /// Takes bytes that are stored plainly; returns the bit behind them.
    fn stored(&mut self, bits: &mut BitReader<'_>, reached: &mut Reached) -> Result<u32, Error> {
        bits.align();
        bits.refill();
        let (length, complement) = (bits.take(16), bits.take(16));
        if length != !complement & 0xFFFF {
            return Err(Error);
        }
        for _ in 0..length {
            bits.refill();
            if reached.at >= reached.length || bits.is_exhausted() {
                return Err(Error);
            }
            put(&mut self.window, reached.at, bits.take(8) as u8);
            reached.at += 1;
        }
        Ok(bits.position())
    }

    /// Reads the codes of a block. RFC 1951 §3.2.7.
    fn dynamic(&mut self, bits: &mut BitReader<'_>) -> Result<Lengths, Error> {
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
        let mut lengths: Vec<u8> = Vec::with_capacity(LITERALS + DISTANCES);
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
        if lengths.len() > literals + distances || bits.is_exhausted() {
            return Err(Error);
        }
        let (literals, distances) = lengths.split_at(literals);
        if !is_code(literals) || !is_code(distances) {
            return Err(Error);
        }
        Ok((literals.to_vec(), distances.to_vec()))
    }
}

/// Writes a byte where there is room for it.
#[inline]
fn put(window: &mut [u8; WINDOW_BYTES], at: usize, byte: u8) {
    if let Some(place) = window.get_mut(at) {
        *place = byte;
    }
}

/// Copies bytes from before `to` there; whole steps may run over their end into the slack.
#[inline]
fn copy(window: &mut [u8; WINDOW_BYTES], to: usize, length: usize, distance: usize) {
    let from = to - distance;
    if distance >= STEP_BYTES {
        let mut done = 0;
        while done < length {
            let step = window
                .get(from + done..)
                .and_then(|rest| rest.first_chunk());
            let step: Option<[u8; STEP_BYTES]> = step.copied();
            let place = window.get_mut(to + done..);
            let place = place.and_then(|rest| rest.first_chunk_mut());
            if let (Some(step), Some(place)) = (step, place) {
                *place = step;
            }
            done += STEP_BYTES;
        }
    } else if distance == 1 {
        let byte = window[from];
        window[to..to + length].fill(byte);
    } else {
        for step in 0..length {
            window[to + step] = window[from + step];
        }
    }
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
            assert_eq!(
                Decoder::default().decode(&packed, 1).is_ok(),
                is_right,
                "{wide} {far}"
            );
        }
    }
}
