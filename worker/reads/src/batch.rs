//! A read batch: the reads of one `align` task in one object, as they come from the sequencer.
//!
//! Main path: [`Writer`] packs reads frame by frame, [`read`] unpacks all. Of a base all that is
//! kept is its code: what is none of A, C, G and T in either case comes back as an N.

use std::io::{self, Read, Write};

use genome::base;
use genome::reads::{Read as SequencedRead, Reads};
use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

use crate::container::bases::{pack_letters, unpack_letters};
use crate::container::{Decoder, Error, huffman, put_varint};

/// A frame is closed by the read with which its names and qualities reach this size.
const FRAME_BYTES: usize = 1 << 17;

/// No frame is longer: a read is the largest item, and far below it.
const MAX_FRAME_BYTES: usize = 1 << 30;

const MAGIC: [u8; 8] = *b"SPNDLRDS";
const VERSION: u32 = 1;

/// Names a frame in errors.
const WHAT: &str = "read batch";

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
        huffman::pack(&self.qualities, packed);
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

/// Reads a whole batch of so many reads and bases.
///
/// # Errors
/// [`Error`] if it is damaged, of another version, or holds something else.
pub fn read(mut input: impl Read, reads: u64, bases: u64) -> Result<Reads, Error> {
    check_head(&mut input)?;
    let mut batch = Reads::default();
    let mut packed = Vec::new();
    while let Some(length) = frame_length(&mut input)? {
        if length > MAX_FRAME_BYTES {
            return Err(Error::Range { what: WHAT });
        }
        packed.resize(length, 0);
        input.read_exact(&mut packed).map_err(truncated)?;
        let is_first = batch.is_empty();
        unpack(&packed, &mut batch)?;
        if is_first && !batch.is_empty() {
            // Room for all at once: what is not filled costs nothing.
            let names = batch.iter().map(|read| read.name.len() + SPARE_NAME_BYTES);
            let name_bytes = names.sum::<usize>().div_ceil(batch.len());
            batch.reserve(
                reads as usize,
                2 * bases as usize + reads as usize * name_bytes,
            );
        }
    }
    if batch.len() as u64 == reads && batch.total_bases() == bases {
        Ok(batch)
    } else {
        Err(Error::Range { what: WHAT })
    }
}

/// So much longer than in the first frame a name may be on average.
const SPARE_NAME_BYTES: usize = 8;

fn check_head(input: &mut impl Read) -> Result<(), Error> {
    let mut magic = MAGIC;
    input.read_exact(&mut magic).map_err(truncated)?;
    if magic != MAGIC {
        return Err(Error::Magic);
    }
    let mut version = VERSION.to_le_bytes();
    input.read_exact(&mut version).map_err(truncated)?;
    match u32::from_le_bytes(version) {
        VERSION => Ok(()),
        found => Err(Error::Version { found }),
    }
}

/// Reads the length of the next frame; `None` at the end.
fn frame_length(input: &mut impl Read) -> Result<Option<usize>, Error> {
    let mut bytes = Vec::with_capacity(4);
    input.take(4).read_to_end(&mut bytes)?;
    match bytes.first_chunk() {
        Some(length) => Ok(Some(u32::from_le_bytes(*length) as usize)),
        None if bytes.is_empty() => Ok(None),
        None => Err(Error::Truncated { what: WHAT }),
    }
}

fn truncated(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::Truncated { what: WHAT },
        _ => Error::Io(error),
    }
}

/// Appends the reads of a frame.
fn unpack(packed: &[u8], batch: &mut Reads) -> Result<(), Error> {
    let mut fields = Decoder::new(packed, WHAT);
    let count = fields.varint()?;
    let mut length = || fields.varint_as::<usize>();
    let (names, qualities, unknown, bases) = (length()?, length()?, length()?, length()?);
    if names > MAX_FRAME_BYTES || qualities > MAX_FRAME_BYTES {
        return Err(fields.range());
    }
    let unknown = Decoder::new(fields.bytes(unknown)?, WHAT);
    let bases = Decoder::new(fields.bytes(bases)?, WHAT);
    let mut known_qualities = vec![0; qualities];
    huffman::unpack(&mut fields, &mut known_qualities)?;
    let mut known_names = vec![0; names];
    let found = decompress_into(fields.left(), &mut known_names).ok();
    if found != Some(names) {
        return Err(fields.range());
    }
    Frame {
        names: Decoder::new(&known_names, WHAT),
        qualities: Decoder::new(&known_qualities, WHAT),
        unknown,
        bases,
    }
    .push_all(count, batch)
}

/// The columns of a frame that is being read.
struct Frame<'a> {
    names: Decoder<'a>,
    bases: Decoder<'a>,
    unknown: Decoder<'a>,
    qualities: Decoder<'a>,
}

