//! Fewer reads where there are too many, chosen by name so that neither order nor parts matter.

use genome::record::RecordView;

/// Returns the rank of a read: the same for mates, and spread evenly over the 64-bit numbers.
pub fn rank(name: &[u8]) -> u64 {
    // FNV-1a, then the finaliser of SplitMix64.
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
    let mut hash = name.iter().fold(0xCBF2_9CE4_8422_2325, fold);
    hash = (hash ^ hash >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ hash >> 31
}

/// Returns the indices, ascending, of the `limit` records of lowest rank.
pub fn chosen<'a>(
    records: impl ExactSizeIterator<Item = RecordView<'a>>,
    limit: usize,
) -> Vec<usize> {
    let count = records.len();
    if count <= limit {
        return (0..count).collect();
    }
    let key = |record: RecordView<'a>| (rank(record.name()), record.flags().0);
    let mut ranked: Vec<_> = records.map(key).zip(0..).collect();
    ranked.sort_unstable();
    let mut indices: Vec<usize> = ranked[..limit].iter().map(|&(_, index)| index).collect();
    indices.sort_unstable();
    indices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Draft;

    #[test]
    fn choice_does_not_depend_on_the_order() {
        let record = |i: u32| {
            let draft = Draft {
                name: format!("read{i}"),
                ..Draft::default()
            };
            draft.record()
        };
        let records: Vec<_> = (0..200).map(record).collect();
        let forward = chosen(records.iter().map(|record| record.view()), 50);
        let backward = chosen(records.iter().rev().map(|record| record.view()), 50);
        let mut mirrored: Vec<_> = backward.iter().map(|index| 199 - index).collect();
        mirrored.reverse();
        assert_eq!(forward, mirrored);
        assert_eq!(forward.len(), 50);
        assert!(forward.iter().any(|&index| index >= 150));
    }
}
