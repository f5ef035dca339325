//! Writing a part of a BAM file with the index of it.

use std::io::{self, Write};

use genome::dictionary::Dictionary;
use genome::record::RecordView;

use super::blocks::{self, BLOCK_BYTES, LEVEL, Levels};
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
    index: Option<IndexBuilder>,
    contigs: usize,
    bytes: u64,
    levels: Levels,
    /// How many blocks were written.
    written: usize,
    /// Memory of blocks that were written.
    free: Vec<Vec<u8>>,
}

impl<W: Write> PartWriter<W> {
    /// Starts a part.
    pub fn new(out: W, dictionary: &Dictionary) -> Self {
        Self {
            out,
            group: vec![Vec::new()],
            spans: Vec::new(),
            index: Some(IndexBuilder::new(IndexFormat::of(dictionary))),
            contigs: dictionary.contigs().len(),
            bytes: 0,
            levels: Levels::one(LEVEL),
            written: 0,
            free: Vec::new(),
        }
    }

    /// Deflates at another level, of 0 to 12.
    #[must_use]
    pub fn with_level(self, level: i32) -> Self {
        self.with_levels(Levels::one(level))
    }

    /// Deflates blocks at two levels by turns.
    #[must_use]
    pub fn with_levels(self, levels: Levels) -> Self {
        Self { levels, ..self }
    }

    /// Starts a part whose records come in any order; its index stays empty.
    pub fn unsorted(out: W, dictionary: &Dictionary) -> Self {
        Self {
            index: None,
            ..Self::new(out, dictionary)
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
        if self.index.is_some() {
            self.spans.push((Span::of(record), from, to));
        }
        Ok(())
    }

    /// Appends whole blocks that were made elsewhere.
    ///
    /// # Errors
    /// As [`PartWriter::write`].
    pub(super) fn append_block(&mut self, block: &[u8]) -> Result<(), PartError> {
        self.bytes += block.len() as u64;
        Ok(self.out.write_all(block)?)
    }

    /// Returns the index, for records of blocks that were made elsewhere.
    pub(super) const fn index(&mut self) -> Option<&mut IndexBuilder> {
        self.index.as_mut()
    }

    /// Ends the part; returns the output, its length in bytes, and the index.
    ///
    /// # Errors
    /// As [`PartWriter::write`].
    pub fn finish(mut self) -> Result<(W, u64, Index), PartError> {
        self.flush_group()?;
        self.out.flush()?;
        let index = self.index.unwrap_or(IndexBuilder::new(IndexFormat::Bai));
        Ok((self.out, self.bytes, index.finish(self.contigs)))
    }

    fn block(&mut self) -> &mut Vec<u8> {
        let last = self.group.last_mut();
        last.expect("a group has a block to fill")
    }

    fn place(&mut self) -> Place {
        (self.group.len() - 1, self.block().len())
    }

    /// Fills blocks with data; records longer than a block go on in the next.
    fn append(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            let room = BLOCK_BYTES.saturating_sub(self.block().len());
            let (here, rest) = data.split_at(room.min(data.len()));
            self.block().extend_from_slice(here);
            data = rest;
            if !data.is_empty() {
                self.push_block();
            }
        }
    }

    fn next_block(&mut self) -> Result<(), PartError> {
        if self.group.len() >= GROUP_BLOCKS {
            return self.flush_group();
        }
        self.push_block();
        Ok(())
    }

    fn push_block(&mut self) {
        let block = self.free.pop();
        self.group
            .push(block.unwrap_or_else(|| Vec::with_capacity(BLOCK_BYTES)));
    }

