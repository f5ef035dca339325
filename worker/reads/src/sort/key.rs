//! By what records are compared.

use std::cmp::Ordering;

use genome::record::{Flags, RecordView};

/// The order of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortOrder {
    /// By contig, position and strand; unplaced records last.
    Coordinate,
    /// By name, numbers in it by value; then first before second. Others keep their order.
    Name,
}

/// The key of one record: keys compare as the records do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortKey {
    /// Contig, 1-based position and strand.
    Coordinate(u64),
    /// Name and rank within the name, as `name_key` writes them.
    Name(Vec<u8>),
}

/// The key of records on no contig.
const UNPLACED: u64 = u64::MAX;

/// Bits of position and strand.
const POSITION_BITS: u32 = 33;

impl SortOrder {
    /// Writes the key of a record over an old one, whose memory is used again.
    pub(super) fn key_into(self, record: &RecordView<'_>, key: &mut SortKey) {
        match (self, key) {
            (Self::Coordinate, key) => *key = SortKey::Coordinate(coordinate_key(record)),
            (Self::Name, SortKey::Name(bytes)) => name_key(record, bytes),
            (Self::Name, key) => {
                let mut bytes = Vec::new();
                name_key(record, &mut bytes);
                *key = SortKey::Name(bytes);
            }
        }
    }
}

/// Returns contig, 1-based position and strand in one number.
pub(super) fn coordinate_key(record: &RecordView<'_>) -> u64 {
    let Some(contig) = record.contig() else {
        return UNPLACED;
    };
    let position = record
        .position()
        .map_or(0, |position| u64::from(position) + 1);
    let strand = u64::from(record.flags().is_reverse());
    u64::from(contig.0) << POSITION_BITS | position << 1 | strand
}

/// Writes the name so that bytes compare as names do: each run of digits is a zero digit, its
/// length without leading zeros, and its digits. What follows tells the reads of a name apart.
pub(super) fn name_key(record: &RecordView<'_>, key: &mut Vec<u8>) {
    key.clear();
    let mut rest = record.name();
    while let Some(&byte) = rest.first() {
        if byte.is_ascii_digit() {
            let (number, behind) = split_number(rest);
            key.push(b'0');
            key.push(number.len() as u8);
            key.extend_from_slice(number);
            rest = behind;
        } else {
            key.push(byte);
            rest = &rest[1..];
        }
    }
    key.push(0);
    key.push(rank(record.flags()));
}

/// Compares two records by name, then by rank.
pub(super) fn compare_reads(a: &RecordView<'_>, b: &RecordView<'_>) -> Ordering {
    compare_names(a.name(), b.name()).then_with(|| rank(a.flags()).cmp(&rank(b.flags())))
}

/// Unpaired, first, second, both.
const fn rank(flags: Flags) -> u8 {
    (flags.0 & (Flags::FIRST | Flags::SECOND)) as u8
}

/// Compares names byte by byte, but runs of digits by their value.
pub fn compare_names(a: &[u8], b: &[u8]) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        match (a.first(), b.first()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (number, rest) = split_number(a);
                let (other_number, other_rest) = split_number(b);
                let by_value = (number.len(), number).cmp(&(other_number.len(), other_number));
                if by_value.is_ne() {
                    return by_value;
                }
                (a, b) = (rest, other_rest);
            }
            (Some(x), Some(y)) if x != y => return x.cmp(y),
            _ => (a, b) = (&a[1..], &b[1..]),
        }
    }
}

/// Splits off a run of digits, without its leading zeros.
fn split_number(text: &[u8]) -> (&[u8], &[u8]) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let zeros = text[..digits]
        .iter()
        .take_while(|&&byte| byte == b'0')
        .count();
    (&text[zeros..digits], &text[digits..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Sketch;
    use proptest::prelude::*;

    fn key(name: &str, flags: u16) -> Vec<u8> {
        let sketch = Sketch {
            name,
            flags,
            ..Sketch::default()
        };
        let mut key = Vec::new();
        name_key(&sketch.records().get(0), &mut key);
        key
    }

    #[test]
    fn numbers_in_names_go_by_value() {
        let ascending = [
            "", "a", "a2", "a10", "a10b2", "a10b11", "ab", "b:9:100", "b:10:9",
        ];
        for pair in ascending.windows(2) {
            let found = compare_names(pair[0].as_bytes(), pair[1].as_bytes());
            assert_eq!(found, Ordering::Less, "{pair:?}");
        }
        assert_eq!(compare_names(b"a01", b"a1"), Ordering::Equal);
    }

    #[test]
    fn records_of_a_name_go_by_read() {
        let ascending = [0, Flags::FIRST | Flags::SUPPLEMENTARY, Flags::SECOND];
        for pair in ascending.windows(2) {
            assert!(key("r", pair[0]) < key("r", pair[1]));
        }
        let kinds = [0, Flags::SUPPLEMENTARY, Flags::SECONDARY];
        let first = key("r", Flags::FIRST);
        assert!(
            kinds
                .iter()
                .all(|kind| key("r", Flags::FIRST | kind) == first)
        );
    }

    proptest! {
        #[test]
        fn keys_compare_as_names(a in "[a-c0-3:#~]{0,9}", b in "[a-c0-3:#~]{0,9}") {
            let by_names = compare_names(a.as_bytes(), b.as_bytes());
            prop_assert_eq!(key(&a, 0).cmp(&key(&b, 0)), by_names);
        }
    }
}
