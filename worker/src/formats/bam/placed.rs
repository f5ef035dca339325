//! Where records lie in blocks that are copied: an index is told once both are known.

use std::collections::VecDeque;

use super::index::{IndexBuilder, IndexError, Span};

/// Records and blocks, each in the order of the file, told by their places in all data.
#[derive(Debug, Default)]
pub(super) struct Placed {
    /// Where the data of each block starts, and the block itself; those before the last record that
    /// was placed are gone.
    blocks: VecDeque<(u64, u64)>,
    /// Where the data of the blocks ends, and the blocks do.
    data_end: u64,
    end: u64,
    /// Records whose block is not there yet, and where they start.
    waiting: VecDeque<(Span, u64)>,
    /// The last record whose block is there, and the virtual position at which it starts.
    last: Option<(Span, u64)>,
}

impl Placed {
    /// Takes a record that starts at this byte of all data.
    pub(super) fn record(&mut self, span: Span, start: u64) {
        self.waiting.push_back((span, start));
    }

    /// Takes a block of so many bytes and so many bytes of data.
    pub(super) fn block(&mut self, bytes: u64, data_bytes: u64) {
        self.blocks.push_back((self.data_end, self.end));
        self.data_end += data_bytes;
        self.end += bytes;
    }

    /// Returns how many bytes of data the blocks have.
    pub(super) const fn data_bytes(&self) -> u64 {
        self.data_end
    }

    /// Tells an index of the records that are known to have ended.
    pub(super) fn tell(&mut self, index: &mut IndexBuilder) -> Result<(), IndexError> {
        while let Some((span, start)) = self
            .waiting
            .pop_front_if(|(_, start)| *start < self.data_end)
        {
            while self.blocks.get(1).is_some_and(|(data, _)| *data <= start) {
                self.blocks.pop_front();
            }
            let (data, block) = self.blocks.front().copied().unwrap_or_default();
            let here = block << 16 | (start - data);
            if let Some((last, from)) = self.last.replace((span, here)) {
                index.add(&last, from, here)?;
            }
        }
        Ok(())
    }

    /// Tells an index of the last record; there are no more blocks.
    pub(super) fn finish(mut self, index: &mut IndexBuilder) -> Result<(), IndexError> {
        self.tell(index)?;
        match self.last {
            Some((last, from)) => index.add(&last, from, self.end << 16),
            None => Ok(()),
        }
    }
}
