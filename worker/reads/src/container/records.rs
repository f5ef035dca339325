//! Frames of BAM records, packed by columns.
//!
//! An item of a frame is a length of four bytes, a BAM record without its own, and whatever is
//! kept with it.

use super::columns::{Columns, Unpacked, Unpacker};
use super::{Decoder, Error, bases};

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

/// Appends a packed frame of whole items.
pub(super) fn pack(frame: &[u8], columns: &mut Columns, out: &mut Vec<u8>) {
    let mut start = 0;
    while start < frame.len() {
        let item = &frame[start..];
        let shape = Shape::of(item).expect("items are whole records");
        let (pairs, qualities) =
            item[shape.head_bytes..shape.tail_start()].split_at(shape.pair_bytes());
        columns.rest.extend_from_slice(&item[..shape.head_bytes]);
        if bases::pack_pairs(pairs, shape.bases, &mut columns.bases) {
            columns.count_known();
        } else {
            columns.bases.extend_from_slice(pairs);
            columns.put_unknown();
        }
        columns.qualities.extend_from_slice(qualities);
        let tail = &item[shape.tail_start()..shape.end];
        columns.rest.extend_from_slice(tail);
        start += shape.end;
    }
    columns.pack(out);
}

/// Appends the frame of `raw_bytes` that was packed.
///
/// # Errors
/// [`Error::Truncated`] or [`Error::Range`].
pub(super) fn unpack(
    packed: &[u8],
    raw_bytes: usize,
    unpacker: &mut Unpacker,
    frame: &mut Vec<u8>,
) -> Result<(), Error> {
    let Unpacked {
        mut rest,
        mut bases,
        mut qualities,
        mut unknown,
    } = unpacker.unpack(Decoder::new(packed, WHAT), raw_bytes)?;
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
        pack(frame, &mut Columns::default(), &mut packed);
        packed
    }

    proptest! {
        #[test]
        fn records_come_back(reads in prop::collection::vec(("[a-z]{1,20}", "[ACGT]{0,30}N?[ACGT]{0,9}"), 0..20)) {
            let frame = frame(&reads);
            let mut found = Vec::new();
            unpack(&packed(&frame), frame.len(), &mut Unpacker::default(), &mut found).unwrap();
            prop_assert_eq!(found, frame);
        }

        #[test]
        fn damage_is_no_panic(at in 0..4000usize, value in any::<u8>()) {
            let reads: Vec<_> = (0..40).map(|i| (format!("r{i}"), "ACGTNACGTTT".repeat(3))).collect();
            let frame = frame(&reads);
            let mut packed = packed(&frame);
            let length = packed.len();
            packed[at % length] = value;
            let mut unpacker = Unpacker::default();
            let _ = unpack(&packed, frame.len(), &mut unpacker, &mut Vec::new());
            let _ = unpack(&packed[..at % length], frame.len(), &mut unpacker, &mut Vec::new());
        }
    }
}
