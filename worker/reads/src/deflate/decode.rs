//! Inflates, and keeps how the data was deflated.

use super::bits::{BitReader, READY_BITS, pad};
use super::head::{Head, Heads};
use super::table::{Distances, LITERAL_BITS, Literals};
use super::{Block, MAX_DATA_BYTES, Token, Tokens};

/// That bytes are no deflated data of the length expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("deflated data is malformed")]
pub struct Error;

/// Bytes that are copied in one step.
const STEP_BYTES: usize = 32;

/// Looks between two times that bits are made ready: each takes [`LITERAL_BITS`] at most.
const LOOKS: u32 = 4;

const _: () = assert!((LOOKS + 1) * LITERAL_BITS <= READY_BITS);

/// Inflates streams, and keeps its memory from one to the next.
#[derive(Debug, Default)]
pub struct Decoder {
    literals: Literals,
    distances: Distances,
    heads: Heads,
    /// The stream, padded.
    packed: Vec<u8>,
}

/// How much has been inflated.
#[derive(Clone, Copy)]
struct Reached {
    /// Where the next byte goes.
    at: usize,
    /// Where the literals since the last match start.
    literals: usize,
    /// The bit at which they start.
    start: u32,
}

impl Reached {
    /// Returns the literals since the last match as a token, with a match behind them.
    #[inline]
    fn token(&self, length: usize, distance: usize) -> Token {
        Token::new(self.at - self.literals, length, distance, self.start)
    }
}

impl Decoder {
    /// Inflates a stream into `data`, which has as many bytes as come out of it, at most
    /// [`MAX_DATA_BYTES`]; replaces `tokens` by its own.
    ///
    /// # Errors
    /// [`Error`] if the stream is malformed or its data has another length.
    pub fn decode(
        &mut self,
        packed: &[u8],
        data: &mut [u8],
        tokens: &mut Tokens,
    ) -> Result<(), Error> {
        tokens.tokens.clear();
        tokens.blocks.clear();
        if data.len() > MAX_DATA_BYTES || packed.len() > MAX_DATA_BYTES {
            return Err(Error);
        }
        let mut padded = std::mem::take(&mut self.packed);
        pad(packed, &mut padded);
        let decoded = self.blocks(&padded, data, tokens);
        self.packed = padded;
        decoded
    }

    fn blocks(&mut self, packed: &[u8], data: &mut [u8], found: &mut Tokens) -> Result<(), Error> {
        let Tokens { tokens, blocks } = found;
        let mut reached = Reached {
            at: 0,
            literals: 0,
            start: 0,
        };
        let mut bits = BitReader::new(packed);
        let mut is_last = false;
        while !is_last {
            let start = bits.position();
            let head = self.heads.read(&mut bits)?;
            is_last = head.is_last();
            reached.start = bits.position();
            match head {
                Head::Coded { codes, .. } => {
                    self.literals.set_literals(codes.literals);
                    self.distances.set_distances(codes.distances);
                    self.block(&mut bits, &mut reached, (data, tokens))?
                }
                Head::Stored { .. } => stored(&mut bits, &mut reached, data)?,
            }
            if bits.is_exhausted() || reached.at > data.len() {
                return Err(Error);
            }
            if reached.at > reached.literals {
                tokens.push(reached.token(0, 0));
                reached.literals = reached.at;
            }
            blocks.push(Block {
                start,
                after: bits.position(),
                tokens: tokens.len(),
            });
        }
        match reached.at == data.len() {
            true => Ok(()),
            false => Err(Error),
        }
    }

    /// Takes symbols up to a block's end.
    fn block(
        &mut self,
        reader: &mut BitReader<'_>,
        reached: &mut Reached,
        (window, tokens): (&mut [u8], &mut Vec<Token>),
    ) -> Result<(), Error> {
        let (literals, distances) = (&self.literals, &self.distances);
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
            if out.at > window.len() {
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
                return Ok(());
            }
            let length = (entry.least() + bits.take(entry.extra_bits())) as usize;
            entry = distances.whole(distances.look(bits.peek()), bits.peek())?;
            bits.skip(entry.code_bits());
            let distance = (entry.least() + bits.take(entry.extra_bits())) as usize;
            let end = bits.position();
            bits.refill();
            entry = literals.look(bits.peek());
            if distance > out.at || length > window.len() - out.at {
                return Err(Error);
            }
            tokens.push(out.token(length, distance));
            copy(window, out.at, length, distance);
            out.at += length;
            (out.literals, out.start) = (out.at, end);
        }
    }
}

/// Takes bytes that are stored plainly.
fn stored(bits: &mut BitReader<'_>, reached: &mut Reached, data: &mut [u8]) -> Result<(), Error> {
    bits.align();
    bits.refill();
    let (length, complement) = (bits.take(16), bits.take(16));
    if length != !complement & 0xFFFF {
        return Err(Error);
    }
    for _ in 0..length {
        bits.refill();
        if reached.at >= data.len() || bits.is_exhausted() {
            return Err(Error);
        }
        put(data, reached.at, bits.take(8) as u8);
        reached.at += 1;
    }
    Ok(())
}

/// Writes a byte where there is room for it.
#[inline]
fn put(window: &mut [u8], at: usize, byte: u8) {
    if let Some(place) = window.get_mut(at) {
        *place = byte;
    }
}

/// Copies bytes from before `to` there; whole steps may run over their end, into what comes next.
#[inline]
fn copy(window: &mut [u8], to: usize, length: usize, distance: usize) {
    let (from, end) = (to - distance, to + length);
    if distance < STEP_BYTES || end + STEP_BYTES > window.len() {
        return copy_bytes(window, from, to, length);
    }
    step(window, from, to);
    let mut done = STEP_BYTES;
    while done < length {
        step(window, from + done, to + done);
        done += STEP_BYTES;
    }
}

/// Copies the bytes of one step.
#[inline]
fn step(window: &mut [u8], from: usize, to: usize) {
    let source = window.get(from..).and_then(|rest| rest.first_chunk());
    let source: Option<[u8; STEP_BYTES]> = source.copied();
    let place = window.get_mut(to..).and_then(|rest| rest.first_chunk_mut());
    if let (Some(source), Some(place)) = (source, place) {
        *place = source;
    }
}

/// Copies byte by byte: what is written may be read again.
#[inline(never)]
fn copy_bytes(window: &mut [u8], from: usize, to: usize, length: usize) {
    if to - from == 1 {
        let byte = window[from];
        return window[to..to + length].fill(byte);
    }
    for step in 0..length {
        window[to + step] = window[from + step];
    }
}

#[cfg(test)]
mod tests {
    use super::super::bits::BitWriter;
    use super::super::encode::{put_lengths, with_codes};
    use super::super::symbols::{END, LITERALS};
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
            let mut tokens = Tokens::default();
            let found = Decoder::default().decode(&packed, &mut data, &mut tokens);
            assert_eq!(found.is_ok(), is_right, "{wide} {far}");
        }
    }
}
