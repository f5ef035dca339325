//! Unpacking the reads of a batch.

use std::io::{self, Read};

use genome::reads::{Read as SequencedRead, Reads};
use genome::two_bits;

use super::{MAGIC, VERSION};
use crate::container::columns::{Unpacked, Unpacker};
use crate::container::{Decoder, Error};

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
    let mut unpacker = Unpacker::default();
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
fn unpack(packed: &[u8], unpacker: &mut Unpacker, batch: &mut Reads) -> Result<(), Error> {
    let mut fields = Decoder::new(packed, WHAT);
    let count = fields.varint()?;
    let Unpacked {
        mut rest,
        mut bases,
        mut qualities,
        mut unknown,
    } = unpacker.unpack(fields, MAX_FRAME_BYTES)?;
    let (mut name, mut letters) = (Vec::new(), Vec::new());
    for _ in 0..count {
        name.truncate(rest.varint_as()?);
        let more = rest.varint_as()?;
        name.extend_from_slice(rest.bytes(more)?);
        let lengths = rest.varint_as::<usize>()?;
        let length = lengths >> 1;
        two_bits::unpack(bases.bytes(length.div_ceil(4))?, length, &mut letters);
        if unknown.next()? {
            blot(&mut unknown.fields, &mut letters)?;
        }
        let has_qualities = lengths & 1 == 1;
        batch.push(SequencedRead {
            name: &name,
            bases: &letters,
            qualities: qualities.bytes(if has_qualities { length } else { 0 })?,
        });
    }
    Ok(())
}

/// Puts the unknown bases of a read in.
fn blot(stretches: &mut Decoder<'_>, letters: &mut [u8]) -> Result<(), Error> {
    let mut rest = letters;
    for _ in 0..stretches.varint()? {
        let (distance, length) = (stretches.varint_as()?, stretches.varint_as()?);
        let known = rest.split_at_mut_checked(distance);
        let unknown = known.and_then(|(_, rest)| rest.split_at_mut_checked(length));
        let (unknown, after) = unknown.ok_or_else(|| stretches.range())?;
        unknown.fill(b'N');
        rest = after;
    }
    Ok(())
}
