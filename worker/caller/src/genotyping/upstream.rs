//! Deletions that earlier calls emitted: only under them may `*` be an allele.

use super::alleles::Allele;
use crate::region_calls::EmittedDeletion;
use genome::region::{ContigId, Region};

/// The deletions that may reach the next call; it lasts from region to region.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UpstreamDeletions {
    open: Vec<EmittedDeletion>,
}

impl UpstreamDeletions {
    /// Notes the deletions among the alleles of an emitted call. A symbol has length 0 here.
    pub fn record(&mut self, contig: ContigId, start: u64, alleles: &[Allele]) {
        let reaches = |one: &EmittedDeletion| one.span.contig == contig && one.span.end > start;
        self.open.retain(reaches);
        let reference = alleles[0].len() as u64;
        for allele in &alleles[1..] {
            let length = if allele.starts_with(b"<") {
                0
            } else {
                allele.len() as u64
            };
            if length < reference {
                let span = Region::new(contig, start, start + reference - length + 1);
                self.open.push(EmittedDeletion { span });
            }
        }
    }

    /// Goes on from what a later region noted, if it noted anything.
    pub fn follow(&mut self, later: Self) {
        if !later.open.is_empty() {
            *self = later;
        }
    }

    /// Says whether some deletion reaches a position or one after it.
    pub fn reach(&self, contig: ContigId, position: u64) -> bool {
        let reaches = |one: &EmittedDeletion| one.span.contig == contig && one.span.end > position;
        self.open.iter().any(reaches)
    }

    /// Says whether an earlier deletion covers a position.
    pub fn cover(&self, contig: ContigId, position: u64) -> bool {
        let covers = |one: &EmittedDeletion| {
            one.span.contains(contig, position) && one.span.start < position
        };
        self.open.iter().any(covers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletion_covers_its_deleted_bases() {
        let contig = ContigId(0);
        let mut deletions = UpstreamDeletions::default();
        deletions.record(
            contig,
            10,
            &[b"ACG".as_slice().into(), b"A".as_slice().into()],
        );
        let covered: Vec<u64> = (9..16).filter(|&at| deletions.cover(contig, at)).collect();
        assert_eq!(covered, [11, 12]);
        deletions.record(
            contig,
            13,
            &[b"A".as_slice().into(), b"C".as_slice().into()],
        );
        assert_eq!(deletions, UpstreamDeletions::default());
    }
}
