//! Which positions a part answers for, and which it must look at to do so.

use genome::dictionary::Dictionary;
use genome::region::{ContigId, Region, merge};

/// Reads that overlap an owned region, widened by this, are the evidence of a part.
///
/// It covers [`LEAD_BP`] and a read of [`MAX_READ_SPAN_BP`] before it.
pub const MARGIN_BP: u64 = 5_000;

/// Reads that cover more of the reference are left out.
pub const MAX_READ_SPAN_BP: u64 = 4_000;

/// How far before an owned region calls are made unwritten: their deletions may reach into it.
pub const LEAD_BP: u64 = 600;

/// The positions of one part. Positions and contigs ascend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    own: Vec<Region>,
    walked: Vec<Region>,
}

impl Scope {
    /// Makes the scope of the `stretches` of a partition, within the regions `asked` for.
    ///
    /// `asked` is not cut to the partition: what lies next to it matters.
    pub fn new(stretches: &[Region], asked: &[Region]) -> Self {
        let asked = merge(asked.to_vec());
        let stretches = merge(stretches.to_vec());
        let own = shared(&stretches, &asked);
        let leading = |region: &Region| {
            Region::new(
                region.contig,
                region.start.saturating_sub(LEAD_BP),
                region.end,
            )
        };
        let walked = shared(&merge(own.iter().map(leading).collect()), &asked);
        Self { own, walked }
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

    /// Returns the regions that are looked at: the owned ones and what leads into them.
    pub fn walked(&self) -> &[Region] {
        &self.walked
    }

    /// Returns the regions whose overlapping reads must be supplied.
    pub fn evidence(&self, dictionary: &Dictionary) -> Vec<Region> {
        let widened = self.own.iter().map(|region| {
            let length = dictionary.contig(region.contig).length;
            region.padded(MARGIN_BP, length)
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
    fn what_leads_in_is_walked_but_not_owned() {
        let asked = [region(0, 100), region(900, 3000)];
        let scope = Scope::new(&[region(1000, 2000)], &asked);
        assert_eq!(scope.own(), [region(1000, 2000)]);
        assert_eq!(scope.walked(), [region(900, 2000)]);
        assert!(scope.owns(ContigId(0), 1000) && !scope.owns(ContigId(0), 2000));
        assert!(!scope.owns(ContigId(0), 999));
    }

    #[test]
    fn partition_without_asked_regions_owns_nothing() {
        let scope = Scope::new(&[region(1000, 2000)], &[region(0, 1000)]);
        assert!(scope.own().is_empty() && scope.walked().is_empty());
    }
}
