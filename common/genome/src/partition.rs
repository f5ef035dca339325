//! Partitions: fixed stretches of the reference, the unit of work after alignment.

use crate::dictionary::Dictionary;
use crate::region::{ContigId, Region};

/// The default length of a partition in bp.
pub const DEFAULT_PARTITION_BP: u64 = 10_000_000;

/// The partitions of a reference, in reference order; the last one is for unplaced records.
///
/// A contig longer than the partition length is cut every partition length from its start; shorter
/// neighbours are packed together while their sum fits. It depends on the dictionary alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partitions {
    partitions: Vec<Vec<Region>>,
    first_of_contig: Vec<u32>,
    partition_bp: u64,
}

impl Partitions {
    /// Cuts the reference; `partition_bp` ≥ 1.
    pub fn new(dictionary: &Dictionary, partition_bp: u64) -> Self {
        let mut partitions: Vec<Vec<Region>> = Vec::new();
        let mut first_of_contig = Vec::new();
        let mut packed_bp = u64::MAX;
        for id in dictionary.ids() {
            let length = dictionary.contig(id).length;
            if packed_bp.saturating_add(length) <= partition_bp {
                first_of_contig.push(partitions.len() as u32 - 1);
                packed_bp += length;
                let last = partitions.last_mut().expect("a packed partition exists");
                last.push(Region::new(id, 0, length));
                continue;
            }
            first_of_contig.push(partitions.len() as u32);
            partitions.extend(cut(id, length, partition_bp));
            packed_bp = if length <= partition_bp {
                length
            } else {
                u64::MAX
            };
        }
        partitions.push(Vec::new());
        Self {
            partitions,
            first_of_contig,
            partition_bp,
        }
    }

    /// Returns how many partitions there are, that of the unplaced records included.
    pub fn count(&self) -> u32 {
        self.partitions.len() as u32
    }

    /// Returns the index of the partition of unplaced records: the last.
    pub fn unplaced(&self) -> u32 {
        self.count() - 1
    }

    /// Returns the stretches of a partition in order; none for the unplaced records.
    pub fn regions(&self, partition: u32) -> &[Region] {
        &self.partitions[partition as usize]
    }

    /// Returns the partition of a position, which is cut to its contig.
    pub fn of(&self, contig: ContigId, position: u64) -> u32 {
        let first = self.first_of_contig[contig.0 as usize];
        let next = match self.first_of_contig.get(contig.0 as usize + 1) {
            Some(&next) => next.max(first + 1),
            None => self.unplaced(),
        };
        let piece = u32::try_from(position / self.partition_bp).unwrap_or(u32::MAX);
        first.saturating_add(piece).min(next - 1)
    }
}

fn cut(contig: ContigId, length: u64, partition_bp: u64) -> impl Iterator<Item = Vec<Region>> {
    let starts = (0..length.max(1)).step_by(usize::try_from(partition_bp).unwrap_or(usize::MAX));
    starts.map(move |start| {
        vec![Region::new(
            contig,
            start,
            length.min(start.saturating_add(partition_bp)),
        )]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dictionary::Contig;
    use proptest::prelude::*;

    fn dictionary(lengths: &[u64]) -> Dictionary {
        let contig = |(i, &length)| Contig {
            name: format!("c{i}"),
            length,
        };
        Dictionary::new(lengths.iter().enumerate().map(contig).collect())
    }

    #[test]
    fn small_contigs_are_packed_and_large_ones_cut() {
        let partitions = Partitions::new(&dictionary(&[25, 4, 5, 3, 10]), 10);
        let lengths: Vec<Vec<u64>> = (0..partitions.count())
            .map(|p| partitions.regions(p).iter().map(Region::len).collect())
            .collect();
        let expected: Vec<Vec<u64>> = vec![
            vec![10],
            vec![10],
            vec![5],
            vec![4, 5],
            vec![3],
            vec![10],
            vec![],
        ];
        assert_eq!(lengths, expected);
    }

    proptest! {
        #[test]
        fn partitions_cover_the_reference_once(
            lengths in prop::collection::vec(1u64..200, 1..20),
            partition_bp in 1u64..120,
        ) {
            let dictionary = dictionary(&lengths);
            let partitions = Partitions::new(&dictionary, partition_bp);
            let mut next = (0u32, 0u64);
            for partition in 0..partitions.unplaced() {
                for region in partitions.regions(partition) {
                    prop_assert_eq!((region.contig.0, region.start), next);
                    for position in [region.start, region.end - 1] {
                        prop_assert_eq!(partitions.of(region.contig, position), partition);
                    }
                    let length = lengths[region.contig.0 as usize];
                    let ended = region.end == length;
                    next = if ended { (next.0 + 1, 0) } else { (next.0, region.end) };
                }
            }
            prop_assert_eq!(next, (lengths.len() as u32, 0));
        }
    }
}
