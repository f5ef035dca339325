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

/// The key of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SortKey {
    /// Contig, 1-based position and strand.
    Coordinate(u32, u32, bool),
    /// Name and rank within the name.
    Name(Box<[u8]>, u16),
}

impl SortOrder {
    /// Returns the key of a record.
    pub fn key(self, record: &RecordView<'_>) -> SortKey {
        match self {
            Self::Coordinate => match record.contig() {
                Some(contig) => {
                    let position = record.position().map_or(0, |position| position + 1);
                    SortKey::Coordinate(contig.0, position, record.flags().is_reverse())
                }
                None => SortKey::Coordinate(u32::MAX, 0, false),
            },
            Self::Name => SortKey::Name(record.name().into(), rank(record.flags())),
        }
    }

    /// Returns about how many bytes the sorter needs beside the record's own.
    pub(super) fn key_bytes(self, record: &RecordView<'_>) -> usize {
        let entry = size_of::<super::Entry>();
        match self {
            Self::Coordinate => entry,
            Self::Name => entry + record.name().len(),
        }
    }
}

impl Ord for SortKey {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Coordinate(a, b, c), Self::Coordinate(x, y, z)) => (a, b, c).cmp(&(x, y, z)),
            (Self::Name(a, rank), Self::Name(b, other_rank)) => {
                compare_names(a, b).then(rank.cmp(other_rank))
            }
            (Self::Coordinate(..), Self::Name(..)) => Ordering::Less,
            (Self::Name(..), Self::Coordinate(..)) => Ordering::Greater,
        }
    }
}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Unpaired, first, second, both.
const fn rank(flags: Flags) -> u16 {
    flags.0 & (Flags::FIRST | Flags::SECOND)
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
            assert!(rank(Flags(pair[0])) < rank(Flags(pair[1])));
        }
        let kinds = [0, Flags::SUPPLEMENTARY, Flags::SECONDARY];
        assert!(
            kinds
                .iter()
                .all(|kind| rank(Flags(Flags::FIRST | kind)) == Flags::FIRST)
        );
    }
}
