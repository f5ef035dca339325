//! Deflates data along matches that are known.

use super::bits::BitWriter;
use super::code::{MAX_BITS, codes, lengths};
use super::symbols::{
    CODE_LENGTH_ORDER, DISTANCES, END, LITERALS, MIN_LENGTH, of_distance, of_length,
};
use super::{Token, Tokens};

/// The longest code of a code length.
const MAX_LENGTH_BITS: u32 = 7;

/// Code lengths that differ, and the three signs for repeats.
const LENGTH_SYMBOLS: usize = CODE_LENGTH_ORDER.len();

/// Bytes compared in one step.
const STEP_BYTES: usize = 8;

/// Writes deflated data; keeps its memory from stream to stream.
#[derive(Debug)]
pub struct Encoder {
    tokens: Vec<Token>,
    literals: [u32; LITERALS],
    distances: [u32; DISTANCES],
}

impl Default for Encoder {
    fn default() -> Self {
        Self {
            tokens: Vec::new(),
            literals: [0; LITERALS],
            distances: [0; DISTANCES],
        }
    }
}

/// A symbol's code and how many bits it has.
pub(super) type Code = (u16, u8);

impl Encoder {
    /// Appends `data`, deflated, to `packed`; `known` are the matches of data that differs little.
    ///
    /// Codes are made anew. Matches that do not hold are cut: what comes out is right whatever
    /// `known` says.
    pub fn encode(&mut self, data: &[u8], known: &Tokens, packed: &mut Vec<u8>) {
        let mut bits = BitWriter::new(packed);
        let (mut from, mut first) = (0, 0);
        for (index, block) in known.blocks.iter().enumerate() {
            let (is_last, end) = (index + 1 == known.blocks.len(), block.tokens);
            let to = self.retrace(data, from, &known.tokens[first..end], is_last);
            bits.put(u64::from(is_last), 1);
            bits.put(2, 2);
            self.block(&data[from..to], &mut bits);
            (from, first) = (to, end);
        }
        bits.finish();
    }

    /// Makes the tokens of a block that starts at `from` and counts its symbols; returns its end.
    fn retrace(&mut self, data: &[u8], from: usize, known: &[Token], is_last: bool) -> usize {
        self.tokens.clear();
        self.literals.fill(0);
        self.distances.fill(0);
        self.literals[END] = 1;
        let (mut at, mut start) = (from, from);
        for token in known {
            at = (at + token.literals()).min(data.len());
            let (end, distance) = (at + token.length(), token.distance());
            let end = end.min(data.len());
            if distance == 0 || distance > at {
                at = end;
                continue;
            }
            while at < end {
                let same = common_length(data, at - distance, at, end);
                if same >= MIN_LENGTH {
                    self.copy(data, start, at, same, distance);
                    start = at + same;
                }
                // The byte behind is another, or the match ends here.
                at = (at + same + 1).min(end);
            }
        }
        let to = if is_last { data.len() } else { at };
        self.rest(&data[start..to]);
        to
    }

    /// Takes literals from `start` on and a match at `at`.
    #[inline]
    fn copy(&mut self, data: &[u8], start: usize, at: usize, length: usize, distance: usize) {
        let literals = &data[start..at];
        for &byte in literals {
            self.literals[usize::from(byte)] += 1;
        }
        self.literals[of_length(length).symbol] += 1;
        self.distances[of_distance(distance).symbol] += 1;
        self.tokens
            .push(Token::new(literals.len(), length, distance, 0));
    }

    /// Takes literals behind which no match comes.
    fn rest(&mut self, literals: &[u8]) {
        for &byte in literals {
            self.literals[usize::from(byte)] += 1;
        }
        self.tokens.push(Token::new(literals.len(), 0, 0, 0));
    }

