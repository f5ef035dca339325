//! Known variation, whose bases are not held against the sequencer.

use std::ops::Range;

use genome::cigar::CigarKind;
use genome::region::{ContigId, Region};

use super::clip::Clipped;

/// Known sites of one or more contigs, for lookup by region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownSites {
    sites: Vec<Region>,
    /// The furthest end of a site and all before it on its contig.
    reach: Vec<u64>,
}

impl KnownSites {
    /// Takes sites in any order, each the stretch of reference that its record covers.
    pub fn new(mut sites: Vec<Region>) -> Self {
        sites.sort_unstable();
        sites.dedup();
        let mut reach: Vec<u64> = Vec::with_capacity(sites.len());
        for (index, site) in sites.iter().enumerate() {
            let same_contig = index > 0 && sites[index - 1].contig == site.contig;
            let before = if same_contig { reach[index - 1] } else { 0 };
            reach.push(before.max(site.end));
        }
        Self { sites, reach }
    }

    /// Returns how many sites there are.
    pub fn len(&self) -> usize {
        self.sites.len()
    }

    /// Says whether there is no site.
    pub fn is_empty(&self) -> bool {
        self.sites.is_empty()
    }

    /// Returns the sites that overlap `start..end`, in order.
    pub fn overlapping(
        &self,
        contig: ContigId,
        start: u64,
        end: u64,
    ) -> impl Iterator<Item = &Region> {
        let of_contig = self.contig_range(contig);
        let reach = &self.reach[of_contig.clone()];
        let first = of_contig.start + reach.partition_point(|&reach| reach <= start);
        let candidates = &self.sites[first..of_contig.end];
        let ahead = candidates.iter().take_while(move |site| site.start < end);
        ahead.filter(move |site| site.end > start)
    }

    fn contig_range(&self, contig: ContigId) -> Range<usize> {
        let start = self.sites.partition_point(|site| site.contig < contig);
        let end = self.sites.partition_point(|site| site.contig <= contig);
        start..end
    }
}

/// Returns which bases of a clipped read a known site covers, as GATK maps them.
pub(super) fn covered(site: &Region, read: &Clipped) -> Range<usize> {
    let length = read.read.len();
    let first = match read.index_at(site.start as i64) {
        Some((index, CigarKind::Deletion)) => index.saturating_sub(1),
        Some((index, _)) => index,
        None => 0,
    };
    let last = read.index_at(site.end as i64 - 1);
    let end = last.map_or(length, |(index, _)| index + 1);
    first.min(length)..end.min(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lookup_finds_what_a_scan_finds(
            sites in prop::collection::vec((0u32..3, 0u64..60, 1u64..20), 0..30),
            contig in 0u32..4, start in 0u64..70, length in 1u64..20,
        ) {
            let region = |&(contig, start, length): &(u32, u64, u64)| {
                Region::new(ContigId(contig), start, start + length)
            };
            let mut sites: Vec<Region> = sites.iter().map(region).collect();
            let known = KnownSites::new(sites.clone());
            let wanted = Region::new(ContigId(contig), start, start + length);
            sites.sort_unstable();
            sites.dedup();
            sites.retain(|site| site.overlaps(&wanted));
            let found: Vec<Region> =
                known.overlapping(wanted.contig, wanted.start, wanted.end).copied().collect();
            prop_assert_eq!(found, sites);
        }
    }
}