impl Frame<'_> {
    fn push_all(&mut self, count: u64, batch: &mut Reads) -> Result<(), Error> {
        let (mut name, mut letters) = (Vec::new(), Vec::new());
        let mut until_unknown = self.next_unknown()?;
        for _ in 0..count {
            name.truncate(self.names.varint_as()?);
            let rest = self.names.varint_as()?;
            name.extend_from_slice(self.names.bytes(rest)?);
            let lengths = self.names.varint_as::<usize>()?;
            let bases = lengths >> 1;
            unpack_letters(self.bases.bytes(bases.div_ceil(4))?, bases, &mut letters);
            if until_unknown == Some(0) {
                self.blot(&mut letters)?;
                until_unknown = self.next_unknown()?;
            } else {
                until_unknown = until_unknown.map(|left| left - 1);
            }
            let qualities = if lengths & 1 == 1 { bases } else { 0 };
            batch.push(SequencedRead {
                name: &name,
                bases: &letters,
                qualities: self.qualities.bytes(qualities)?,
            });
        }
        Ok(())
    }

    /// Returns how many reads come before the next one with unknown bases.
    fn next_unknown(&mut self) -> Result<Option<u64>, Error> {
        match self.unknown.is_empty() {
            true => Ok(None),
            false => self.unknown.varint().map(Some),
        }
    }

    /// Puts the unknown bases of a read in.
    fn blot(&mut self, letters: &mut [u8]) -> Result<(), Error> {
        let mut rest = letters;
        for _ in 0..self.unknown.varint()? {
            let (distance, length) = (self.unknown.varint_as()?, self.unknown.varint_as()?);
            let known = rest.split_at_mut_checked(distance);
            let unknown = known.and_then(|(_, rest)| rest.split_at_mut_checked(length));
            let (unknown, after) = unknown.ok_or_else(|| self.unknown.range())?;
            unknown.fill(b'N');
            rest = after;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Sketch = (String, String, bool);

    fn packed(reads: &[Sketch]) -> (Vec<u8>, u64) {
        let mut writer = Writer::new(Vec::new()).unwrap();
        let mut total = 0;
        for (name, bases, has_qualities) in reads {
            let qualities: Vec<u8> = (0..bases.len()).map(|at| (at * at % 40) as u8).collect();
            total += bases.len() as u64;
            let read = SequencedRead {
                name: name.as_bytes(),
                bases: bases.as_bytes(),
                qualities: if *has_qualities { &qualities } else { &[] },
            };
            writer.push(read).unwrap();
        }
        (writer.finish().unwrap(), total)
    }

    fn sketch() -> impl Strategy<Value = Sketch> {
        (
            "[a-c:]{1,9}",
            "[ACGT]{0,9}[NR]{0,2}[acgt]{0,9}N?[A]{0,2}",
            any::<bool>(),
        )
    }

    proptest! {
        #[test]
        fn reads_come_back_with_known_letters(sketches in prop::collection::vec(sketch(), 0..60)) {
            let (bytes, total) = packed(&sketches);
            let found = read(bytes.as_slice(), sketches.len() as u64, total).unwrap();
            for (found, (name, bases, has_qualities)) in found.iter().zip(&sketches) {
                let letters = bases.to_ascii_uppercase().replace('R', "N");
                prop_assert_eq!(found.name, name.as_bytes());
                prop_assert_eq!(found.bases, letters.as_bytes());
                let qualities = if *has_qualities { bases.len() } else { 0 };
                prop_assert_eq!(found.qualities.len(), qualities);
                let right = |(at, &quality): (usize, &u8)| usize::from(quality) == at * at % 40;
                prop_assert!(found.qualities.iter().enumerate().all(right));
            }
        }

        #[test]
        fn damage_is_no_panic(at in 12..2000usize, value in any::<u8>()) {
            let sketch = |at| (format!("read:{at}"), "ACGNTTGACA".repeat(4), true);
            let sketches: Vec<Sketch> = (0..60).map(sketch).collect();
            let (mut bytes, total) = packed(&sketches);
            let at = at % bytes.len();
            let _ = read(&bytes[..at], 60, total);
            bytes[at] = value;
            let _ = read(bytes.as_slice(), 60, total);
        }
    }

    #[test]
    fn batches_of_many_frames_are_whole() {
        let sketch = |at| (format!("lane:{at}"), "ACGT".repeat(30), true);
        let sketches: Vec<Sketch> = (0..5000).map(sketch).collect();
        let (bytes, total) = packed(&sketches);
        let found = read(bytes.as_slice(), 5000, total).unwrap();
        assert_eq!(found.get(4999).name, b"lane:4999");
        assert!(read(bytes.as_slice(), 4999, total).is_err());
        assert!(read(bytes.as_slice(), 5000, total + 1).is_err());
        assert!(read(&bytes[..bytes.len() - 1], 5000, total).is_err());
    }

    #[test]
    fn other_objects_and_versions_are_refused() {
        let (mut bytes, _) = packed(&[]);
        assert!(read(bytes.as_slice(), 0, 0).is_ok());
        bytes[8] = 9;
        let refused = read(bytes.as_slice(), 0, 0);
        assert!(matches!(refused, Err(Error::Version { found: 9 })));
        bytes[0] = 0;
        assert!(matches!(read(bytes.as_slice(), 0, 0), Err(Error::Magic)));
    }
}
