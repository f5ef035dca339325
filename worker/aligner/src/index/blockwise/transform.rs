//! The transform of the text behind a block, in memory, counted as the FM-index counts it.

use super::place::Place;
use crate::index::occ::{BLOCK_SYMBOLS, Block, low_bits, prefetch};

/// Order of suffixes whose [`Place`]s are asked for ahead of time.
const AHEAD: usize = 16;

/// The Burrows–Wheeler transform of a text that grows to the left.
#[derive(Debug)]
pub struct Transform {
    blocks: Vec<Block>,
    primary: u64,
    counts: [u64; 4],
    /// First row of the suffixes that begin with each base.
    first_rows: [u64; 4],
}

impl Transform {
    /// Returns that of the empty text, with room for so many symbols.
    pub fn with_room(symbols: u64) -> Self {
        let mut blocks = Vec::with_capacity(block_count(symbols));
        blocks.push(Block::default());
        Self {
            blocks,
            primary: 0,
            counts: [0; 4],
            first_rows: [1; 4],
        }
    }

    /// Returns the row whose suffix is the whole text.
    pub const fn primary(&self) -> u64 {
        self.primary
    }

    /// Returns how often each base occurs.
    pub const fn counts(&self) -> [u64; 4] {
        self.counts
    }

    /// Returns the blocks as an FM-index has them.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Returns the number of suffixes, the empty one included.
    pub fn rows(&self) -> u64 {
        self.counts.iter().sum::<u64>() + 1
    }

    /// Returns how many suffixes are less than a string with `code` before it, given how many
    /// (`row`) are less than the string.
    #[inline(always)]
    pub fn extend(&self, row: u64, code: u8) -> u64 {
        let stored = self.stored(row);
        let block = &self.blocks[(stored / BLOCK_SYMBOLS) as usize];
        let count = block.count(code, (stored % BLOCK_SYMBOLS) as u32);
        self.first_rows[usize::from(code & 3)] + count
    }

    /// Returns the row of the suffix that is longer by one symbol; `row` is not the primary one.
    #[inline(always)]
    pub fn previous(&self, row: u64) -> u64 {
        let stored = self.stored(row);
        let block = &self.blocks[(stored / BLOCK_SYMBOLS) as usize];
        let within = (stored % BLOCK_SYMBOLS) as u32;
        let code = block.code(within);
        self.first_rows[usize::from(code & 3)] + block.count(code, within)
    }

    /// Asks for the memory that a step from a row reads.
    #[inline(always)]
    pub fn prefetch(&self, row: u64) {
        prefetch(&self.blocks, (self.stored(row) / BLOCK_SYMBOLS) as usize);
    }

    #[inline(always)]
    fn stored(&self, row: u64) -> u64 {
        row - u64::from(row > self.primary)
    }

    /// Takes in the suffixes of the block before the text: their order, the place of each by where
    /// it begins, and the last symbol of the block. From the end on, so that it needs no copy.
    pub fn insert(&mut self, order: &[i32], places: &[Place], last: u8) {
        let (old_rows, old_primary) = (self.rows(), self.primary);
        for place in &places[1..] {
            self.counts[usize::from(place.before())] += 1;
        }
        self.counts[usize::from(last)] += 1;
        for code in 0..3 {
            self.first_rows[code + 1] = self.first_rows[code] + self.counts[code];
        }
        self.blocks
            .resize(block_count(self.rows() - 1), Block::default());
        let mut filled = Filled::new(&mut self.blocks, self.counts);
        let move_rows = |filled: &mut Filled<'_>, start: u64, end: u64| {
            if start <= old_primary && old_primary < end {
                filled.move_run(old_primary, end - 1);
                filled.put(last);
                filled.move_run(start, old_primary);
            } else {
                let shift = u64::from(start > old_primary);
                filled.move_run(start - shift, end - shift);
            }
        };
        let mut row = old_rows;
        for (rank, &at) in order.iter().enumerate().rev() {
            if let Some(&soon) = rank.checked_sub(AHEAD).and_then(|ahead| order.get(ahead)) {
                prefetch(places, soon.cast_unsigned() as usize);
            }
            let place = places[at.cast_unsigned() as usize];
            move_rows(&mut filled, place.row(), row);
            row = place.row();
            if at == 0 {
                self.primary = row + rank as u64;
            } else {
                filled.put(place.before());
            }
        }
        move_rows(&mut filled, 0, row);
    }
}

/// Returns how many blocks so many symbols need, the count behind the last one included.
pub const fn block_count(symbols: u64) -> usize {
    (symbols / BLOCK_SYMBOLS + 1) as usize
}

/// Blocks that are filled from the last symbol on, while what they held is read from the end too:
/// a symbol never moves to the left, so that nothing unread is written over.
struct Filled<'a> {
    blocks: &'a mut [Block],
    block: Block,
    /// Symbols still to come.
    left: u64,
    /// How often each base occurs in them.
    counts: [u64; 4],
}

impl<'a> Filled<'a> {
    fn new(blocks: &'a mut [Block], counts: [u64; 4]) -> Self {
        if let Some(last) = blocks.last_mut() {
            last.counts = counts;
        }
        Self {
            blocks,
            block: Block::default(),
            left: counts.iter().sum(),
            counts,
        }
    }

    /// Puts one symbol.
    #[inline(always)]
    fn put(&mut self, code: u8) {
        self.left -= 1;
        self.block.set(self.left % BLOCK_SYMBOLS, code);
        self.counts[usize::from(code & 3)] -= 1;
        self.store();
    }

    /// Puts the symbols that stood at `start..end`.
    #[inline(always)]
    fn move_run(&mut self, start: u64, mut end: u64) {
        while start < end {
            let room = (self.left - 1) % 64 + 1;
            let count = room.min(end - start);
            end -= count;
            self.left -= count;
            let (high, low) = self.bits(end, count);
            let (word, shift) = ((self.left / 64 % 2) as usize, self.left % 64);
            self.block.high[word] |= high << shift;
            self.block.low[word] |= low << shift;
            let (highs, lows) = (high.count_ones(), low.count_ones());
            let both = (high & low).count_ones();
            self.counts[0] -= count + u64::from(both) - u64::from(highs + lows);
            self.counts[1] -= u64::from(lows - both);
            self.counts[2] -= u64::from(highs - both);
            self.counts[3] -= u64::from(both);
            self.store();
        }
    }

    /// Returns the two bits of up to 64 symbols that stood at `start`.
    #[inline(always)]
    fn bits(&self, start: u64, count: u64) -> (u64, u64) {
        let word = |number: u64| {
            let block = &self.blocks[(number / 2) as usize];
            let word = (number % 2) as usize;
            (block.high[word], block.low[word])
        };
        let (number, shift) = (start / 64, start % 64);
        let (mut high, mut low) = word(number);
        (high, low) = (high >> shift, low >> shift);
        if shift + count > 64 {
            let next = word(number + 1);
            high |= next.0 << (64 - shift);
            low |= next.1 << (64 - shift);
        }
        let mask = low_bits(count as u32);
        (high & mask, low & mask)
    }

    #[inline(always)]
    fn store(&mut self) {
        if self.left.is_multiple_of(BLOCK_SYMBOLS) {
            self.block.counts = self.counts;
            self.blocks[(self.left / BLOCK_SYMBOLS) as usize] = self.block;
            self.block = Block::default();
        }
    }
}
