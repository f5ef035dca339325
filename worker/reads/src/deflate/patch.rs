//! Copies a stream, but for what changes of its data ask for.

use super::bits::BitWriter;
use super::changes::Changes;
use super::encode::{Code, common_length, with_codes};
use super::symbols::{END, MIN_LENGTH, of_distance, of_length};
use super::{Block, Token, Tokens};

/// By as large a share a stream may grow: with more, new codes take less room.
const MOST_GROWTH: usize = 12;

/// The fixed code's sign of a block's end, and how many bits it has. RFC 1951 §3.2.6.
const FIXED_END: (u64, u32) = (0, 7);

/// Starts of blocks of the fixed code: one that others follow, and the last one; three bits.
const FIXED: u64 = 0b010;
const LAST_FIXED: u64 = 0b011;

/// Appends `data`, deflated with the codes of the stream that is known; false if that takes too
/// much room.
pub(super) fn patch(
    data: &[u8],
    known: &Tokens,
    changes: &mut Changes,
    packed: &mut Vec<u8>,
) -> bool {
    if data.len() != known.data.len() {
        return false;
    }
    changes.find(data, &known.data);
    let before = packed.len();
    let mut bits = BitWriter::new(packed);
    let (mut first, mut at) = (0, 0);
    for block in &known.blocks {
        let Some((literals, distances)) = block.lengths.as_ref() else {
            return false;
        };
        let patch = Patch {
            data,
            known,
            block,
            changes,
            literals: with_codes(literals),
            distances: with_codes(distances),
        };
        let tokens = &known.tokens[first..block.tokens];
        first = block.tokens;
        at = patch.run(tokens, at, &mut bits);
    }
    if !changes.is_empty() {
        bits.put(LAST_FIXED, 3);
        bits.put(FIXED_END.0, FIXED_END.1);
        bits.flush();
    }
    bits.finish();
    let most = known.packed.len() + known.packed.len() / MOST_GROWTH;
    at == data.len() && packed.len() - before <= most
}

/// A block on its way from the old stream to the new.
struct Patch<'a> {
    data: &'a [u8],
    known: &'a Tokens,
    block: &'a Block,
    changes: &'a Changes,
    literals: Vec<Code>,
    distances: Vec<Code>,
}

impl Patch<'_> {
    /// Writes the block, the data of which starts at `from`; returns where that ends.
    fn run(&self, tokens: &[Token], from: usize, bits: &mut BitWriter<'_>) -> usize {
        let (packed, changes) = (&self.known.packed, self.changes);
        let places = changes.places();
        let mut next = places.partition_point(|&place| (place as usize) < from);
        let body = tokens.first().map_or(self.block.end, |token| token.start());
        self.head(body, bits);
        let (mut at, mut copied) = (from, body);
        for (index, token) in tokens.iter().enumerate() {
            let copy = at + token.literals();
            let end = copy + token.length();
            let source = copy - token.distance();
            let is_changed = (places[next] as usize) < end;
            if is_changed || changes.may_touch(source, source + token.length()) {
                bits.copy(packed, copied, token.start());
                self.token(token, at, body, bits);
                let following = tokens.get(index + 1);
                copied = following.map_or(self.block.end, |token| token.start());
                while (places[next] as usize) < end {
                    next += 1;
                }
            }
            at = end;
        }
        bits.copy(packed, copied, self.block.end);
        put(bits, self.literals[END]);
        at
    }

    /// Writes what stands before a block's tokens: if anything changes, it is not the last.
    fn head(&self, body: u32, bits: &mut BitWriter<'_>) {
        let start = self.block.start;
        if self.changes.is_empty() {
            return bits.copy(&self.known.packed, start, body);
        }
        bits.put(0, 1);
        bits.copy(&self.known.packed, start + 1, body);
    }

    /// Writes a token anew, its match cut where it does not hold.
    fn token(&self, token: &Token, from: usize, body: u32, bits: &mut BitWriter<'_>) {
        let start = from + token.literals();
        let end = start + token.length();
        let mut at = from;
        while at < end {
            let same = match at >= start {
                true => common_length(self.data, at - token.distance(), at, end),
                false => 0,
            };
            let code = match same >= MIN_LENGTH {
                true => self.code(of_length(same).symbol),
                false => None,
            };
            let Some(code) = code else {
                self.literal(self.data[at], body, bits);
                at += 1;
                continue;
            };
            put(bits, code);
            let length = of_length(same);
            bits.put(length.extra.into(), length.extra_bits);
            // The distance keeps its code.
            let distance = of_distance(token.distance());
            put(bits, self.distances[distance.symbol]);
            bits.put(distance.extra.into(), distance.extra_bits);
            at += same;
        }
    }

    /// Writes a literal. One without a code goes into a block of the fixed code, behind which the
    /// old codes begin again.
    fn literal(&self, byte: u8, body: u32, bits: &mut BitWriter<'_>) {
        if let Some(code) = self.code(byte.into()) {
            return put(bits, code);
        }
        put(bits, self.literals[END]);
        bits.put(FIXED, 3);
        let (code, wide) = fixed_literal(byte);
        bits.put(code.into(), wide.into());
        bits.put(FIXED_END.0, FIXED_END.1);
        bits.flush();
        self.head(body, bits);
    }

    fn code(&self, symbol: usize) -> Option<Code> {
        let code = self.literals.get(symbol).copied();
        code.filter(|(_, wide)| *wide > 0)
    }
}

/// Returns the fixed code of a literal. RFC 1951 §3.2.6.
const fn fixed_literal(byte: u8) -> Code {
    const FIRST_WIDE: u8 = 144;
    let (code, wide) = match byte < FIRST_WIDE {
        true => (0b0011_0000 + byte as u16, 8),
        false => (0b1_1001_0000 + (byte - FIRST_WIDE) as u16, 9),
    };
    (code.reverse_bits() >> (u16::BITS - wide as u32), wide)
}

/// Writes a symbol.
#[inline]
fn put(bits: &mut BitWriter<'_>, (code, wide): Code) {
    bits.flush();
    bits.put(code.into(), wide.into());
}
