//! A read laid out over the reference positions that it covers.

use crate::downsample;
use crate::indel::{Change, Indel, Letters, left_aligned};
use genome::base;
use genome::cigar::{CigarKind, CigarOp};
use genome::record::RecordView;

/// The code of a deleted base.
pub const DELETED: u8 = 5;

/// The code of a base that is no evidence at all: beyond the adaptor, or in a poor end.
pub const UNUSED: u8 = 6;

/// Ends of a read are cut while their quality is at most this.
const POOR_QUALITY: u8 = 9;

/// What a read shows at one reference position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// A base code, [`DELETED`] or [`UNUSED`].
    pub code: u8,
    /// Quality of the base; 0 for a deleted one.
    pub quality: u8,
}

/// A read over the reference.
#[derive(Debug, Clone)]
pub struct AlignedRead {
    /// First reference position.
    pub start: u64,
    /// One cell for each covered position.
    pub cells: Vec<Cell>,
    /// Indels, by ascending anchor.
    pub indels: Vec<Indel>,
    /// Mapping quality.
    pub mapping_quality: u8,
    /// Whether it lies on the reverse strand.
    pub is_reverse: bool,
    /// Whether its mate may be met: paired, not supplementary.
    pub may_meet_mate: bool,
    /// Read name.
    pub name: Box<[u8]>,
    /// Rank among reads where there are too many.
    pub rank: u64,
    /// Where an indel would have shown; empty unless asked for.
    pub shows_no_indel: Vec<bool>,
    cigar: Box<[CigarOp]>,
}

impl AlignedRead {
    /// Lays out a record that is evidence.
    pub fn new(record: &RecordView<'_>, letters: &impl Letters) -> Self {
        let mut read = Self {
            start: u64::from(record.position().unwrap_or(0)),
            cells: Vec::new(),
            indels: Vec::new(),
            mapping_quality: record.mapping_quality(),
            is_reverse: record.flags().is_reverse(),
            may_meet_mate: record.flags().is_paired() && record.flags().is_primary(),
            name: record.name().into(),
            rank: downsample::rank(record.name()),
            shows_no_indel: Vec::new(),
            cigar: record.cigar().collect(),
        };
        read.lay_out(record, letters);
        read.cut_adaptor(record);
        read
    }

    /// Returns one past the last reference position.
    pub fn end(&self) -> u64 {
        self.start + self.cells.len() as u64
    }

    /// Returns what the read shows at a position that it covers.
    pub fn cell(&self, position: u64) -> Cell {
        self.cells[(position - self.start) as usize]
    }

    /// Returns the indel that is anchored at a position.
    pub fn indel_at(&self, position: u64) -> Option<&Indel> {
        self.indels.iter().find(|indel| indel.anchor == position)
    }

    fn lay_out(&mut self, record: &RecordView<'_>, letters: &impl Letters) {
        let usable = usable_bases(record.qualities());
        let mut in_read = 0;
        let mut at = self.start;
        let mut segment_start = at;
        for op in record.cigar() {
            let length = op.len() as usize;
            match op.kind() {
                kind if kind.is_aligned() => {
                    segment_start = at;
                    let cell = |index: usize| Cell {
                        code: if usable.contains(&index) {
                            base::code(record.base(index))
                        } else {
                            UNUSED
                        },
                        quality: record.qualities()[index],
                    };
                    self.cells.extend((in_read..in_read + length).map(cell));
                }
                CigarKind::Deletion => {
                    let deleted = Cell {
                        code: if usable.contains(&in_read) {
                            DELETED
                        } else {
                            UNUSED
                        },
                        quality: 0,
                    };
                    self.cells.extend(std::iter::repeat_n(deleted, length));
                    self.note(letters, at, Change::Deletion(op.len()), segment_start);
                }
                CigarKind::Insertion if at > self.start => {
                    let bases: Vec<u8> = (in_read..in_read + length)
                        .map(|i| record.base(i))
                        .collect();
                    self.note(letters, at, Change::Insertion(bases.into()), segment_start);
                }
                _ => {}
            }
            in_read += if op.kind().consumes_read() { length } else { 0 };
            at += if op.kind().consumes_reference() {
                length as u64
            } else {
                0
            };
        }
        let end = self.end();
        self.indels.retain(|indel| indel.anchor + 1 < end);
    }

    fn note(&mut self, letters: &impl Letters, at: u64, change: Change, lowest: u64) {
        let ambiguous = |bases: &[u8]| bases.iter().any(|&letter| base::code(letter) > 3);
        let unclear = matches!(&change, Change::Insertion(bases) if ambiguous(bases));
        let mut indel = left_aligned(letters, at, change, lowest);
        let anchor_cell = (indel.anchor - self.start) as usize;
        indel.is_complete &= !unclear && self.cells[anchor_cell].code != UNUSED;
        self.indels.push(indel);
    }

