//! Unpacking the reads of a batch.

use std::io::{self, Read};

use genome::reads::{Read as SequencedRead, Reads};
use lz4_flex::block::decompress_into;

use super::{MAGIC, VERSION};
use crate::container::bases::unpack_letters;
use crate::container::{Decoder, Error, qualities};

/// No frame is longer: a read is the largest item, and far below it.
const MAX_FRAME_BYTES: usize = 1 << 30;

/// Names a frame in errors.
const WHAT: &str = "read batch";

/// Reads a whole batch of so many reads and bases.
///
/// # Errors
/// [`Error`] if it is damaged, of another version, or holds something else.
pub fn read(mut input: impl Read, reads: u64, bases: u64) -> Result<Reads, Error> {
    check_head(&mut input)?;
    let mut batch = Reads::default();
    let mut packed = Vec::new();
    let mut unpacker = qualities::Unpacker::default();
    while let Some(length) = frame_length(&mut input)? {
        if length > MAX_FRAME_BYTES {
            return Err(Error::Range { what: WHAT });
        }
        packed.resize(length, 0);
        input.read_exact(&mut packed).map_err(truncated)?;
        let is_first = batch.is_empty();
        unpack(&packed, &mut unpacker, &mut batch)?;
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
fn unpack(
    packed: &[u8],
    unpacker: &mut qualities::Unpacker,
    batch: &mut Reads,
) -> Result<(), Error> {
    let mut fields = Decoder::new(packed, WHAT);
    let count = fields.varint()?;
    let mut length = || fields.varint_as::<usize>();
    let (names, qualities, unknown, bases) = (length()?, length()?, length()?, length()?);
    if names > MAX_FRAME_BYTES || qualities > MAX_FRAME_BYTES {
        return Err(fields.range());
    }
    let unknown = Decoder::new(fields.bytes(unknown)?, WHAT);
    let bases = Decoder::new(fields.bytes(bases)?, WHAT);
    let qualities = unpacker.unpack(&mut fields, qualities)?;
    let mut known_names = vec![0; names];
    let found = decompress_into(fields.left(), &mut known_names).ok();
    if found != Some(names) {
        return Err(fields.range());
    }
    Frame {
        names: Decoder::new(&known_names, WHAT),
        qualities: Decoder::new(qualities, WHAT),
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
