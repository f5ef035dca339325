//! A read of a pair that waits for its mate, in memory or as bytes of a spill file.

use crate::formats::fastq::Record;

/// Which read of its pair a record says to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its flags do not say.
    Unknown,
    /// The first.
    First,
    /// The second.
    Second,
}

/// A read, and where it was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The read in sequencing orientation.
    pub read: Record,
    /// Which of the pair it is.
    pub end: End,
    /// 1-based number of its record.
    pub record: u64,
}

/// Bytes of an entry before its name: size, record, end, lengths.
const FIXED_BYTES: usize = 4 + 8 + 1 + 1 + 4;

/// What a read costs in memory besides its letters: lengths, capacities, its place in a map.
const OVERHEAD_BYTES: usize = 200;

impl Waiting {
    /// Returns how much memory the read takes, about.
    pub fn memory_bytes(&self) -> u64 {
        let Record {
            name,
            bases,
            qualities,
        } = &self.read;
        (OVERHEAD_BYTES + 2 * name.len() + bases.len() + qualities.len()) as u64
    }

    /// Appends the read to bytes, behind the number of bytes that it takes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let Record {
            name,
            bases,
            qualities,
        } = &self.read;
        let size = FIXED_BYTES - 4 + name.len() + bases.len() + qualities.len();
        out.extend((size as u32).to_le_bytes());
        out.extend(self.record.to_le_bytes());
        out.push(self.end as u8);
        out.push(name.len() as u8);
        out.extend((bases.len() as u32).to_le_bytes());
        for part in [name, bases, qualities] {
            out.extend_from_slice(part);
        }
    }

    /// Reads back what [`Waiting::encode`] wrote behind the size; `None` for other bytes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (record, rest) = bytes.split_first_chunk()?;
        let (&[end, name_length], rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = u32::from_le_bytes(*length) as usize;
        let (name, rest) = rest.split_at_checked(name_length.into())?;
        let (bases, qualities) = rest.split_at_checked(length)?;
        let end = match end {
            0 => End::Unknown,
            1 => End::First,
            2 => End::Second,
            _ => return None,
        };
        let read = Record {
            name: name.to_vec(),
            bases: bases.to_vec(),
            qualities: qualities.to_vec(),
        };
        let record = u64::from_le_bytes(*record);
        (qualities.len() == length).then_some(Self { read, end, record })
    }
}