    /// Writes codes and symbols of a block.
    fn block(&self, data: &[u8], bits: &mut BitWriter<'_>) {
        let mut all = [0; LITERALS + DISTANCES];
        let (of_literals, of_distances) = all.split_at_mut(LITERALS);
        lengths(&self.literals, MAX_BITS, of_literals);
        lengths(&self.distances, MAX_BITS, of_distances);
        let (literals, distances) = (with_codes(of_literals), with_codes(of_distances));
        put_lengths(of_literals, of_distances, bits);
        let put = |bits: &mut BitWriter<'_>, (code, count): Code| {
            bits.put(code.into(), count.into());
        };
        let mut at = 0;
        for token in &self.tokens {
            let end = at + token.literals();
            for bytes in data[at..end].chunks(3) {
                bytes
                    .iter()
                    .for_each(|&byte| put(bits, literals[usize::from(byte)]));
                bits.flush();
            }
            at = end + token.length();
            if token.length() > 0 {
                let length = of_length(token.length());
                put(bits, literals[length.symbol]);
                bits.put(length.extra.into(), length.extra_bits);
                let distance = of_distance(token.distance());
                put(bits, distances[distance.symbol]);
                bits.put(distance.extra.into(), distance.extra_bits);
                bits.flush();
            }
        }
        put(bits, literals[END]);
        bits.flush();
    }
}

/// Returns the codes of symbols by the lengths of these.
pub(super) fn with_codes(lengths: &[u8]) -> Vec<Code> {
    let codes = codes(lengths).into_iter();
    codes.zip(lengths.iter().copied()).collect()
}

/// Says how many bytes are equal from `a` and `b` on, the latter before `end`.
#[inline]
fn common_length(data: &[u8], a: usize, b: usize, end: usize) -> usize {
    let mut same = 0;
    while b + same + STEP_BYTES <= end {
        let load = |at: usize| {
            data[at..]
                .first_chunk()
                .map(|bytes| u64::from_le_bytes(*bytes))
        };
        let differing = match (load(a + same), load(b + same)) {
            (Some(one), Some(other)) => one ^ other,
            _ => break,
        };
        if differing != 0 {
            return same + (differing.trailing_zeros() / 8) as usize;
        }
        same += STEP_BYTES;
    }
    while b + same < end && data[a + same] == data[b + same] {
        same += 1;
    }
    same
}

/// Writes the lengths of both codes. RFC 1951 §3.2.7.
pub(super) fn put_lengths(literals: &[u8], distances: &[u8], bits: &mut BitWriter<'_>) {
    let used = |lengths: &[u8], least: usize| {
        let last = lengths.iter().rposition(|&length| length > 0);
        last.map_or(least, |last| (last + 1).max(least))
    };
    let (literals, distances) = (
        &literals[..used(literals, END + 1)],
        &distances[..used(distances, 1)],
    );
    let signs = signs(&[literals, distances].concat());
    let mut counts = [0; LENGTH_SYMBOLS];
    for &(sign, ..) in &signs {
        counts[usize::from(sign)] += 1;
    }
    let mut of_signs = [0; LENGTH_SYMBOLS];
    lengths(&counts, MAX_LENGTH_BITS, &mut of_signs);
    let is_used = |symbol: &u8| of_signs[usize::from(*symbol)] > 0;
    let written = CODE_LENGTH_ORDER
        .iter()
        .rposition(is_used)
        .map_or(4, |last| (last + 1).max(4));
    bits.put((literals.len() - END - 1) as u64, 5);
    bits.put((distances.len() - 1) as u64, 5);
    bits.put((written - 4) as u64, 4);
    for &symbol in &CODE_LENGTH_ORDER[..written] {
        bits.flush();
        bits.put(of_signs[usize::from(symbol)].into(), 3);
    }
    let codes = codes(&of_signs);
    for (sign, extra, extra_bits) in signs {
        bits.flush();
        let sign = usize::from(sign);
        bits.put(codes[sign].into(), of_signs[sign].into());
        bits.put(extra.into(), extra_bits);
    }
    bits.flush();
}

/// Returns code lengths with repeats, and the numbers behind these: value and bits.
fn signs(lengths: &[u8]) -> Vec<(u8, u8, u32)> {
    let mut signs = Vec::new();
    for run in lengths.chunk_by(|a, b| a == b) {
        let (value, mut left) = (run[0], run.len());
        if value > 0 {
            signs.push((value, 0, 0));
            left -= 1;
        }
        while left > 0 {
            let (sign, taken) = match (value, left) {
                (_, ..3) => ((value, 0, 0), 1),
                (0, 3..11) => ((17, left as u8 - 3, 3), left),
                (0, _) => {
                    let taken = left.min(138);
                    ((18, taken as u8 - 11, 7), taken)
                }
                _ => {
                    let taken = left.min(6);
                    ((16, taken as u8 - 3, 2), taken)
                }
            };
            signs.push(sign);
            left -= taken;
        }
    }
    signs
}
