//! Cutting reads: by base, by reference position, by quality.
//!
//! What is cut becomes a hard clip. Soft-clipped bases count as lying where they would lie. No cut
//! leaves a deletion at an end.
//!
//! Source: GATK 4.6 `ReadClipper`, `CigarBuilder`.

use crate::region_read::RegionRead;
use genome::cigar::{self, Cigar, CigarKind};
use genome::region::Region;

/// Where a reference position falls in a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Index of the base there, or of the next one where the position is deleted.
    pub index: usize,
    /// Whether the position is deleted.
    pub is_deleted: bool,
    /// Whether the base is soft-clipped.
    pub is_clipped: bool,
}

impl RegionRead {
    /// Returns where a position falls; `None` beside the read and its soft clips.
    pub fn place_of(&self, position: u64) -> Option<Place> {
        let target = position as i64;
        let mut at = self.soft_start();
        let mut index = 0;
        if target < at {
            return None;
        }
        for op in &self.cigar {
            let kind = op.kind();
            let length = i64::from(op.len());
            let is_clipped = kind == CigarKind::SoftClip;
            let reads = kind.consumes_read();
            if kind.consumes_reference() || is_clipped {
                if target < at + length {
                    let offset = if reads { (target - at) as usize } else { 0 };
                    return Some(Place {
                        index: index + offset,
                        is_deleted: !reads,
                        is_clipped,
                    });
                }
                at += length;
            }
            if reads {
                index += length as usize;
            }
        }
        None
    }

    /// Lays soft clips out as if they were aligned; what would lie before the contig is cut.
    pub fn unclip_soft(&mut self) {
        let start = self.soft_start();
        let mut cigar = Cigar::with_capacity(self.cigar.len());
        for op in &self.cigar {
            let kind = match op.kind() {
                CigarKind::SoftClip => CigarKind::Match,
                kind => kind,
            };
            cigar::push(&mut cigar, kind, op.len());
        }
        self.cigar = cigar;
        if start >= 0 {
            self.start = start as u64;
        } else {
            self.cut_left(start.unsigned_abs() as usize);
            self.start = 0;
        }
    }

    /// Cuts soft clips off.
    pub fn cut_soft_clips(&mut self) {
        let soft = |op: &cigar::CigarOp| match op.kind() {
            CigarKind::SoftClip => op.len() as usize,
            _ => 0,
        };
        let is_clip = |op: &&cigar::CigarOp| op.kind().is_clip();
        let right: usize = self.cigar.iter().rev().take_while(is_clip).map(soft).sum();
        let left: usize = self.cigar.iter().take_while(is_clip).map(soft).sum();
        self.keep_ends(left, self.len().saturating_sub(right));
    }

    /// Cuts both ends while the quality is at most `low`.
    pub fn cut_low_ends(&mut self, low: u8) {
        let is_good = |&quality: &u8| quality > low;
        let last = self.qualities.iter().rposition(is_good);
        let first = self.qualities.iter().position(is_good);
        match (first, last) {
            (Some(first), Some(last)) => self.keep_ends(first, last + 1),
            _ => self.cut_right(0),
        }
    }

    /// Keeps the bases `from..to`.
    fn keep_ends(&mut self, from: usize, to: usize) {
        if from >= to {
            self.cut_right(0);
            return;
        }
        if to < self.len() {
            self.cut_right(to);
        }
        if from > 0 {
            self.cut_left(from);
        }
    }

    /// Cuts what lies outside of a span.
    pub fn cut_to(&mut self, span: Region) {
        if self.is_empty() || !self.span().overlaps(&span) {
            self.cut_right(0);
            return;
        }
        let starts_before = self.start < span.start;
        if self.end() > span.end {
            self.cut_from(span.end);
        }
        if starts_before {
            if self.is_empty() || span.start > self.end() {
                self.cut_right(0);
                return;
            }
            self.cut_through(span.start - 1);
        }
    }

    /// Cuts the left end, up to the base at a position.
    pub fn cut_through(&mut self, position: u64) {
        if let Some(place) = self.place_of(position) {
            self.cut_left(place.index + usize::from(!place.is_deleted));
        }
    }

    /// Cuts the right end, from the base at a position on.
    pub fn cut_from(&mut self, position: u64) {
        if let Some(place) = self.place_of(position) {
            self.cut_right(place.index);
        }
    }

