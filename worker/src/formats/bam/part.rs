//! Writing a part of a BAM file with the index of it.

use std::io::{self, Write};

use genome::dictionary::Dictionary;
use genome::record::RecordView;

use super::blocks::{self, BLOCK_BYTES};
use super::index::{Index, IndexBuilder, IndexError, IndexFormat, Span};

/// Blocks that are deflated together: enough for any number of threads.
const GROUP_BLOCKS: usize = 64;

/// Why a part could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// The output failed.
    #[error("part cannot be written")]
    Io(#[from] io::Error),
    /// A record can't be indexed.
    #[error("part cannot be indexed")]
    Index(#[from] IndexError),
}

/// A place in the data of a group: block and offset in it.
type Place = (usize, usize);

/// Writes records, in order, as whole blocks.
#[derive(Debug)]
pub struct PartWriter<W> {
    out: W,
    /// Blocks of the present group that are full; the last one is being filled.
    group: Vec<Vec<u8>>,
    spans: Vec<(Span, Place, Place)>,
    index: IndexBuilder,
    contigs: usize,
    bytes: u64,
}

impl<W: Write> PartWriter<W> {
    /// Starts a part.
    pub fn new(out: W, dictionary: &Dictionary) -> Self {
        Self {
            out,
            group: vec![Vec::new()],
            spans: Vec::new(),
            index: IndexBuilder::new(IndexFormat::of(dictionary)),
            contigs: dictionary.contigs().len(),
            bytes: 0,
        }
    }

    /// Appends a record. It begins a block if it does not fit into the present one.
    ///
    /// # Errors
    /// [`PartError`] if the output fails or the record is out of order.
    pub fn write(&mut self, record: &RecordView<'_>) -> Result<(), PartError> {
        let size = record.bytes().len() + 4;
        if !self.block().is_empty() && self.block().len() + size > BLOCK_BYTES {
            self.next_block()?;
        }
        let from = self.place();
        self.append(&(record.bytes().len() as u32).to_le_bytes());
        self.append(record.bytes());
        let to = self.place();
        self.spans.push((Span::of(record), from, to));
        Ok(())
    }

    /// Ends the part; returns the output, its length in bytes, and the index.
    ///
    /// # Errors
    /// As [`PartWriter::write`].
    pub fn finish(mut self) -> Result<(W, u64, Index), PartError> {
        self.flush_group()?;
        self.out.flush()?;
        Ok((self.out, self.bytes, self.index.finish(self.contigs)))
    }

    fn block(&mut self) -> &mut Vec<u8> {
        self.group.last_mut().expect("a group has a block to fill")
    }

    fn place(&mut self) -> Place {
        (self.group.len() - 1, self.block().len())
    }

    /// Fills blocks with data; records longer than a block go on in the next.
    fn append(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            let room = BLOCK_BYTES - self.block().len();
            let (here, rest) = data.split_at(room.min(data.len()));
            self.block().extend_from_slice(here);
            data = rest;
            if !data.is_empty() {
                self.group.push(Vec::new());
            }
        }
    }

    fn next_block(&mut self) -> Result<(), PartError> {
        if self.group.len() >= GROUP_BLOCKS {
            return self.flush_group();
        }
        self.group.push(Vec::new());
        Ok(())
    }

    fn flush_group(&mut self) -> Result<(), PartError> {
        self.group.retain(|block| !block.is_empty());
        let blocks = blocks::deflate(&self.group);
        let mut starts = Vec::with_capacity(blocks.len() + 1);
        for block in &blocks {
            starts.push(self.bytes);
            self.bytes += block.len() as u64;
            self.out.write_all(block)?;
        }
        starts.push(self.bytes);
        for (span, from, to) in self.spans.drain(..) {
            let group = &self.group;
            let virtual_position = |(block, offset): Place| match group.get(block) {
                Some(data) if offset < data.len() => starts[block] << 16 | offset as u64,
                _ => starts[block + 1] << 16,
            };
            self.index.add(&span, virtual_position(from), virtual_position(to))?;
        }
        self.group.clear();
        self.group.push(Vec::new());
        Ok(())
    }
}
