//! Which positions a part answers for, and which it must look at to do so.

use crate::activity_profile::QUIET_BP;
use crate::intake::READ_PADDING_BP;
use genome::dictionary::Dictionary;
use genome::region::{ContigId, Region, merge};

/// How far before an owned region the walk begins: cuts depend on no more than [`QUIET_BP`] of
/// quiet stretch, with some room for what is active before.
pub const LEAD_BP: u64 = QUIET_BP + 5_000;

/// How far past an owned region the walk goes, so that its last region is whole.
pub const TRAIL_BP: u64 = 1_000;

/// Reads that overlap an owned region, widened by this, are the evidence of a part.
pub const MARGIN_BP: u64 = LEAD_BP + READ_PADDING_BP;

/// The positions of one part. Positions and contigs ascend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    own: Vec<Region>,
    walked: Vec<Region>,
    grid: Vec<u64>,
}

impl Scope {
    /// Makes the scope of the `stretches` of a partition, within the regions `asked` for.
    ///
    /// `asked` is not cut to the partition: what lies next to it matters.
    pub fn new(stretches: &[Region], asked: &[Region]) -> Self {
        let asked = merge(asked.to_vec());
        let stretches = merge(stretches.to_vec());
        let own = shared(&stretches, &asked);
        let around = |region: &Region| {
            let start = region.start.saturating_sub(LEAD_BP);
            Region::new(region.contig, start, region.end + TRAIL_BP)
        };
        let walked = shared(&merge(own.iter().map(around).collect()), &asked);
        let origin = |region: &Region| {
            let holds = |one: &&Region| one.overlaps(region);
            asked
                .iter()
                .find(holds)
                .map_or(region.start, |one| one.start)
        };
        let grid = walked.iter().map(origin).collect();
        Self { own, walked, grid }
    }

    /// Makes the scope of a whole reference.
    pub fn whole(dictionary: &Dictionary) -> Self {
        let region = |id| Region::new(id, 0, dictionary.contig(id).length);
        let all: Vec<Region> = dictionary.ids().map(region).collect();
        Self::new(&all, &all)
    }

    /// Returns the regions whose records the part writes.
    pub fn own(&self) -> &[Region] {
        &self.own
    }

    /// Returns the regions that are looked at: the owned ones and what lies around them.
    pub fn walked(&self) -> &[Region] {
        &self.walked
    }

    /// Returns, for each walked region, where the region asked for that holds it begins.
    pub fn grid(&self) -> &[u64] {
        &self.grid
    }

    /// Returns the regions whose overlapping reads must be supplied.
    pub fn evidence(&self, dictionary: &Dictionary) -> Vec<Region> {
        let widened = self.walked.iter().map(|region| {
            let length = dictionary.contig(region.contig).length;
            region.padded(READ_PADDING_BP, length)
        });
        merge(widened.collect())
    }

    /// Says whether the part writes the record of a position.
    pub fn owns(&self, contig: ContigId, position: u64) -> bool {
        let after = |region: &Region| (region.contig, region.end) <= (contig, position);
        let index = self.own.partition_point(after);
        self.own
            .get(index)
            .is_some_and(|region| region.contains(contig, position))
    }
}

/// Returns what two sorted lists of disjoint regions share.
fn shared(left: &[Region], right: &[Region]) -> Vec<Region> {
    let (mut i, mut j) = (0, 0);
    let mut found = Vec::new();
    while i < left.len() && j < right.len() {
        found.extend(left[i].intersection(&right[j]));
        if (left[i].contig, left[i].end) <= (right[j].contig, right[j].end) {
            i += 1;
        } else {
            j += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(start: u64, end: u64) -> Region {
        Region::new(ContigId(0), start, end)
    }

    #[test]
    fn what_lies_around_is_walked_but_not_owned() {
        let asked = [region(0, 100), region(90_000, 300_000)];
        let scope = Scope::new(&[region(100_000, 200_000)], &asked);
        assert_eq!(scope.own(), [region(100_000, 200_000)]);
        assert_eq!(scope.walked(), [region(90_000, 201_000)]);
        assert_eq!(scope.grid(), [90_000]);
        assert!(scope.owns(ContigId(0), 100_000) && !scope.owns(ContigId(0), 200_000));
        assert!(!scope.owns(ContigId(0), 99_999));
    }

    #[test]
    fn partition_without_asked_regions_owns_nothing() {
        let scope = Scope::new(&[region(1000, 2000)], &[region(0, 1000)]);
        assert!(scope.own().is_empty() && scope.walked().is_empty());
    }
}
