//! A BAM record turned back into what the sequencer read.

use genome::base;
use genome::record::{Flags, NIBBLES, RecordView};

use super::waiting::{End, Waiting};
use crate::formats::fastq::Record;

/// The highest quality that FASTQ can hold.
const MAX_QUALITY: u8 = 93;

/// The letter of each complement: the four bits of BAM's code stand for A, C, G and T in order.
const COMPLEMENTS: [u8; 256] = complements();

const fn complements() -> [u8; 256] {
    let mut table = [b'N'; 256];
    let mut code = 0;
    while code < NIBBLES.len() {
        let complement = (code as u8).reverse_bits() >> 4;
        table[NIBBLES[code] as usize] = NIBBLES[complement as usize];
        code += 1;
    }
    table
}

/// Why a record cannot be aligned again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadDefect {
    /// The name is `*`, or has characters that SAM forbids.
    #[error("record has no usable name")]
    Name,
    /// SEQ is `*`.
    #[error("read {0} has no bases")]
    NoBases(String),
    /// QUAL is `*`.
    #[error("read {0} has no qualities")]
    NoQualities(String),
    /// A base that stands for the reference's.
    #[error("read {name} has base {letter:?}, which is not an IUPAC code")]
    Base {
        /// Name of the read.
        name: String,
        /// The letter.
        letter: char,
    },
    /// A quality that FASTQ has no character for.
    #[error("read {name} has a quality of {quality}, above 93")]
    Quality {
        /// Name of the read.
        name: String,
        /// The quality.
        quality: u8,
    },
}

/// Returns the read of a primary record in sequencing orientation.
///
/// # Errors
/// [`ReadDefect`] says what the record lacks.
pub fn sequenced(record: &RecordView<'_>, number: u64) -> Result<Waiting, ReadDefect> {
    let mut name = record.name();
    if name == b"*" || !name.iter().all(u8::is_ascii_graphic) {
        return Err(ReadDefect::Name);
    }
    if let [head @ .., b'/', b'1' | b'2'] = name
        && !head.is_empty()
    {
        name = head;
    }
    let text = || String::from_utf8_lossy(name).into_owned();
    if record.base_count() == 0 {
        return Err(ReadDefect::NoBases(text()));
    }
    let mut bases: Vec<u8> = record.bases().collect();
    let mut qualities = record.qualities().to_vec();
    if let Some(at) = base::find_other(&bases) {
        let letter = bases[at].into();
        return Err(ReadDefect::Base {
            name: text(),
            letter,
        });
    }
    if qualities.iter().all(|&quality| quality == u8::MAX) {
        return Err(ReadDefect::NoQualities(text()));
    }
    if let Some(&quality) = qualities.iter().find(|&&quality| quality > MAX_QUALITY) {
        let name = text();
        return Err(ReadDefect::Quality { name, quality });
    }
    if record.flags().is_reverse() {
        bases.reverse();
        for letter in &mut bases {
            *letter = COMPLEMENTS[usize::from(*letter)];
        }
        qualities.reverse();
    }
    Ok(Waiting {
        read: Record {
            name: name.to_vec(),
            bases,
            qualities,
        },
        end: end(record.flags()),
        record: number,
    })
}

fn end(flags: Flags) -> End {
    match (flags.has(Flags::FIRST), flags.has(Flags::SECOND)) {
        (true, false) => End::First,
        (false, true) => End::Second,
        (false, false) | (true, true) => End::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use genome::record::{NewRecord, Records};

    fn read(name: &[u8], flags: u16, bases: &[u8], qualities: &[u8]) -> Result<Waiting, String> {
        let mut records = Records::default();
        let record = NewRecord {
            name,
            flags: Flags(flags),
            placed: None,
            mapping_quality: 0,
            cigar: &[],
            mate: None,
            template_length: 0,
            bases,
            qualities,
        };
        records.push(0, &record);
        sequenced(&records.get(0), 3).map_err(|defect| defect.to_string())
    }

    #[test]
    fn reverse_records_are_turned_back() {
        let flags = Flags::REVERSE | Flags::SECOND;
        let waiting = read(b"a/2", flags, b"ACGTNRM", &[1, 2, 3, 4, 5, 6, 7]).unwrap();
        assert_eq!(waiting.read.name, b"a");
        assert_eq!(waiting.read.bases, b"KYNACGT");
        assert_eq!(waiting.read.qualities, [7, 6, 5, 4, 3, 2, 1]);
        assert_eq!((waiting.end, waiting.record), (End::Second, 3));
        let forward = read(b"/1", Flags::FIRST, b"ACK", &[0, 93, 2]).unwrap();
        assert_eq!(forward.read.name, b"/1");
        assert_eq!(forward.read.bases, b"ACK");
    }

    #[test]
    fn what_a_record_lacks_is_named() {
        type Case<'a> = (&'a [u8], &'a [u8], &'a [u8], &'a str);
        let table: [Case<'_>; 5] = [
            (b"*", b"A", &[1], "record has no usable name"),
            (b"a", b"", &[], "read a has no bases"),
            (b"a", b"AC", &[255, 255], "read a has no qualities"),
            (
                b"a",
                b"A=",
                &[1, 1],
                "read a has base '=', which is not an IUPAC code",
            ),
            (
                b"a",
                b"AC",
                &[1, 94],
                "read a has a quality of 94, above 93",
            ),
        ];
        for (name, bases, qualities, message) in table {
            assert_eq!(read(name, 0, bases, qualities).unwrap_err(), message);
        }
    }
}
