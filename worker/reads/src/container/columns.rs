//! Frames of BAM records, packed column by column: bases in two bits, qualities by zstd, everything
//! else by LZ4.
//!
//! An item of a frame is a length of four bytes, a BAM record without its own, and whatever is
//! kept with it.

use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

use super::{Decoder, Error, bases, put_varint, qualities};

/// Bytes of an item's length.
const LENGTH_BYTES: usize = 4;

/// Bytes of a record before its name. SAM v1 §4.2 (2024-11-06).
const FIXED_BYTES: usize = 32;

/// Names a frame in errors.
const WHAT: &str = "frame of records";

/// Where the columns of an item lie in it.
struct Shape {
    /// Length, fixed fields, name and CIGAR.
    head_bytes: usize,
    bases: usize,
    /// Length of the item.
    end: usize,
}

impl Shape {
    /// Reads the shape of an item off its first bytes.
    fn of(item: &[u8]) -> Option<Self> {
        let length = u32::from_le_bytes(*item.first_chunk()?) as usize;
        let record = item.get(LENGTH_BYTES..LENGTH_BYTES + FIXED_BYTES)?;
        let name = usize::from(record[8]);
        let operations = usize::from(u16::from_le_bytes([record[12], record[13]]));
        let bases = u32::from_le_bytes([record[16], record[17], record[18], record[19]]);
        let shape = Self {
            head_bytes: LENGTH_BYTES + FIXED_BYTES + name + 4 * operations,
            bases: bases as usize,
            end: LENGTH_BYTES + length,
        };
        (shape.tail_start() <= shape.end).then_some(shape)
    }

    fn pair_bytes(&self) -> usize {
        self.bases.div_ceil(2)
    }

    /// Where the tags begin.
    fn tail_start(&self) -> usize {
        self.head_bytes + self.pair_bytes() + self.bases
    }
}

/// Packs frames; the memory of the columns is used again.
#[derive(Default)]
pub(super) struct Columns {
    rest: Vec<u8>,
    bases: Vec<u8>,
    /// Numbers of the items whose bases are kept as they are, each less the one before.
    unknown: Vec<u8>,
    qualities: Vec<u8>,
    packer: qualities::Packer,
}

impl Columns {
    /// Appends a packed frame of whole items.
    pub fn pack(&mut self, frame: &[u8], out: &mut Vec<u8>) {
        self.split(frame);
        let fields = [
            self.rest.len(),
            self.qualities.len(),
            self.unknown.len(),
            self.bases.len(),
        ];
        fields
            .iter()
            .for_each(|&length| put_varint(out, length as u64));
        out.extend_from_slice(&self.unknown);
        out.extend_from_slice(&self.bases);
        self.packer.pack(&self.qualities, out);
        let start = out.len();
        out.resize(start + get_maximum_output_size(self.rest.len()), 0);
        let length = compress_into(&self.rest, &mut out[start..])
            .expect("the output is as long as the compressor's own bound");
        out.truncate(start + length);
    }

    fn split(&mut self, frame: &[u8]) {
        for column in [
            &mut self.rest,
            &mut self.bases,
            &mut self.unknown,
            &mut self.qualities,
        ] {
            column.clear();
        }
        let (mut start, mut since_unknown) = (0, 0);
        while start < frame.len() {
            let item = &frame[start..];
            let shape = Shape::of(item).expect("items are whole records");
            let (pairs, qualities) =
                item[shape.head_bytes..shape.tail_start()].split_at(shape.pair_bytes());
            self.rest.extend_from_slice(&item[..shape.head_bytes]);
            if bases::pack_pairs(pairs, shape.bases, &mut self.bases) {
                since_unknown += 1;
            } else {
                self.bases.extend_from_slice(pairs);
                put_varint(&mut self.unknown, since_unknown);
                since_unknown = 0;
            }
            self.qualities.extend_from_slice(qualities);
            self.rest
                .extend_from_slice(&item[shape.tail_start()..shape.end]);
            start += shape.end;
        }
    }
}

/// Appends the frame of `raw_bytes` that was packed.
///
/// # Errors
/// [`Error::Truncated`] or [`Error::Range`].
pub(super) fn unpack(
    packed: &[u8],
    raw_bytes: usize,
    unpacker: &mut qualities::Unpacker,
    frame: &mut Vec<u8>,
) -> Result<(), Error> {
    let mut fields = Decoder::new(packed, WHAT);
    let mut length = || fields.varint_as::<usize>();
    let (rest, qualities, unknown, bases) = (length()?, length()?, length()?, length()?);
    if rest > raw_bytes || qualities > raw_bytes {
        return Err(fields.range());
    }
    let unknown = fields.bytes(unknown)?;
    let bases = fields.bytes(bases)?;
    let qualities = unpacker.unpack(&mut fields, qualities)?;
    let mut others = vec![0; rest];
    let found = decompress_into(fields.left(), &mut others).ok();
    if found != Some(rest) {
        return Err(fields.range());
    }
    let [rest, qualities, bases] =
        [&others[..], qualities, bases].map(|column| Decoder::new(column, WHAT));
    let unknown = Unknown::new(Decoder::new(unknown, WHAT))?;
    join((rest, bases, qualities), unknown, raw_bytes, frame)
}

