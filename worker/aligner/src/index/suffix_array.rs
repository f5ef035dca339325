//! The suffix array of both strands, and what the FM-index keeps of it.

use super::Error;
use super::header::{SAMPLE_SHIFT, needs_high_bytes};
use super::occ::{BLOCK_SYMBOLS, Block};
use super::write::write;
use genome::monitor::Monitor;
use libsais::SuffixArrayConstruction;
use std::io::Write;

/// Rows between two looks at the monitor.
const ROWS_PER_LOOK: u64 = 1 << 22;

/// The suffix array of a text and its empty suffix, in the narrowest integers that hold it.
#[derive(Debug)]
pub(super) enum SuffixArray {
    Narrow(Vec<i32>),
    Wide(Vec<i64>),
}

impl SuffixArray {
    /// Sorts the suffixes of a text of codes 0–3.
    pub fn build(text: &[u8]) -> Result<Self, Error> {
        let error = |reason| failed(text, reason);
        if text.len() < i32::MAX as usize {
            return Ok(Self::Narrow(sort_narrow(text)?));
        }
        let construction = SuffixArrayConstruction::for_text(text);
        let construction = construction.in_owned_buffer64().single_threaded();
        Ok(Self::Wide(construction.run().map_err(error)?.into_vec()))
    }

    /// Returns the number of rows, that of the empty suffix included.
    pub fn rows(&self) -> u64 {
        1 + match self {
            Self::Narrow(array) => array.len() as u64,
            Self::Wide(array) => array.len() as u64,
        }
    }

    /// Returns where the suffix of a row begins.
    #[inline]
    pub fn get(&self, row: u64) -> u64 {
        match (row.checked_sub(1), self) {
            (None, _) => self.rows() - 1,
            (Some(index), Self::Narrow(array)) => u64::from(array[index as usize].cast_unsigned()),
            (Some(index), Self::Wide(array)) => array[index as usize].cast_unsigned(),
        }
    }

    /// Returns the row whose suffix is the whole text.
    pub fn primary(&self) -> u64 {
        let index = match self {
            Self::Narrow(array) => array.iter().position(|&start| start == 0),
            Self::Wide(array) => array.iter().position(|&start| start == 0),
        };
        index.map_or(0, |index| index as u64 + 1)
    }

    /// Hands the blocks of the FM-index to `take`, in order.
    pub fn blocks(
        &self,
        text: &[u8],
        monitor: &Monitor,
        mut take: impl FnMut(&Block) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut block = Block::default();
        let mut counts = [0; 4];
        let mut stored = 0;
        for row in 0..self.rows() {
            stop_if_cancelled(row, monitor)?;
            let Some(before) = self.get(row).checked_sub(1) else {
                continue;
            };
            let code = text[before as usize];
            block.set(stored % BLOCK_SYMBOLS, code);
            counts[code as usize] += 1;
            stored += 1;
            if stored % BLOCK_SYMBOLS == 0 {
                take(&block)?;
                block = Block {
                    counts,
                    ..Block::default()
                };
            }
        }
        take(&block)
    }

    /// Writes the low four bytes of every sampled row.
    pub fn write_samples_low(&self, monitor: &Monitor, out: &mut impl Write) -> Result<(), Error> {
        for row in (0..self.rows()).step_by(1 << SAMPLE_SHIFT) {
            stop_if_cancelled(row, monitor)?;
            write(out, &(self.get(row) as u32).to_le_bytes())?;
        }
        Ok(())
    }

    /// Writes the fifth byte of every sampled row, if any needs it.
    pub fn write_samples_high(&self, out: &mut impl Write) -> Result<(), Error> {
        if needs_high_bytes(self.rows()) {
            for row in (0..self.rows()).step_by(1 << SAMPLE_SHIFT) {
                write(out, &[(self.get(row) >> 32) as u8])?;
            }
        }
        Ok(())
    }
}

fn stop_if_cancelled(row: u64, monitor: &Monitor) -> Result<(), Error> {
    if row.is_multiple_of(ROWS_PER_LOOK) && monitor.is_cancelled() {
        return Err(Error::Cancelled);
    }
    Ok(())
}

/// Sorts the suffixes of less than 2^31 small letters.
pub(super) fn sort_narrow(letters: &[u8]) -> Result<Vec<i32>, Error> {
    let construction = SuffixArrayConstruction::for_text(letters);
    let construction = construction.in_owned_buffer32().single_threaded();
    let sorted = construction.run();
    Ok(sorted.map_err(|reason| failed(letters, reason))?.into_vec())
}

const fn failed(text: &[u8], reason: libsais::LibsaisError) -> Error {
    Error::SuffixArray {
        symbols: text.len() as u64,
        reason,
    }
}
