//! The part of a record that counts: without adaptor, without soft clips.

use std::ops::Range;

use genome::cigar::{CigarKind, CigarOp};
use genome::record::RecordView;

/// A record after clipping: a stretch of its read and the CIGAR of that stretch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Clipped {
    /// Which bases of the record are left.
    pub read: Range<usize>,
    /// 0-based position of the first aligned base left.
    pub start: u32,
    /// What is left of the CIGAR: no clips, no padding, no deletion at an end.
    pub cigar: Vec<CigarOp>,
}

impl Clipped {
    /// Clips a mapped record with a CIGAR; `None` if nothing is left.
    pub fn of(record: &RecordView<'_>) -> Option<Self> {
        let position = record.position()?;
        let mut window = without_soft_clips(record);
        clip_adaptor(record, position, &mut window);
        if window.is_empty() {
            return None;
        }
        let (start, cigar) = clipped_cigar(record, position, &window);
        Some(Self {
            read: window,
            start,
            cigar,
        })
    }

    /// Returns one past the last reference position.
    pub fn end(&self) -> u32 {
        let span = genome::cigar::reference_span(self.cigar.iter().copied());
        self.start + span as u32
    }

    /// Returns where a reference position lies in the clipped read, and in which operation: in a
    /// deletion it is the base after it. `None` outside.
    pub fn index_at(&self, position: i64) -> Option<(usize, CigarKind)> {
        index_at(self.cigar.iter().copied(), self.start, position)
    }
}

fn index_at(
    cigar: impl Iterator<Item = CigarOp>,
    start: u32,
    position: i64,
) -> Option<(usize, CigarKind)> {
    let mut reference = i64::from(start);
    let mut read = 0;
    for op in cigar {
        let (kind, length) = (op.kind(), op.len() as usize);
        let (read_bp, reference_bp) = consumed(op);
        if reference <= position && position < reference + i64::from(reference_bp) {
            let offset = (position - reference) as usize;
            let within = if kind.consumes_read() { offset } else { 0 };
            debug_assert!(within < length);
            return Some((read + within, kind));
        }
        reference += i64::from(reference_bp);
        read += read_bp as usize;
    }
    None
}

/// Returns how many bases of the read and of the reference an operation takes.
fn consumed(op: CigarOp) -> (u32, u32) {
    let taken = |takes: bool| if takes { op.len() } else { 0 };
    let kind = op.kind();
    (
        taken(kind.consumes_read()),
        taken(kind.consumes_reference()),
    )
}

fn without_soft_clips(record: &RecordView<'_>) -> Range<usize> {
    let clip = |op: &CigarOp| op.kind().is_clip();
    let length = |op: CigarOp| consumed(op).0 as usize;
    let leading: usize = record.cigar().take_while(clip).map(length).sum();
    let trailing = record.cigar().rev().take_while(clip);
    let trailing: usize = trailing.map(length).sum();
    leading..record.base_count().saturating_sub(trailing)
}

/// Cuts what the fragment's own length says to be adaptor.
fn clip_adaptor(record: &RecordView<'_>, position: u32, window: &mut Range<usize>) {
    let Some(boundary) = adaptor_boundary(record, position) else {
        return;
    };
    let Some((index, kind)) = index_at(record.cigar(), position, boundary) else {
        return;
    };
    if record.flags().is_reverse() {
        // The boundary itself is adaptor; the base after a deletion is not.
        let kept = index + usize::from(kind.consumes_read());
        window.start = window.start.max(kept);
    } else {
        window.end = window.end.min(index);
    }
}

/// Returns the adaptor's first position next to the fragment, if its length is well defined.
fn adaptor_boundary(record: &RecordView<'_>, position: u32) -> Option<i64> {
    let (flags, length) = (record.flags(), i64::from(record.template_length()));
    let mapped_pair = flags.is_paired() && !flags.is_unmapped() && !flags.is_mate_unmapped();
    if length == 0 || !mapped_pair || flags.is_reverse() == flags.is_mate_reverse() {
        return None;
    }
    let mate = i64::from(record.mate_position()?);
    let start = i64::from(position);
    if flags.is_reverse() {
        let last = i64::from(record.end()?) - 1;
        (last > mate).then_some(mate - 1)
    } else {
        (start <= mate + length).then_some(start + length.abs())
    }
}