fn join(
    (mut rest, mut bases, mut qualities): (Decoder<'_>, Decoder<'_>, Decoder<'_>),
    mut unknown: Unknown<'_>,
    raw_bytes: usize,
    frame: &mut Vec<u8>,
) -> Result<(), Error> {
    while !rest.is_empty() {
        let shape = Shape::of(rest.left()).ok_or_else(|| rest.range())?;
        if frame.len() + shape.end > raw_bytes {
            return Err(rest.range());
        }
        frame.extend_from_slice(rest.bytes(shape.head_bytes)?);
        if unknown.next()? {
            frame.extend_from_slice(bases.bytes(shape.pair_bytes())?);
        } else {
            let packed = bases.bytes(shape.bases.div_ceil(4))?;
            bases::unpack_pairs(packed, shape.bases, frame);
        }
        frame.extend_from_slice(qualities.bytes(shape.bases)?);
        frame.extend_from_slice(rest.bytes(shape.end - shape.tail_start())?);
    }
    Ok(())
}

/// Tells which items keep their bases as they are.
struct Unknown<'a> {
    fields: Decoder<'a>,
    left: Option<u64>,
}

impl<'a> Unknown<'a> {
    fn new(fields: Decoder<'a>) -> Result<Self, Error> {
        let mut unknown = Self { fields, left: None };
        unknown.look()?;
        Ok(unknown)
    }

    fn look(&mut self) -> Result<(), Error> {
        self.left = match self.fields.is_empty() {
            true => None,
            false => Some(self.fields.varint()?),
        };
        Ok(())
    }

    /// Says whether the next item is one of them.
    fn next(&mut self) -> Result<bool, Error> {
        match &mut self.left {
            None => Ok(false),
            Some(0) => self.look().map(|()| true),
            Some(left) => {
                *left -= 1;
                Ok(false)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use genome::record::{Flags, NewRecord, Records};
    use proptest::prelude::*;

    fn frame(reads: &[(String, String)]) -> Vec<u8> {
        let mut frame = Vec::new();
        for (at, (name, bases)) in reads.iter().enumerate() {
            let mut records = Records::default();
            let record = NewRecord {
                name: name.as_bytes(),
                flags: Flags(Flags::UNMAPPED),
                placed: None,
                mapping_quality: 0,
                cigar: &[],
                mate: None,
                template_length: 0,
                bases: bases.as_bytes(),
                qualities: &bases.bytes().map(|base| base % 41).collect::<Vec<_>>(),
            };
            records.push(0, &record);
            records.tag_text(*b"RG", name.as_bytes());
            let record = records.get(0);
            let with = [at as u8; 3];
            frame.extend_from_slice(&((record.bytes().len() + with.len()) as u32).to_le_bytes());
            frame.extend_from_slice(record.bytes());
            frame.extend_from_slice(&with);
        }
        frame
    }

    fn packed(frame: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        Columns::default().pack(frame, &mut packed);
        packed
    }

    proptest! {
        #[test]
        fn records_come_back(reads in prop::collection::vec(("[a-z]{1,20}", "[ACGT]{0,30}N?[ACGT]{0,9}"), 0..20)) {
            let frame = frame(&reads);
            let mut found = Vec::new();
            unpack(&packed(&frame), frame.len(), &mut qualities::Unpacker::default(), &mut found).unwrap();
            prop_assert_eq!(found, frame);
        }

        #[test]
        fn damage_is_no_panic(at in 0..4000usize, value in any::<u8>()) {
            let reads: Vec<_> = (0..40).map(|i| (format!("r{i}"), "ACGTNACGTTT".repeat(3))).collect();
            let frame = frame(&reads);
            let mut packed = packed(&frame);
            let length = packed.len();
            packed[at % length] = value;
            let mut unpacker = qualities::Unpacker::default();
            let _ = unpack(&packed, frame.len(), &mut unpacker, &mut Vec::new());
            let _ = unpack(&packed[..at % length], frame.len(), &mut unpacker, &mut Vec::new());
        }
    }
}
