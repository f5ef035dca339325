//! Writing a part of a BAM file with the index of it.

use std::io::{self, Write};

use genome::dictionary::Dictionary;
use genome::record::RecordView;

use super::blocks::{self, BLOCK_BYTES, LEVEL, Levels, Stretch};
use super::index::{Index, IndexBuilder, IndexError, IndexFormat, Span};
use super::trail::Trail;

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

/// Groups of which one tells whether it is worth to follow where the records come from.
const TELLING_GROUPS: usize = 4;

/// A place in the data of a group: block and offset in it.
type Place = (usize, usize);

/// Writes records, in order, as whole blocks.
#[derive(Debug)]
pub struct PartWriter<W> {
    out: W,
    /// Blocks of the present group that are full; the last one is being filled.
    group: Vec<Stretch>,
    /// How long the block that is being filled may get.
    room: usize,
    /// How the records are deflated where they come from.
    trail: Option<Trail>,
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
            group: vec![Stretch::default()],
            room: BLOCK_BYTES,
            trail: None,
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

    /// Deflates the records to come as they are deflated where they come from: their blocks end at
    /// the same bytes. Once that takes more room than deflating anew, it is given up.
    pub fn follow(&mut self, trail: Trail) {
        self.trail = Some(trail);
    }

    /// Appends a record. It begins a block if it does not fit into the present one.
    ///
    /// # Errors
    /// [`PartError`] if the output fails or the record is out of order.
    pub fn write(&mut self, record: &RecordView<'_>) -> Result<(), PartError> {
        let size = record.bytes().len() + 4;
        let is_full = !self.block().is_empty() && self.block().len() + size > BLOCK_BYTES;
        let is_due = match self.trail {
            Some(_) => self.group.len() > GROUP_BLOCKS,
            None => is_full,
        };
        if is_due {
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

    /// Ends the part; returns the output, its length in bytes, and the index.
    ///
    /// # Errors
    /// As [`PartWriter::write`].
    pub fn finish(mut self) -> Result<(W, u64, Index), PartError> {
        self.flush_group()?;
        self.trail = None;
        self.flush_group()?;
        self.out.flush()?;
        let index = self.index.unwrap_or(IndexBuilder::new(IndexFormat::Bai));
        Ok((self.out, self.bytes, index.finish(self.contigs)))
    }

    fn block(&mut self) -> &mut Vec<u8> {
        let last = self.group.last_mut();
        &mut last.expect("a group has a block to fill").data
    }

    fn place(&mut self) -> Place {
        (self.group.len() - 1, self.block().len())
    }

    /// Fills blocks with data; records longer than a block go on in the next.
    fn append(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            if self.block().is_empty() {
                self.start_block();
            }
            let room = self.room.saturating_sub(self.block().len());
            let (here, rest) = data.split_at(room.min(data.len()));
            self.block().extend_from_slice(here);
            data = rest;
            let ends_here = self.trail.is_some() && self.block().len() >= self.room;
            if !data.is_empty() || ends_here {
                self.push_block();
            }
        }
    }

    /// Learns where the block that is still empty ends.
    fn start_block(&mut self) {
        let step = self.trail.as_ref().and_then(Trail::pop);
        self.room = step.as_ref().map_or(BLOCK_BYTES, |step| step.bytes);
        match (step, self.group.last_mut()) {
            (Some(step), Some(stretch)) => stretch.tokens = step.tokens,
            _ => self.trail = None,
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
        let data = self.free.pop();
        self.group.push(Stretch {
            data: data.unwrap_or_else(|| Vec::with_capacity(BLOCK_BYTES)),
            tokens: None,
        });
    }

    fn flush_group(&mut self) -> Result<(), PartError> {
        // A block that is to get as long as where it comes from waits until it is.
        let waiting = self.trail.as_ref().and_then(|_| self.group.pop());
        self.group.retain(|block| !block.data.is_empty());
        let is_worth_it = |first: &Stretch| blocks::is_worth_following(first, self.levels);
        let is_telling = (self.written / GROUP_BLOCKS).is_multiple_of(TELLING_GROUPS);
        if is_telling && !self.group.first().is_none_or(is_worth_it) {
            self.trail = None;
            self.group.iter_mut().for_each(|block| block.tokens = None);
        }
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
                Some(whole) if offset >= whole.data.len() => starts[block + 1] << 16,
                _ => starts[block] << 16 | offset as u64,
            };
            if let Some(index) = &mut self.index {
                index.add(&span, virtual_position(from), virtual_position(to))?;
            }
        }
        let written = self.group.drain(..).map(|mut block| {
            block.data.clear();
            block.data
        });
        self.free.extend(written);
        match waiting {
            Some(waiting) => self.group.push(waiting),
            None => self.push_block(),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::PartReader;
    use super::*;
    use genome::cigar::{CigarKind, CigarOp};
    use genome::dictionary::Contig;
    use genome::record::{Flags, NewRecord, Records};
    use genome::region::ContigId;
    use std::io::Read;

    fn dictionary(lengths: &[u64]) -> Dictionary {
        let contig = |(at, &length): (usize, &u64)| Contig {
            name: format!("c{at}"),
            length,
        };
        Dictionary::new(lengths.iter().enumerate().map(contig).collect())
    }

    /// Records every 50 bp of two contigs, then some unplaced ones; one is longer than a block.
    fn records() -> Records {
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

    fn part(
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

    #[test]
    fn records_that_differ_little_follow_the_blocks_they_come_from() {
        let (records, dictionary) = (records(), dictionary(&[300_000; 3]));
        let (source, _) = part(&records, 0..records.len(), &dictionary);
        // Blocks that end where records end, and blocks that end anywhere.
        let mut inflated = Vec::new();
        noodles_bgzf::io::Reader::new(source.as_slice())
            .read_to_end(&mut inflated)
            .unwrap();
        let anywhere = super::blocks::compressed(&inflated);
        let cases = [(&source, 5), (&source, 50), (&anywhere, 5), (&anywhere, 50)];
        for (source, every) in cases {
            let mut reader = PartReader::new(source.as_slice());
            let mut writer = PartWriter::new(Vec::new(), &dictionary);
            let mut anew = PartWriter::new(Vec::new(), &dictionary);
            writer.follow(reader.follow());
            let (mut expected, mut ordinal) = (Vec::new(), 0);
            while let Some(record) = reader.next_record().unwrap() {
                let mut block = record.bytes().to_vec();
                block[15] ^= u8::from(ordinal % every == 0) << 2;
                ordinal += 1;
                writer.write(&RecordView::trusted(&block)).unwrap();
                anew.write(&RecordView::trusted(&block)).unwrap();
                expected.push(block);
            }
            let (written, _, _) = writer.finish().unwrap();
            let (anew, _, _) = anew.finish().unwrap();
            let mut again = PartReader::new(written.as_slice());
            for block in &expected {
                let record = again.next_record().unwrap();
                assert!(record.unwrap().bytes() == block);
            }
            assert!(again.next_record().unwrap().is_none());
            // What changes everywhere grows in any case.
            let most = match every {
                50 => source.len().min(anew.len()),
                _ => anew.len(),
            };
            let length = written.len();
            assert!(length < most + most / 20, "{every}: {length} of {most}");
        }
    }

    #[test]
    fn joined_indexes_find_every_record_of_the_joined_parts() {
        use noodles::core::Position;
        use noodles::csi::BinningIndex;
        use noodles_bgzf as bgzf;

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
                let position = Position::new(start).unwrap();
                let chunks = match &joined {
                    Index::Bai(index) => index.query(contig, (position..=position).into()),
                    Index::Csi(_, index) => index.query(contig, (position..=position).into()),
                };
                let wanted = records.iter().find(|record| {
                    record.contig() == Some(ContigId(contig as u32))
                        && record.position() == Some(start as u32 - 1)
                });
                let wanted = wanted.unwrap().bytes();
                let found = chunks.unwrap().iter().any(|chunk| {
                    let mut reader = bgzf::io::Reader::new(std::io::Cursor::new(&file));
                    reader.seek(chunk.start()).unwrap();
                    let mut bytes = Vec::new();
                    while reader.virtual_position() < chunk.end() {
                        let mut byte = [0];
                        if reader.read(&mut byte).unwrap() == 0 {
                            break;
                        }
                        bytes.push(byte[0]);
                    }
                    bytes.windows(wanted.len()).any(|window| window == wanted)
                });
                assert!(found, "{contig}:{start}");
            }
        }
    }
}
