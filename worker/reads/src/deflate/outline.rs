//! What has to be known of a stream to change bytes at some places later, its data being gone.

use super::{Block, Token, Tokens};
use crate::container::{Decoder as Fields, Error, put_varint};

/// Bytes of data whose places are found together, as a power of two.
const CELL_BITS: u32 = 4;

/// Bytes of a token in an outline: where it starts, and itself.
const TOKEN_BYTES: usize = 10;

/// Behind all places: no data reaches it.
const NOWHERE: u32 = u32::MAX;

/// Places of bytes, found by where they are.
#[derive(Debug)]
pub(super) struct Places {
    /// Ascending; behind them [`NOWHERE`].
    places: Vec<u32>,
    /// How many there are before each cell.
    before: Vec<u16>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            places: vec![NOWHERE],
            before: Vec::new(),
        }
    }
}

impl Places {
    /// Takes places, which ascend.
    pub(super) fn set(&mut self, places: impl Iterator<Item = u16>) {
        self.places.clear();
        self.before.clear();
        for (count, place) in (0u16..).zip(places) {
            let cell = usize::from(place >> CELL_BITS);
            if cell >= self.before.len() {
                self.before.resize(cell + 1, count);
            }
            self.places.push(place.into());
        }
        let count = self.places.len() as u16;
        self.before
            .resize((1 << (u16::BITS - CELL_BITS)) + 1, count);
        self.places.push(NOWHERE);
    }

    /// Returns the places within these bounds.
    #[inline]
    pub(super) fn within(&self, from: usize, to: usize) -> impl Iterator<Item = usize> + '_ {
        let last = self.places.len() - 1;
        let index = self.before.get(from >> CELL_BITS);
        let mut index = index.map_or(last, |&index| index.into());
        while (self.places[index] as usize) < from {
            index += 1;
        }
        let places = self.places[index..].iter().map(|&place| place as usize);
        places.take_while(move |&place| place < to)
    }

    /// Says whether there is a place within these bounds.
    #[inline]
    pub(super) fn touch(&self, from: usize, to: usize) -> bool {
        self.may_touch(from, to) && self.within(from, to).next().is_some()
    }

    /// Says whether there is a place in the cells of these bytes.
    #[inline]
    fn may_touch(&self, from: usize, to: usize) -> bool {
        let first = self.before.get(from >> CELL_BITS);
        let behind = self.before.get(((to.max(1) - 1) >> CELL_BITS) + 1);
        first != behind
    }

    /// Says whether a token writes or copies one of the places; `at` is where it starts.
    #[inline]
    pub(super) fn touch_token(&self, at: usize, token: Token) -> bool {
        let copy = at + token.literals();
        let source = copy - token.distance().min(copy);
        self.touch(at, copy + token.length()) || self.touch(source, source + token.length())
    }
}

/// The tokens of a stream that write or copy bytes at certain places.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outline {
    /// The blocks; their `tokens` count what is in this list.
    pub(super) blocks: Vec<Block>,
    /// Tokens, and where the data starts that they stand for.
    pub(super) tokens: Vec<(u16, Token)>,
}

/// Makes outlines, and keeps its memory from one to the next.
#[derive(Debug, Default)]
pub struct Outliner {
    places: Places,
    outline: Outline,
}

impl Outliner {
    /// Returns what is needed to change bytes at `places`, which ascend.
    pub fn outline(&mut self, tokens: &Tokens, places: impl Iterator<Item = u16>) -> &Outline {
        self.places.set(places);
        let outline = &mut self.outline;
        outline.blocks.clear();
        outline.tokens.clear();
        let (mut first, mut at) = (0, 0);
        for block in &tokens.blocks {
            for &token in &tokens.tokens[first..block.tokens] {
                if self.places.touch_token(at, token) {
                    outline.tokens.push((at as u16, token));
                }
                at += token.literals() + token.length();
            }
            first = block.tokens;
            outline.blocks.push(Block {
                tokens: outline.tokens.len(),
                ..*block
            });
        }
        outline
    }
}

impl Outline {
    /// Appends the outline's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.blocks.len() as u64);
        for block in &self.blocks {
            for field in [block.start, block.after, block.tokens as u32] {
                put_varint(out, field.into());
            }
        }
        out.reserve(self.tokens.len() * TOKEN_BYTES);
        for (at, token) in &self.tokens {
            out.extend_from_slice(&at.to_le_bytes());
            out.extend_from_slice(&token.0.to_le_bytes());
        }
    }

    /// Reads an outline back, into the memory of this one.
    ///
    /// # Errors
    /// [`Error`] if the bytes end too early.
    pub fn decode(&mut self, fields: &mut Fields<'_>) -> Result<(), Error> {
        self.blocks.clear();
        self.tokens.clear();
        for _ in 0..fields.varint()? {
            self.blocks.push(Block {
                start: fields.varint_u32()?,
                after: fields.varint_u32()?,
                tokens: fields.varint_as()?,
            });
        }
        let count = self.blocks.last().map_or(0, |block| block.tokens);
        let bytes = fields.bytes(count.saturating_mul(TOKEN_BYTES))?;
        let token = |bytes: &[u8; TOKEN_BYTES]| {
            let [a, b, token @ ..] = *bytes;
            (u16::from_le_bytes([a, b]), Token(u64::from_le_bytes(token)))
        };
        self.tokens.extend(bytes.as_chunks().0.iter().map(token));
        Ok(())
    }
}
