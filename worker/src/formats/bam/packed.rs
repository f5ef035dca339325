//! Parts that are read once more and then gone: packed frames instead of BGZF blocks, with the
//! same index. Its virtual positions hold the first byte of a frame and the number of a record there.

use std::io::{Read, Write};

use genome::dictionary::Dictionary;
use genome::record::RecordView;
use reads::Error;
use reads::container::{Decoder, Encoder, FramePlace, Frames, put_record, take_record};

use super::PartError;
use super::index::{Index, IndexBuilder, IndexFormat, Span};

/// Names the data in errors.
const WHAT: &str = "packed part";

/// Packed bytes that are written together.
const PIECE_BYTES: usize = 1 << 18;

/// Writes records, in order, as frames.
#[derive(Debug)]
pub struct PackedWriter<W> {
    out: W,
    frames: Encoder,
    index: IndexBuilder,
    contigs: usize,
}

impl<W: Write> PackedWriter<W> {
    /// Starts a part.
    pub fn new(out: W, dictionary: &Dictionary) -> Self {
        Self {
            out,
            frames: Encoder::of_records(),
            index: IndexBuilder::new(IndexFormat::of(dictionary)),
            contigs: dictionary.contigs().len(),
        }
    }

    /// Appends a record.
    ///
    /// # Errors
    /// [`PartError`] if the output fails or the record is out of order.
    pub fn write(&mut self, record: &RecordView<'_>) -> Result<(), PartError> {
        let from = self.frames.place();
        self.frames.item(|out| put_record(out, record.bytes(), &[]));
        let to = self.frames.place();
        self.index.add(
            &Span::of(record),
            virtual_position(from),
            virtual_position(to),
        )?;
        if self.frames.packed_bytes() >= PIECE_BYTES {
            self.out.write_all(&self.frames.take_packed())?;
        }
        Ok(())
    }

    /// Ends the part; returns the output and the index.
    ///
    /// # Errors
    /// As [`PackedWriter::write`].
    pub fn finish(mut self) -> Result<(W, Index), PartError> {
        self.out.write_all(&self.frames.finish())?;
        Ok((self.out, self.index.finish(self.contigs)))
    }
}

/// A frame is closed long before it has 65,536 records.
fn virtual_position(place: FramePlace) -> u64 {
    place.start << 16 | u64::from(place.number)
}

/// Reads the records of a packed part one at a time.
#[derive(Debug)]
pub struct PackedReader<R> {
    frames: Frames<R>,
    next: usize,
    skip: u16,
}

impl<R: Read> PackedReader<R> {
    /// Reads from a frame on whose first `skip` records are left out.
    pub fn new(input: R, skip: u16) -> Self {
        Self {
            frames: Frames::of_records(input),
            next: 0,
            skip,
        }
    }

    /// Returns the next record; `None` at the end.
    ///
    /// # Errors
    /// [`Error`] if the part is damaged.
    pub fn next_record(&mut self) -> Result<Option<RecordView<'_>>, Error> {
        loop {
            while self.next == self.frames.frame().len() {
                self.next = 0;
                if !self.frames.next_frame()? {
                    return Ok(None);
                }
            }
            let mut fields = Decoder::new(&self.frames.frame()[self.next..], WHAT);
            take_record(&mut fields, 0)?;
            let end = self.frames.frame().len() - fields.remaining();
            let start = std::mem::replace(&mut self.next, end) + size_of::<u32>();
            if self.skip == 0 {
                let record = RecordView::parse(&self.frames.frame()[start..end])?;
                return Ok(Some(record));
            }
            self.skip -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use genome::cigar::{CigarKind, CigarOp};
    use genome::dictionary::Contig;
    use genome::record::{Flags, NewRecord, Records};
    use genome::region::{ContigId, Region};

    fn records() -> Records {
        let mut records = Records::default();
        for at in 0..6_000 {
            let bases = if at == 700 { 90_000 } else { 100 };
            let name = format!("read-{at}");
            let record = NewRecord {
                name: name.as_bytes(),
                flags: Flags(0),
                placed: Some((ContigId(0), at * 50)),
                mapping_quality: 60,
                cigar: &[CigarOp::new(CigarKind::Match, bases)],
                mate: None,
                template_length: 0,
                bases: &vec![b'A'; bases as usize],
                qualities: &[],
            };
            records.push(0, &record);
        }
        records
    }

    #[test]
    fn records_are_found_from_the_place_that_the_index_names() {
        let contig = Contig {
            name: "c".into(),
            length: 500_000,
        };
        let dictionary = Dictionary::new(vec![contig]);
        let records = records();
        let mut writer = PackedWriter::new(Vec::new(), &dictionary);
        for record in records.iter() {
            writer.write(&record).unwrap();
        }
        let (bytes, index) = writer.finish().unwrap();
        for position in [0, 40_000, 200_000, 299_950] {
            let region = Region::new(ContigId(0), position, position + 50);
            let (start, skip) = index.first_chunk(&region).unwrap();
            let mut reader = PackedReader::new(&bytes[start as usize..], skip);
            let mut found = Vec::new();
            let mut count = 0;
            while let Some(record) = reader.next_record().unwrap() {
                let here = record.position().map(u64::from);
                found.extend((here == Some(position)).then(|| record.name().to_vec()));
                count += 1;
            }
            assert_eq!(found, [format!("read-{}", position / 50).into_bytes()]);
            assert!(
                count as u64 >= 6_000 - position / 50,
                "{count} from {position}"
            );
        }
        let mut damaged = bytes.clone();
        damaged[60] ^= 1;
        let mut reader = PackedReader::new(damaged.as_slice(), 0);
        assert!(matches!(reader.next_record(), Err(Error::Checksum { .. })));
    }
}
