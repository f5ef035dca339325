//! Packing reads into a batch.

use std::io::{self, Write};

use genome::reads::Read as SequencedRead;
use genome::two_bits;

use super::{MAGIC, VERSION};
use crate::container::columns::Columns;
use crate::container::put_varint;

/// A frame is closed by the read with which its names and qualities reach this size.
const FRAME_BYTES: usize = 1 << 17;

/// Writes a read batch.
pub struct Writer<W> {
    out: W,
    /// The rest: of each read name and number of bases. With a read of unknown bases: their stretches.
    columns: Columns,
    reads: u64,
    name_before: Vec<u8>,
    packed: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Starts a batch.
    ///
    /// # Errors
    /// What the output answers.
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(&MAGIC)?;
        out.write_all(&VERSION.to_le_bytes())?;
        Ok(Self {
            out,
            columns: Columns::default(),
            reads: 0,
            name_before: Vec::new(),
            packed: Vec::new(),
        })
    }

    /// Appends a read.
    ///
    /// # Errors
    /// What the output answers.
    pub fn push(&mut self, read: SequencedRead<'_>) -> io::Result<()> {
        let same = read.name.iter().zip(&self.name_before);
        let shared = same.take_while(|(one, other)| one == other).count();
        let columns = &mut self.columns;
        put_varint(&mut columns.rest, shared as u64);
        put_varint(&mut columns.rest, (read.name.len() - shared) as u64);
        columns.rest.extend_from_slice(&read.name[shared..]);
        self.name_before.truncate(shared);
        self.name_before.extend_from_slice(&read.name[shared..]);
        let has_qualities = u64::from(!read.qualities.is_empty());
        let lengths = (read.bases.len() as u64) << 1 | has_qualities;
        put_varint(&mut columns.rest, lengths);
        if two_bits::pack(read.bases, &mut columns.bases) {
            columns.count_known();
        } else {
            columns.put_unknown();
            two_bits::put_unknown(read.bases, &mut columns.unknown);
        }
        columns.qualities.extend_from_slice(read.qualities);
        self.reads += 1;
        if columns.rest.len() + columns.qualities.len() >= FRAME_BYTES {
            self.close_frame()?;
        }
        Ok(())
    }

    /// Ends the batch and returns the output.
    ///
    /// # Errors
    /// What the output answers.
    pub fn finish(mut self) -> io::Result<W> {
        if self.reads > 0 {
            self.close_frame()?;
        }
        Ok(self.out)
    }

    fn close_frame(&mut self) -> io::Result<()> {
        self.packed.clear();
        put_varint(&mut self.packed, self.reads);
        self.columns.pack(&mut self.packed);
        let length = self.packed.len() as u32;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&self.packed)?;
        self.name_before.clear();
        self.reads = 0;
        Ok(())
    }
}
