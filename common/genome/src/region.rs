//! Stretches of the reference, 0-based and half-open.

/// The index of a contig in its [`crate::dictionary::Dictionary`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContigId(pub u32);

/// A stretch of one contig: `start..end`, 0-based, half-open, in bp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region {
    /// The contig.
    pub contig: ContigId,
    /// First position.
    pub start: u64,
    /// One past the last position.
    pub end: u64,
}

impl Region {
    /// Makes the region `start..end` of a contig.
    pub const fn new(contig: ContigId, start: u64, end: u64) -> Self {
        Self { contig, start, end }
    }

    /// Returns the length in bp.
    pub const fn len(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Says whether the region holds no position.
    pub const fn is_empty(&self) -> bool {
        self.end <= self.start
    }

    /// Says whether a position of a contig lies inside.
    pub fn contains(&self, contig: ContigId, position: u64) -> bool {
        self.contig == contig && (self.start..self.end).contains(&position)
    }

    /// Says whether the two regions share a position.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.contig == other.contig && self.start < other.end && other.start < self.end
    }

    /// Returns what both regions share, if anything.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let shared = Self::new(
            self.contig,
            self.start.max(other.start),
            self.end.min(other.end),
        );
        (self.contig == other.contig && !shared.is_empty()).then_some(shared)
    }

    /// Returns the region widened by `bp` on both sides, cut to `0..contig_length`.
    pub fn padded(&self, bp: u64, contig_length: u64) -> Self {
        Self::new(
            self.contig,
            self.start.saturating_sub(bp),
            (self.end + bp).min(contig_length),
        )
    }
}

/// Sorts regions and merges those that overlap or touch.
pub fn merge(mut regions: Vec<Region>) -> Vec<Region> {
    regions.retain(|region| !region.is_empty());
    regions.sort_unstable();
    let mut merged: Vec<Region> = Vec::with_capacity(regions.len());
    for region in regions {
        match merged.last_mut() {
            Some(last) if last.contig == region.contig && region.start <= last.end => {
                last.end = last.end.max(region.end);
            }
            _ => merged.push(region),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merge_joins_touching_regions_of_one_contig() {
        let region = |contig, start, end| Region::new(ContigId(contig), start, end);
        let merged = merge(vec![
            region(1, 5, 9),
            region(0, 10, 20),
            region(0, 0, 10),
            region(0, 30, 30),
        ]);
        assert_eq!(merged, vec![region(0, 0, 20), region(1, 5, 9)]);
    }
}