/// Returns the start and the CIGAR of a window of the read; equal neighbours are joined.
fn clipped_cigar(
    record: &RecordView<'_>,
    position: u32,
    window: &Range<usize>,
) -> (u32, Vec<CigarOp>) {
    let mut cigar: Vec<CigarOp> = Vec::new();
    let mut start = None;
    let (mut read, mut reference) = (0usize, position);
    for op in record.cigar() {
        let (read_bp, reference_bp) = consumed(op);
        let cut = window.start.saturating_sub(read).min(read_bp as usize);
        let kept = if op.kind().consumes_read() {
            let end = (read + read_bp as usize).min(window.end);
            end.saturating_sub(read + cut) as u32
        } else if window.start < read && read < window.end {
            reference_bp
        } else {
            0
        };
        if kept > 0 {
            if op.kind().consumes_reference() && start.is_none() {
                start = Some(reference + cut as u32);
            }
            push_joined(&mut cigar, op.kind(), kept);
        }
        read += read_bp as usize;
        reference += reference_bp;
    }
    (start.unwrap_or(position), cigar)
}

fn push_joined(cigar: &mut Vec<CigarOp>, kind: CigarKind, length: u32) {
    match cigar.last_mut() {
        Some(last) if last.kind() == kind => *last = CigarOp::new(kind, last.len() + length),
        _ => cigar.push(CigarOp::new(kind, length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Sketch, ops};
    use genome::record::Flags;

    /// A record at 100; `mate` is position and template length of a mate on the other strand.
    fn clipped(cigar: &str, reverse: bool, mate: Option<(u32, i32)>) -> Option<Clipped> {
        let strand = if reverse {
            Flags::REVERSE
        } else {
            Flags::MATE_REVERSE
        };
        let sketch = Sketch {
            flags: if mate.is_some() {
                Flags::PAIRED | strand
            } else {
                0
            },
            position: 100,
            cigar,
            mate_position: mate.map(|(position, _)| position),
            template_length: mate.map_or(0, |(_, length)| length),
            ..Sketch::default()
        };
        Clipped::of(&sketch.records().get(0))
    }

    fn shape(clipped: &Clipped) -> (Range<usize>, u32, Vec<CigarOp>) {
        (clipped.read.clone(), clipped.start, clipped.cigar.clone())
    }

    #[test]
    fn soft_clips_go_and_neighbours_join() {
        let found = clipped("3H4S5M5M2I3M6S", false, None).unwrap();
        assert_eq!(shape(&found), (4..19, 100, ops("10M2I3M")));
        assert_eq!(found.end(), 113);
    }

    #[test]
    fn adaptor_goes_beyond_the_fragment() {
        let forward = clipped("10M2D10M", false, Some((90, 15))).unwrap();
        assert_eq!(shape(&forward), (0..13, 100, ops("10M2D3M")));
        let reverse = clipped("10M2D10M", true, Some((105, -17))).unwrap();
        assert_eq!(shape(&reverse), (5..20, 105, ops("5M2D10M")));
    }

    #[test]
    fn deletion_next_to_the_cut_goes_too() {
        let forward = clipped("10M2D10M", false, Some((90, 11))).unwrap();
        assert_eq!(shape(&forward), (0..10, 100, ops("10M")));
        let reverse = clipped("10M2D10M", true, Some((111, -11))).unwrap();
        assert_eq!(shape(&reverse), (10..20, 112, ops("10M")));
    }

    #[test]
    fn nothing_left_is_none() {
        assert_eq!(clipped("5S", false, None), None);
    }

    #[test]
    fn positions_in_a_deletion_give_the_base_after_it() {
        let found = clipped("4M2D4M", false, None).unwrap();
        assert_eq!(found.index_at(103), Some((3, CigarKind::Match)));
        assert_eq!(found.index_at(105), Some((4, CigarKind::Deletion)));
        assert_eq!(found.index_at(106), Some((4, CigarKind::Match)));
        assert_eq!(found.index_at(110), None);
        assert_eq!(found.index_at(99), None);
    }
}