    fn flush_group(&mut self) -> Result<(), PartError> {
        self.group.retain(|block| !block.is_empty());
        let blocks = blocks::deflate(&self.group, self.levels, self.written);
        self.written += blocks.len();
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
                Some(whole) if offset >= whole.len() => starts[block + 1] << 16,
                _ => starts[block] << 16 | offset as u64,
            };
            if let Some(index) = &mut self.index {
                index.add(&span, virtual_position(from), virtual_position(to))?;
            }
        }
        let written = self.group.drain(..).map(|mut block| {
            block.clear();
            block
        });
        self.free.extend(written);
        self.push_block();
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::PartReader;
    use super::*;
    use genome::cigar::{CigarKind, CigarOp};
    use genome::dictionary::Contig;
    use genome::record::{Flags, NewRecord, Records};
    use genome::region::ContigId;
    use std::io::Read;

    pub fn dictionary(lengths: &[u64]) -> Dictionary {
        let contig = |(at, &length): (usize, &u64)| Contig {
            name: format!("c{at}"),
            length,
        };
        Dictionary::new(lengths.iter().enumerate().map(contig).collect())
    }

    /// Records every 50 bp of two contigs, then some unplaced ones; one is longer than a block.
    pub fn records() -> Records {
        let mut records = Records::default();
        let mut push = |placed: Option<(ContigId, u32)>, bases: usize| {
            let cigar = [CigarOp::new(CigarKind::Match, bases as u32)];
            records.push(
                0,
                &NewRecord {
                    name: format!("read-{placed:?}").as_bytes(),
                    flags: Flags(if placed.is_some() { 0 } else { Flags::UNMAPPED }),
                    placed,
                    mapping_quality: 60,
                    cigar: if placed.is_some() { &cigar } else { &[] },
                    mate: None,
                    template_length: 0,
                    bases: &vec![b'A'; bases],
                    qualities: &[],
                },
            );
        };
        for contig in [0, 2] {
            for at in 0..4_000 {
                let bases = if at == 700 { 90_000 } else { 100 };
                push(Some((ContigId(contig), at * 50)), bases);
            }
        }
        for _ in 0..10 {
            push(None, 100);
        }
        records
    }

    pub fn part(
        records: &Records,
        range: std::ops::Range<usize>,
        dictionary: &Dictionary,
    ) -> (Vec<u8>, Index) {
        let mut writer = PartWriter::new(Vec::new(), dictionary);
        for at in range {
            writer.write(&records.get(at)).unwrap();
        }
        let (bytes, length, index) = writer.finish().unwrap();
        assert_eq!(bytes.len() as u64, length);
        (bytes, index)
    }

    #[test]
    fn a_part_is_read_back() {
        let records = records();
        let (bytes, _) = part(&records, 0..records.len(), &dictionary(&[300_000; 3]));
        let mut reader = PartReader::new(bytes.as_slice());
        for expected in records.iter() {
            assert_eq!(reader.next_record().unwrap(), Some(expected));
        }
        assert_eq!(reader.next_record().unwrap(), None);
        let mut truncated = PartReader::new(&bytes[..bytes.len() - 1]);
        let damaged = (0..=records.len()).any(|_| truncated.next_record().is_err());
        assert!(damaged);
    }

    /// Says whether the first record at a place, 1-based, is where the index says.
    pub fn is_found(
        (contig, start): (usize, usize),
        index: &Index,
        file: &[u8],
        records: &Records,
    ) -> bool {
        use noodles::core::Position;
        use noodles::csi::BinningIndex;
        use noodles_bgzf as bgzf;

        let position = Position::new(start).unwrap();
        let chunks = match index {
            Index::Bai(index) => index.query(contig, (position..=position).into()),
            Index::Csi(_, index) => index.query(contig, (position..=position).into()),
        };
        let wanted = records.iter().find(|record| {
            record.contig() == Some(ContigId(contig as u32))
                && record.position() == Some(start as u32 - 1)
        });
        // The flags may be others.
        let wanted = &wanted.unwrap().bytes()[32..];
        chunks.unwrap().iter().any(|chunk| {
            let mut reader = bgzf::io::Reader::new(std::io::Cursor::new(file));
            reader.seek(chunk.start()).unwrap();
            let mut bytes = Vec::new();
            while reader.virtual_position() < chunk.end() {
                let mut byte = [0];
                if reader.read(&mut byte).unwrap() == 0 {
                    break;
                }
                bytes.push(byte[0]);
            }
            let mut windows = bytes.windows(wanted.len());
            windows.any(|window| window == wanted)
        })
    }

    #[test]
    fn joined_indexes_find_every_record_of_the_joined_parts() {
        for lengths in [[300_000; 3], [1 << 30, 300_000, 300_000]] {
            let (records, dictionary) = (records(), dictionary(&lengths));
            let format = IndexFormat::of(&dictionary);
            let (mut file, mut parts) = (super::blocks::compressed(b"header"), Vec::new());
            for range in [0..1_003, 1_003..1_003, 1_003..6_000, 6_000..records.len()] {
                let (bytes, index) = part(&records, range, &dictionary);
                let stored = Index::decode(&index.encode().unwrap(), format).unwrap();
                parts.push((file.len() as u64, stored));
                file.extend_from_slice(&bytes);
            }
            let joined = Index::joined(&parts, format, dictionary.contigs().len());
            for (contig, start) in [(0usize, 1usize), (0, 50_151), (2, 99_951), (2, 199_951)] {
                let found = is_found((contig, start), &joined, &file, &records);
                assert!(found, "{contig}:{start}");
            }
        }
    }
}
