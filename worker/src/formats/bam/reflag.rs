//! A file's blocks with other FLAGs: copied, but for the few bits that change.

mod work;

use std::io::{self, Read, Write};

use genome::record::Flags;
use rayon::prelude::*;
use reads::deflate::{Checksums, Patcher, Spot};

use super::index::IndexError;
use super::inflate::{Block, next_block};
use super::notes::{BlockNote, KeptNote, NoteReader};
use super::part::{PartError, PartWriter};
use super::placed::Placed;
use work::{Anew, Work};

/// Blocks that are written together: enough for any number of threads.
const GROUP_BLOCKS: usize = 64;

/// Why the blocks of a file could not be written again.
#[derive(Debug, thiserror::Error)]
pub enum ReflagError {
    /// The file can't be read once more.
    #[error("{file}: cannot be read again")]
    Input {
        /// The file, as submitted.
        file: String,
        /// The cause.
        source: io::Error,
    },
    /// It holds other blocks than before.
    #[error("{0}: changed while it was read")]
    Changed(String),
    /// What was noted of the blocks can't be read.
    #[error("notes of blocks cannot be read")]
    Notes(#[source] io::Error),
    /// The output failed.
    #[error(transparent)]
    Output(#[from] PartError),
}

impl From<IndexError> for ReflagError {
    fn from(error: IndexError) -> Self {
        Self::Output(error.into())
    }
}

/// Writes the blocks of a file again, with other FLAGs.
#[derive(Debug)]
pub struct Reflagger<R, N> {
    input: Blocks<R>,
    notes: NoteReader<N>,
    checksums: Checksums,
}

impl<R: Read, N: Read> Reflagger<R, N> {
    /// Takes the file once more, from its start, and what was noted of it; `file` is the name for
    /// messages.
    ///
    /// # Errors
    /// [`ReflagError`].
    pub fn new(input: R, file: &str, notes: N) -> Result<Self, ReflagError> {
        let (notes, before) = NoteReader::open(notes).map_err(ReflagError::Notes)?;
        let file = file.to_owned();
        let mut input = Blocks { input, file };
        for _ in 0..before {
            input.next(&mut Vec::new())?;
        }
        Ok(Self {
            input,
            notes,
            checksums: Checksums::default(),
        })
    }

    /// Writes all records; `flags_of` gives the new flags of each by its old ones and the number
    /// that was noted with it. They may differ in the higher byte.
    ///
    /// # Errors
    /// [`ReflagError`], and what `flags_of` answers.
    pub fn write<W: Write, E: From<ReflagError>>(
        mut self,
        out: &mut PartWriter<W>,
        mut flags_of: impl FnMut(Flags, u16) -> Result<Flags, E>,
    ) -> Result<(), E> {
        let mut placed = Placed::default();
        let mut group = Vec::new();
        group.resize_with(GROUP_BLOCKS, Work::default);
        loop {
            let mut read = 0;
            while read < GROUP_BLOCKS && self.read(&mut group[read], &mut flags_of)? {
                read += 1;
            }
            let tools = || (Patcher::default(), Anew::default());
            let make = |(patcher, anew): &mut (Patcher, Anew), work: &mut Work| {
                work.patch(patcher, &self.checksums) || anew.deflate(work).is_some()
            };
            let made = group[..read].par_iter_mut().map_init(tools, make);
            let made: Vec<bool> = made.collect();
            if !made.into_iter().all(|made| made) {
                return Err(self.input.changed().into());
            }
            for work in &group[..read] {
                out.append_block(&work.written).map_err(ReflagError::from)?;
                work.place(&mut placed);
            }
            if let Some(index) = out.index() {
                placed.tell(index).map_err(ReflagError::from)?;
            }
            if read < GROUP_BLOCKS {
                break;
            }
        }
        match out.index() {
            Some(index) => Ok(placed.finish(index).map_err(ReflagError::from)?),
            None => Ok(()),
        }
    }

    /// Reads a block with its note, and asks for its new flags; false at the end.
    fn read<E: From<ReflagError>>(
        &mut self,
        work: &mut Work,
        mut flags_of: impl FnMut(Flags, u16) -> Result<Flags, E>,
    ) -> Result<bool, E> {
        let Work { note, spots, .. } = work;
        if !self.notes.next(note).map_err(ReflagError::Notes)? {
            return Ok(false);
        }
        self.input.noted(note, &mut work.packed)?;
        spots.clear();
        for flag in &note.flags {
            let [_, new] = flags_of(flag.flags(), flag.mark)?.0.to_le_bytes();
            spots.push(Spot {
                at: flag.at,
                around: flag.around,
                new,
            });
        }
        Ok(true)
    }
}

/// The blocks of the file.
#[derive(Debug)]
struct Blocks<R> {
    input: R,
    file: String,
}

impl<R: Read> Blocks<R> {
    /// Reads the stream of the block that was noted, or nothing where its data was.
    fn noted(&mut self, note: &BlockNote, packed: &mut Vec<u8>) -> Result<(), ReflagError> {
        packed.clear();
        if note.kept == KeptNote::Data {
            return Ok(());
        }
        let mut block = self.next(packed)?;
        while block.data_bytes == 0 {
            packed.clear();
            block = self.next(packed)?;
        }
        match block.print() == note.print && block.data_bytes == note.bytes {
            true => Ok(()),
            false => Err(self.changed()),
        }
    }

    fn next(&mut self, packed: &mut Vec<u8>) -> Result<Block, ReflagError> {
        let block = next_block(&mut self.input, packed);
        let block = block.map_err(|source| ReflagError::Input {
            file: self.file.clone(),
            source,
        })?;
        block.ok_or_else(|| self.changed())
    }

    fn changed(&self) -> ReflagError {
        ReflagError::Changed(self.file.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::blocks::{block, compressor, make_block};
    use super::super::index::Index;
    use super::super::part::tests::{dictionary, is_found, part, records};
    use super::super::{FlagNotes, PartReader};
    use super::*;
    use genome::record::{RecordView, Records};
    use std::io::Read;

    const CONTIGS: [u64; 3] = [300_000; 3];

    /// The records as blocks: of zlib or libdeflate, that end with records or anywhere.
    fn sources(records: &Records) -> Vec<Vec<u8>> {
        let (with_records, _) = part(records, 0..records.len(), &dictionary(&CONTIGS));
        let mut data = Vec::new();
        let mut reader = noodles_bgzf::io::Reader::new(with_records.as_slice());
        reader.read_to_end(&mut data).unwrap();
        let anywhere = |level: i32, bytes: usize| {
            let blocks = data.chunks(bytes).map(|data| match level {
                0.. => block(&mut compressor(level), data),
                _ => zlib(data),
            });
            blocks.collect::<Vec<_>>().concat()
        };
        let cases = [
            (1, 65_280),
            (6, 65_280),
            (9, 1_000),
            (6, 20),
            (-1, 60_000),
            (0, 65_280),
        ];
        let others = cases.map(|(level, bytes)| anywhere(level, bytes));
        [vec![with_records], others.into()].concat()
    }

    fn zlib(data: &[u8]) -> Vec<u8> {
        use std::io::Write;
        let (mut written, print) = (Vec::new(), (libdeflater::crc32(data), data.len()));
        assert!(make_block(print, &mut written, |out| {
            let mut encoder = flate2::write::DeflateEncoder::new(out, flate2::Compression::new(6));
            encoder.write_all(data).unwrap();
            encoder.finish().is_ok()
        }));
        written
    }

    /// Notes all records; none if the blocks are not worth it.
    fn noted(source: &[u8]) -> Option<Vec<u8>> {
        let mut reader = PartReader::new(source);
        let mut notes = FlagNotes::new(reader.follow(), Vec::new(), true).unwrap();
        let mut ordinal = 0;
        while let Some(record) = reader.next_record().unwrap() {
            notes.add(&record, ordinal).unwrap();
            ordinal = ordinal.wrapping_add(1);
        }
        notes.finish().unwrap()
    }

    fn is_marked(mark: u16, every: u16) -> bool {
        mark.is_multiple_of(every)
    }

    /// Copies the blocks, every so many records marked.
    fn copied(source: &[u8], notes: &[u8], every: u16) -> Result<(Vec<u8>, Index), ReflagError> {
        let mut out = PartWriter::new(Vec::new(), &dictionary(&CONTIGS));
        let reflagger = Reflagger::new(source, "x.bam", notes)?;
        reflagger.write(&mut out, |flags, mark| {
            let duplicate = if is_marked(mark, every) {
                Flags::DUPLICATE
            } else {
                0
            };
            Ok::<_, ReflagError>(Flags(flags.0 | duplicate))
        })?;
        let (bytes, length, index) = out.finish().unwrap();
        assert_eq!(bytes.len() as u64, length);
        Ok((bytes, index))
    }

    #[test]
    fn copied_blocks_hold_the_records_with_their_flags_and_the_index_finds_them() {
        let records = records();
        for source in sources(&records) {
            let Some(notes) = noted(&source) else {
                continue;
            };
            for every in [1, 3, 50, u16::MAX] {
                let (file, index) = copied(&source, &notes, every).unwrap();
                let mut reader = PartReader::new(file.as_slice());
                for (ordinal, expected) in (0..).zip(records.iter()) {
                    let mut bytes = expected.bytes().to_vec();
                    bytes[15] |= u8::from(is_marked(ordinal, every)) << 2;
                    let found = reader.next_record().unwrap();
                    assert_eq!(found, Some(RecordView::trusted(&bytes)));
                }
                assert_eq!(reader.next_record().unwrap(), None);
                for place in [(0, 1), (0, 50_151), (2, 99_951), (2, 199_951)] {
                    assert!(is_found(place, &index, &file, &records), "{place:?}");
                }
            }
        }
    }

    #[test]
    fn blocks_that_were_stored_plainly_are_not_worth_it() {
        let sources = sources(&records());
        let worth: Vec<bool> = sources
            .iter()
            .map(|source| noted(source).is_some())
            .collect();
        assert_eq!(worth, [true, true, true, true, true, true, false]);
    }

    #[test]
    fn copied_blocks_hardly_grow() {
        let source = &sources(&records())[2];
        let notes = noted(source).unwrap();
        let (copied, _) = copied(source, &notes, 50).unwrap();
        assert!(copied.len() < source.len() + source.len() / 20);
    }

    #[test]
    fn other_blocks_than_before_are_refused() {
        let sources = sources(&records());
        let notes = noted(&sources[1]).unwrap();
        for other in [&sources[2], &sources[1][..0].to_vec()] {
            let refused = copied(other, &notes, 2);
            assert!(matches!(refused, Err(ReflagError::Changed(file)) if file == "x.bam"));
        }
        let (notes, mut damaged) = (notes.len(), notes);
        damaged[notes / 2] ^= 1;
        let refused = copied(&sources[1], &damaged, 2);
        assert!(matches!(refused, Err(ReflagError::Notes(_))));
    }
}
