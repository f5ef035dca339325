//! Copies a stream, but for what changes of its data ask for.

mod block;

use super::bits::{BitReader, BitWriter, pad};
use super::encode::with_codes;
use super::fixed;
use super::head::{Head, Heads};
use super::outline::{Outline, Places};
use super::spot::{Spot, Spots};
use super::table::{Distances, Literals};
use super::{Block, Token};
use block::BlockPatch;

/// By as large a share a stream may grow: with more, new codes take less room.
const MOST_GROWTH: usize = 12;

/// Copies streams with changes, and keeps its memory from one to the next.
#[derive(Debug, Default)]
pub struct Patcher {
    heads: Heads,
    literals: Literals,
    distances: Distances,
    /// The places of bytes that change.
    changes: Places,
    /// The stream, padded.
    packed: Vec<u8>,
}

/// That a stream is not to be patched: bytes of it are stored plainly, it would grow too much, or
/// something is not as its outline says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfit;

impl From<super::Error> for Unfit {
    fn from(_: super::Error) -> Self {
        Self
    }
}

impl Patcher {
    /// Appends the stream `packed` to `out`, its data changed at `spots`; these ascend, and the
    /// outline was made for their places. The codes stay.
    ///
    /// Time is that of copying, but for the tokens that write or copy what changes.
    ///
    /// # Errors
    /// [`Unfit`]; then `out` is as it was.
    pub fn patch(
        &mut self,
        packed: &[u8],
        outline: &Outline,
        spots: &[Spot],
        out: &mut Vec<u8>,
    ) -> Result<(), Unfit> {
        let changed = spots.iter().filter(|spot| spot.is_changed());
        let mut changed = changed.map(|spot| spot.at).peekable();
        if changed.peek().is_none() {
            out.extend_from_slice(packed);
            return Ok(());
        }
        self.changes.set(changed);
        let mut padded = std::mem::take(&mut self.packed);
        pad(packed, &mut padded);
        let before = out.len();
        let mut patched = self.blocks(&padded, outline, Spots(spots), out);
        self.packed = padded;
        if out.len() - before > packed.len() + packed.len() / MOST_GROWTH {
            patched = Err(Unfit);
        }
        if patched.is_err() {
            out.truncate(before);
        }
        patched
    }

    /// Copies all blocks. None stays the last: a literal without a code may have to follow any.
    fn blocks(
        &mut self,
        packed: &[u8],
        outline: &Outline,
        spots: Spots<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unfit> {
        let mut bits = BitWriter::new(out);
        let mut first = 0;
        for block in &outline.blocks {
            let tokens = outline.tokens.get(first..block.tokens).ok_or(Unfit)?;
            first = block.tokens;
            if tokens.iter().any(|token| self.is_touched(token)) {
                self.block((packed, *block), tokens, spots, &mut bits)?;
                continue;
            }
            // What is stored plainly starts at a whole byte, which bits before it may have moved.
            let is_right = block.start < block.after && !is_stored(packed, block.start);
            bits.put(0, 1);
            if !is_right || !bits.copy(packed, block.start + 1, block.after) {
                return Err(Unfit);
            }
        }
        fixed::end_stream(&mut bits);
        bits.finish();
        Ok(())
    }

    /// Copies a block some of whose tokens do not hold any more.
    fn block(
        &mut self,
        (packed, block): (&[u8], Block),
        tokens: &[(u16, Token)],
        spots: Spots<'_>,
        bits: &mut BitWriter<'_>,
    ) -> Result<(), Unfit> {
        let mut reader = BitReader::at(packed, block.start);
        let Head::Coded { codes, .. } = self.heads.read(&mut reader)? else {
            return Err(Unfit);
        };
        self.literals.set_literals(codes.literals);
        self.distances.set_distances(codes.distances);
        let body = reader.position();
        let mut patch = BlockPatch {
            packed,
            spots,
            changes: &self.changes,
            literals: (&self.literals, with_codes(codes.literals)),
            distances: (&self.distances, with_codes(codes.distances)),
            head: block.start + 1..body,
            copied: body,
            bits,
        };
        patch.head();
        for touched in tokens.iter().filter(|token| self.is_touched(token)) {
            patch.token(touched.0.into(), touched.1)?;
        }
        patch.copy_to(block.after)
    }

    fn is_touched(&self, (at, token): &(u16, Token)) -> bool {
        self.changes.touch_token((*at).into(), *token)
    }
}

/// Says whether the bytes of the block at this bit are stored plainly. RFC 1951 §3.2.3.
fn is_stored(packed: &[u8], start: u32) -> bool {
    BitReader::at(packed, start).peek() >> 1 & 0b11 == 0
}