    /// Cuts the first `count` bases.
    fn cut_left(&mut self, count: usize) {
        if count >= self.len() {
            self.cut_right(0);
            return;
        }
        let mut left = count as u32;
        let mut hard = count as u32;
        let mut rest = Cigar::with_capacity(self.cigar.len() + 1);
        for op in &self.cigar {
            let kind = op.kind();
            let has_begun = !rest.is_empty();
            if !has_begun && kind == CigarKind::HardClip {
                hard += op.len();
            } else if has_begun || (left == 0 && kind != CigarKind::Deletion) {
                rest.push(*op);
            } else if !kind.consumes_read() {
                self.start += u64::from(op.len());
            } else {
                let cut = left.min(op.len());
                left -= cut;
                if kind.consumes_reference() {
                    self.start += u64::from(cut);
                }
                cigar::push(&mut rest, kind, op.len() - cut);
            }
        }
        self.cigar.clear();
        cigar::push(&mut self.cigar, CigarKind::HardClip, hard);
        self.cigar.extend_from_slice(&rest);
        self.bases.drain(..count);
        self.qualities.drain(..count);
    }

    /// Keeps the first `count` bases.
    fn cut_right(&mut self, count: usize) {
        let mut left = count as u32;
        let mut hard = (self.len() - count) as u32;
        let mut kept = Cigar::with_capacity(self.cigar.len() + 1);
        for op in &self.cigar {
            let kind = op.kind();
            let is_leading = kept.iter().all(|op| op.kind() == CigarKind::HardClip);
            if kind == CigarKind::HardClip {
                if is_leading && left > 0 {
                    kept.push(*op);
                } else {
                    hard += op.len();
                }
            } else if kind.consumes_read() {
                let keep = left.min(op.len());
                left -= keep;
                cigar::push(&mut kept, kind, keep);
            } else if left > 0 {
                kept.push(*op);
            }
        }
        if count == 0 {
            kept.clear();
        }
        cigar::push(&mut kept, CigarKind::HardClip, hard);
        self.cigar = kept;
        self.bases.truncate(count);
        self.qualities.truncate(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Draft, ops};

    fn draft(cigar: &str) -> RegionRead {
        Draft::default().cigar(ops(cigar)).read(0)
    }

    fn shown(read: &RegionRead) -> (u64, String, String) {
        let mut text = Vec::new();
        cigar::write_text(read.cigar.iter().copied(), &mut text);
        let bases = String::from_utf8(read.bases.clone()).unwrap();
        (read.start, String::from_utf8(text).unwrap(), bases)
    }

    #[test]
    fn left_cut_swallows_a_deletion_that_it_meets() {
        let mut read = draft("2H4M3D6M");
        read.cut_through(103);
        assert_eq!(shown(&read), (107, "6H6M".into(), "ACGTAC".into()));
        let mut read = draft("4M3D6M");
        read.cut_through(105);
        assert_eq!(shown(&read), (107, "4H6M".into(), "ACGTAC".into()));
    }

    #[test]
    fn right_cut_swallows_a_deletion_that_it_meets() {
        for position in [104, 105, 107] {
            let mut read = draft("4M3D6M1H");
            read.cut_from(position);
            assert_eq!(shown(&read), (100, "4M7H".into(), "ACGT".into()));
        }
    }

    #[test]
    fn soft_clips_are_laid_out_or_cut() {
        let mut read = draft("2S5M3S");
        read.unclip_soft();
        assert_eq!(shown(&read), (98, "10M".into(), "ACGTACGTAC".into()));
        let mut read = draft("2S5M3S");
        read.cut_soft_clips();
        assert_eq!(shown(&read), (100, "2H5M3H".into(), "GTACG".into()));
    }

    #[test]
    fn soft_clip_before_the_contig_is_cut() {
        let mut read = draft("4S6M");
        read.start = 1;
        read.unclip_soft();
        assert_eq!(shown(&read), (0, "3H7M".into(), "TACGTAC".into()));
    }

    #[test]
    fn low_ends_go_and_nothing_may_be_left() {
        let mut read = draft("10M");
        read.qualities[..2].fill(5);
        read.qualities[9] = 9;
        read.cut_low_ends(9);
        assert_eq!(shown(&read), (102, "2H7M1H".into(), "GTACGTA".into()));
        read.cut_low_ends(40);
        assert!(read.is_empty());
    }

    #[test]
    fn span_cuts_both_ends() {
        let mut read = draft("10M");
        read.cut_to(Region::new(read.head.contig, 102, 105));
        assert_eq!(shown(&read), (102, "2H3M5H".into(), "GTA".into()));
        read.cut_to(Region::new(read.head.contig, 300, 305));
        assert!(read.is_empty());
    }
}
