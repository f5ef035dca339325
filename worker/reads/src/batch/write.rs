//! Packing reads into a batch.

use std::io::{self, Write};

use genome::base;
use genome::reads::Read as SequencedRead;
use lz4_flex::block::{compress_into, get_maximum_output_size};

use super::{MAGIC, VERSION};
use crate::container::bases::pack_letters;
use crate::container::{put_varint, qualities};

/// A frame is closed by the read with which its names and qualities reach this size.
const FRAME_BYTES: usize = 1 << 17;

/// Writes a read batch.
pub struct Writer<W> {
    out: W,
    /// Of each read: name and number of bases.
    names: Vec<u8>,
    bases: Vec<u8>,
    /// Of each read with unknown bases: reads since the last one, number of stretches, and of each
    /// stretch its distance from the one before and its length.
    unknown: Vec<u8>,
    qualities: Vec<u8>,
    reads: u64,
    reads_before_unknown: u64,
    name_before: Vec<u8>,
    packer: qualities::Packer,
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
            names: Vec::new(),
            bases: Vec::new(),
            unknown: Vec::new(),
            qualities: Vec::new(),
            reads: 0,
            reads_before_unknown: 0,
            name_before: Vec::new(),
            packer: qualities::Packer::default(),
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
        put_varint(&mut self.names, shared as u64);
        put_varint(&mut self.names, (read.name.len() - shared) as u64);
        self.names.extend_from_slice(&read.name[shared..]);
        self.name_before.truncate(shared);
        self.name_before.extend_from_slice(&read.name[shared..]);
        let has_qualities = u64::from(!read.qualities.is_empty());
        put_varint(
            &mut self.names,
            (read.bases.len() as u64) << 1 | has_qualities,
        );
        if pack_letters(read.bases, &mut self.bases) {
            self.reads_before_unknown += 1;
        } else {
            put_varint(&mut self.unknown, self.reads_before_unknown);
            put_unknown(read.bases, &mut self.unknown);
            self.reads_before_unknown = 0;
        }
        self.qualities.extend_from_slice(read.qualities);
        self.reads += 1;
        if self.names.len() + self.qualities.len() >= FRAME_BYTES {
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
        let packed = &mut self.packed;
        packed.clear();
        let columns = [&self.names, &self.qualities, &self.unknown, &self.bases];
        put_varint(packed, self.reads);
        columns
            .iter()
            .for_each(|column| put_varint(packed, column.len() as u64));
        packed.extend_from_slice(&self.unknown);
        packed.extend_from_slice(&self.bases);
        self.packer.pack(&self.qualities, packed);
        let start = packed.len();
        packed.resize(start + get_maximum_output_size(self.names.len()), 0);
        let length = compress_into(&self.names, &mut packed[start..])
            .expect("the output is as long as the compressor's own bound");
        packed.truncate(start + length);
        self.out.write_all(&(packed.len() as u32).to_le_bytes())?;
        self.out.write_all(packed)?;
        for column in [
            &mut self.names,
            &mut self.qualities,
            &mut self.unknown,
            &mut self.bases,
        ] {
            column.clear();
        }
        self.name_before.clear();
        (self.reads, self.reads_before_unknown) = (0, 0);
        Ok(())
    }
}

/// Appends the number of stretches of unknown bases, their distances and lengths.
fn put_unknown(bases: &[u8], out: &mut Vec<u8>) {
    let is_unknown = |letter: &u8| base::code(*letter) == base::AMBIGUOUS;
    let stretches = bases.chunk_by(|one, other| is_unknown(one) == is_unknown(other));
    let unknown = |stretch: &&[u8]| stretch.first().is_some_and(is_unknown);
    put_varint(out, stretches.clone().filter(unknown).count() as u64);
    let mut since = 0;
    for stretch in stretches {
        if unknown(&stretch) {
            put_varint(out, since);
            put_varint(out, stretch.len() as u64);
            since = 0;
        } else {
            since = stretch.len() as u64;
        }
    }
}
