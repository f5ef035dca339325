//! Fewer reads where too many start at one position.

use crate::random::JavaRandom;
use crate::region_read::RegionRead;

/// Returns the rank of a read: the same for mates, and spread evenly over the 64-bit numbers.
pub fn rank(name: &[u8]) -> u64 {
    // FNV-1a, then the finaliser of SplitMix64.
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
    let mut hash = name.iter().fold(0xCBF2_9CE4_8422_2325, fold);
    hash = (hash ^ hash >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ hash >> 31
}

/// Keeps the `limit` reads of lowest rank, in their order: neither order nor parts matter.
pub fn by_rank(reads: &mut Vec<RegionRead>, limit: usize) {
    if limit == 0 || reads.len() <= limit {
        return;
    }
    let key = |read: &RegionRead| (rank(&read.head.name), read.head.flags.0, read.head.ordinal);
    let mut keys: Vec<_> = reads.iter().map(key).collect();
    keys.sort_unstable();
    let last = keys[limit - 1];
    reads.retain(|read| key(read) <= last);
}

/// Keeps `limit` reads as a reservoir that a running generator fills: the order changes too.
pub fn by_reservoir(reads: &mut Vec<RegionRead>, limit: usize, random: &mut JavaRandom) {
    if limit == 0 {
        return;
    }
    for index in limit..reads.len() {
        let slot = random.below(index as u32 + 1) as usize;
        if slot < limit {
            reads.swap(slot, index);
        }
    }
    reads.truncate(limit);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Draft;

    fn reads(count: usize) -> Vec<RegionRead> {
        let read = |i: usize| {
            let draft = Draft {
                name: format!("read{i}"),
                ..Draft::default()
            };
            draft.read(i as u64)
        };
        (0..count).map(read).collect()
    }

    fn ordinals(reads: &[RegionRead]) -> Vec<u64> {
        reads.iter().map(|read| read.head.ordinal).collect()
    }

    #[test]
    fn choice_by_rank_does_not_depend_on_the_order() {
        let (mut forward, mut backward) = (reads(200), reads(200));
        backward.reverse();
        by_rank(&mut forward, 50);
        by_rank(&mut backward, 50);
        let mut mirrored = ordinals(&backward);
        mirrored.reverse();
        assert_eq!(ordinals(&forward), mirrored);
        assert_eq!(forward.len(), 50);
        assert!(forward.iter().any(|read| read.head.ordinal >= 150));
    }

    #[test]
    fn reservoir_keeps_its_size_and_replaces_slots() {
        let mut few = reads(5);
        let mut random = JavaRandom::new(1);
        by_reservoir(&mut few, 5, &mut random);
        assert_eq!(ordinals(&few), [0, 1, 2, 3, 4]);
        let mut many = reads(100);
        by_reservoir(&mut many, 5, &mut random);
        assert_eq!(many.len(), 5);
        assert!(ordinals(&many).iter().any(|&ordinal| ordinal >= 5));
    }
}
