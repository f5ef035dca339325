//! What indexing may take, and which way fits.

use super::Error;
use super::blockwise::{BLOCK_BYTES_PER_SYMBOL, block_count, sample_count};
use super::header::needs_high_bytes;
use super::occ::BLOCK_BYTES;
use super::words;

/// Memory for the program itself, buffers and threads.
const FIXED_BYTES: u64 = 64 << 20;
/// A text is sorted in at most so many blocks.
const MOST_BLOCKS: u64 = 64;
/// The sampled suffix array is made in at most so many passes.
const MOST_PASSES: u64 = 16;

/// What indexing may use, and whom it tells how far it is.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// Memory that is not exceeded, that of the whole process.
    pub memory_bytes: u64,
    /// Threads, where several are of use.
    pub threads: usize,
    /// Told steps done and steps in all.
    pub progress: &'a (dyn Fn(u64, u64) + Sync),
}

impl Default for Limits<'_> {
    fn default() -> Self {
        Self {
            memory_bytes: u64::MAX,
            threads: 1,
            progress: &|_, _| (),
        }
    }
}

impl std::fmt::Debug for Limits<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limits")
            .field("memory_bytes", &self.memory_bytes)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

/// A way to sort the suffixes of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// All at once: the fastest.
    Direct,
    /// Block by block, from the right.
    Blockwise {
        /// Symbols of a block.
        block_symbols: u64,
        /// Samples of the suffix array that are made at once.
        samples_per_pass: u64,
    },
}

impl Plan {
    /// Returns the fastest way for both strands of so many bases that fits.
    ///
    /// # Errors
    /// [`Error::Memory`] if none does.
    pub fn of(strand: u64, memory_bytes: u64) -> Result<Self, Error> {
        let symbols = 2 * strand;
        let width = if symbols < i32::MAX as u64 { 4 } else { 8 };
        let direct = strand.div_ceil(4) + (1 + width) * symbols + words_bytes(symbols);
        if direct + FIXED_BYTES <= memory_bytes {
            return Ok(Self::Direct);
        }
        let rows = symbols + 1;
        let samples = sample_count(rows);
        let high_bytes = if needs_high_bytes(rows) { samples } else { 0 };
        let kept = strand.div_ceil(4) + (block_count(symbols) * BLOCK_BYTES) as u64 + FIXED_BYTES;
        let least_block = symbols.div_ceil(MOST_BLOCKS);
        let least_samples = samples.div_ceil(MOST_PASSES);
        let least_room = (least_block * BLOCK_BYTES_PER_SYMBOL)
            .max(words_bytes(symbols))
            .max(high_bytes + 4 * least_samples);
        if memory_bytes < kept + least_room {
            return Err(Error::Memory {
                given: memory_bytes,
                needed: kept + least_room,
            });
        }
        let room = memory_bytes - kept;
        let most = (room / BLOCK_BYTES_PER_SYMBOL).min(i32::MAX as u64 - 1);
        Ok(Self::Blockwise {
            block_symbols: symbols.div_ceil(symbols.div_ceil(most)),
            samples_per_pass: samples.min((room - high_bytes) / 4),
        })
    }
}

/// Returns what counting the short words takes: counts, entries by length and all together.
fn words_bytes(symbols: u64) -> u64 {
    8 * 3 * words::entries(words::longest(symbols))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_way_that_fits_is_taken() {
        assert_eq!(Plan::of(10, 1 << 30).unwrap(), Plan::Direct);
        assert_eq!(Plan::of(3_100_000_000, u64::MAX).unwrap(), Plan::Direct);
        let human = Plan::of(3_100_000_000, 15_500_000_000).unwrap();
        let Plan::Blockwise {
            block_symbols,
            samples_per_pass,
        } = human
        else {
            panic!("direct");
        };
        assert_eq!(6_200_000_000u64.div_ceil(block_symbols), 6);
        assert_eq!(samples_per_pass, 1_550_000_001);
    }

    #[test]
    fn what_is_said_to_be_needed_is_enough() {
        for strand in [1_000_000, 63_000_000, 3_100_000_000, 1 << 40] {
            let Err(Error::Memory { needed, given: 1 }) = Plan::of(strand, 1) else {
                panic!("one byte is enough");
            };
            assert!(Plan::of(strand, needed - 1).is_err());
            let plan = Plan::of(strand, needed).unwrap();
            assert!(matches!(plan, Plan::Blockwise { .. }));
        }
    }
}
