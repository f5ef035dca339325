//! Copies a stream, but for what changes of its data ask for.

use super::bits::BitWriter;
use super::encode::{Code, common_length, with_codes};
use super::symbols::{END, MIN_LENGTH, of_distance, of_length};
use super::{Block, Token, Tokens};

/// Bytes of data whose changes are noted together, as a power of two.
const CELL_BITS: u32 = 6;

/// Appends `data`, deflated with the codes of the stream that is known; false if these do not do.
pub(super) fn patch(data: &[u8], known: &Tokens, packed: &mut Vec<u8>) -> bool {
    if data.len() != known.data.len() {
        return false;
    }
    let changed = changed_cells(data, &known.data);
    let mut bits = BitWriter::new(packed);
    let (mut first, mut at) = (0, 0);
    for block in &known.blocks {
        let tokens = &known.tokens[first..block.tokens];
        first = block.tokens;
        match Patch::new(data, known, block, &changed).run(tokens, at, &mut bits) {
            Some(end) => at = end,
            None => return false,
        }
    }
    bits.finish();
    at == data.len()
}

/// Says for each cell whether a byte of it has changed.
fn changed_cells(new: &[u8], old: &[u8]) -> Vec<bool> {
    let (new, old) = (new.chunks(1 << CELL_BITS), old.chunks(1 << CELL_BITS));
    new.zip(old).map(|(new, old)| new != old).collect()
}

/// A block on its way from the old stream to the new.
struct Patch<'a> {
    data: &'a [u8],
    known: &'a Tokens,
    block: &'a Block,
    changed: &'a [bool],
    literals: Vec<Code>,
    distances: Vec<Code>,
}

impl<'a> Patch<'a> {
    fn new(data: &'a [u8], known: &'a Tokens, block: &'a Block, changed: &'a [bool]) -> Self {
        let codes = block.lengths.as_ref();
        let codes = codes.map(|of| (with_codes(&of.0), with_codes(&of.1)));
        let (literals, distances) = codes.unwrap_or_default();
        Self {
            data,
            known,
            block,
            changed,
            literals,
            distances,
        }
    }

    /// Writes the block; returns where its data ends, `None` if a symbol has no code.
    fn run(&self, tokens: &[Token], from: usize, bits: &mut BitWriter<'_>) -> Option<usize> {
        self.block.lengths.as_ref()?;
        let packed = &self.known.packed;
        let (mut at, mut copied) = (from, self.block.start);
        for (index, token) in tokens.iter().enumerate() {
            let copy = at + usize::from(token.literals);
            let end = copy + usize::from(token.length);
            let source = copy.checked_sub(token.distance.into())?;
            let source_end = source + usize::from(token.length);
            if self.is_changed(at, end) || self.is_changed(source, source_end) {
                bits.copy(packed, copied, token.start);
                self.token(token, at, bits)?;
                let next = tokens.get(index + 1);
                copied = next.map_or(self.block.end, |next| next.start);
            }
            at = end;
        }
        bits.copy(packed, copied, self.block.end);
        put(bits, &self.literals, END)?;
        Some(at)
    }

    #[inline]
    fn is_changed(&self, from: usize, to: usize) -> bool {
        let cells = from >> CELL_BITS..=to.saturating_sub(1) >> CELL_BITS;
        from < to && self.changed[cells].contains(&true)
    }

    /// Writes a token anew, its match cut where it does not hold.
    fn token(&self, token: &Token, from: usize, bits: &mut BitWriter<'_>) -> Option<()> {
        let start = from + usize::from(token.literals);
        let end = start + usize::from(token.length);
        let distance = usize::from(token.distance);
        let mut at = from;
        while at < end {
            let same = match at >= start {
                true => common_length(self.data, at - distance, at, end),
                false => 0,
            };
            if same < MIN_LENGTH {
                put(bits, &self.literals, self.data[at].into())?;
                at += 1;
                continue;
            }
            let length = of_length(same);
            put(bits, &self.literals, length.symbol)?;
            bits.put(length.extra.into(), length.extra_bits);
            let distance = of_distance(distance);
            put(bits, &self.distances, distance.symbol)?;
            bits.put(distance.extra.into(), distance.extra_bits);
            at += same;
        }
        Some(())
    }
}

/// Writes a symbol; `None` if it has no code.
#[inline]
fn put(bits: &mut BitWriter<'_>, codes: &[Code], symbol: usize) -> Option<()> {
    let &(code, length) = codes.get(symbol).filter(|(_, length)| *length > 0)?;
    bits.flush();
    bits.put(code.into(), length.into());
    Some(())
}