    /// Marks what lies beyond the fragment's other end.
    fn cut_adaptor(&mut self, record: &RecordView<'_>) {
        let Some(boundary) = adaptor_boundary(record, self.end()) else {
            return;
        };
        let (start, length) = (self.start as i64, self.cells.len() as i64);
        if boundary < start || boundary >= start + length {
            return;
        }
        let index = (boundary - start) as usize;
        let beyond = if self.is_reverse {
            0..index + 1
        } else {
            index..self.cells.len()
        };
        for cell in &mut self.cells[beyond] {
            cell.code = UNUSED;
        }
        let (is_reverse, boundary) = (self.is_reverse, boundary as u64);
        self.indels
            .retain(|indel| (indel.anchor > boundary) == is_reverse);
    }

    /// Returns how far the base at a position is from the nearer end of the read as sequenced;
    /// where it is deleted, that of the base after it.
    pub fn distance_to_end(&self, position: u64) -> u32 {
        let length: u32 = self
            .cigar
            .iter()
            .filter(|op| op.kind().consumes_read() || op.kind() == CigarKind::HardClip)
            .map(|op| op.len())
            .sum();
        let mut in_read = 0;
        let mut at = self.start;
        for op in &self.cigar {
            let (length, kind) = (op.len(), op.kind());
            if kind.consumes_reference() {
                if position < at + u64::from(length) {
                    in_read += if kind.is_aligned() {
                        (position - at) as u32
                    } else {
                        0
                    };
                    break;
                }
                at += u64::from(length);
            }
            in_read += if kind.consumes_read() || kind == CigarKind::HardClip {
                length
            } else {
                0
            };
        }
        in_read.min(length.saturating_sub(in_read + 1))
    }
}

/// Returns the range of a read's bases without its poor ends.
fn usable_bases(qualities: &[u8]) -> std::ops::Range<usize> {
    let good = |&quality: &u8| quality > POOR_QUALITY;
    let Some(first) = qualities.iter().position(good) else {
        return 0..0;
    };
    let last = qualities.iter().rposition(good).unwrap_or(first);
    first..last + 1
}

/// Returns the first position beyond the fragment, in the read's own direction.
fn adaptor_boundary(record: &RecordView<'_>, end: u64) -> Option<i64> {
    let flags = record.flags();
    let length = i64::from(record.template_length());
    let both_mapped = flags.is_paired() && !flags.is_unmapped() && !flags.is_mate_unmapped();
    if length == 0 || !both_mapped || flags.is_reverse() == flags.is_mate_reverse() {
        return None;
    }
    let start = i64::from(record.position()?);
    let mate = i64::from(record.mate_position()?);
    if flags.is_reverse() {
        (end as i64 - 1 > mate).then_some(mate - 1)
    } else {
        (start <= mate + length).then_some(start + length.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Draft, ops};
    use genome::record::Flags;

    struct Repeat(&'static [u8]);

    impl Letters for Repeat {
        fn letter(&self, position: u64) -> u8 {
            self.0[position as usize % self.0.len()]
        }
    }

    fn layout(draft: &Draft) -> AlignedRead {
        AlignedRead::new(&draft.record().view(), &Repeat(b"ACGT"))
    }

    #[test]
    fn cells_follow_the_cigar() {
        let read = layout(&Draft::default().cigar(ops("2S3M1D2M1I2M")));
        let codes: Vec<u8> = read.cells.iter().map(|cell| cell.code).collect();
        assert_eq!(codes, [2, 3, 0, DELETED, 1, 2, 0, 1]);
        assert_eq!(read.end(), 108);
        assert_eq!(read.indels.len(), 2);
        assert_eq!(read.distance_to_end(100), 2);
        assert_eq!(read.distance_to_end(107), 0);
    }

    #[test]
    fn poor_ends_are_unused() {
        let mut draft = Draft::default();
        draft.qualities[..2].fill(9);
        draft.qualities[9] = 2;
        let read = layout(&draft);
        let used: Vec<bool> = read.cells.iter().map(|cell| cell.code != UNUSED).collect();
        assert_eq!(used.iter().filter(|&&used| used).count(), 7);
        assert!(!used[1] && used[2] && !used[9]);
    }

    #[test]
    fn bases_beyond_the_adaptor_are_unused() {
        let draft = Draft {
            flags: Flags::PAIRED | Flags::MATE_REVERSE,
            mate: Some((98, 6)),
            ..Draft::default()
        };
        let read = layout(&draft);
        assert!(read.cells[..6].iter().all(|cell| cell.code != UNUSED));
        assert!(read.cells[6..].iter().all(|cell| cell.code == UNUSED));
        let mate = Draft {
            flags: Flags::PAIRED | Flags::REVERSE,
            mate: Some((103, -6)),
            ..Draft::default()
        };
        let read = layout(&mate);
        assert!(read.cells[..3].iter().all(|cell| cell.code == UNUSED));
        assert!(read.cells[3..].iter().all(|cell| cell.code != UNUSED));
    }
}
