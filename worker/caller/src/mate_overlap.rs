//! Where the two reads of a fragment overlap, they are one observation.
//!
//! Source: GATK 4.6 `FragmentCollection`, `FragmentUtils`.

use crate::region_read::RegionRead;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// The most that each of two agreeing bases is trusted: together 40.
const AGREEING_QUALITY: u8 = 20;

/// Lowers the qualities where mates overlap: agreeing bases share a quality, others have none.
pub fn correct(reads: &mut [RegionRead]) {
    for (first, second) in overlapping_pairs(reads) {
        let (left, right) = reads.split_at_mut(second);
        correct_pair(&mut left[first], &mut right[0]);
    }
}

/// Pairs each read with the first one of its name that reaches its mate.
fn overlapping_pairs(reads: &[RegionRead]) -> Vec<(usize, usize)> {
    let mut waiting = FxHashMap::default();
    let mut pairs = Vec::new();
    for (index, read) in reads.iter().enumerate() {
        let head = &read.head;
        let is_alone = !head.flags.is_paired() || head.flags.is_mate_unmapped();
        let reaches = head.mate.is_some_and(|(_, mate)| mate < read.end());
        if is_alone || !reaches {
            continue;
        }
        let head = Arc::clone(&read.head);
        match waiting.remove(&head.name) {
            Some(first) => pairs.push((first, index)),
            None => {
                waiting.insert(head.name.clone(), index);
            }
        }
    }
    pairs
}

fn correct_pair(first: &mut RegionRead, second: &mut RegionRead) {
    let (left, right) = if first.soft_start() < second.soft_start() {
        (first, second)
    } else {
        (second, first)
    };
    if left.end() <= right.start {
        return;
    }
    let Some(from) = left.place_of(right.start) else {
        return;
    };
    let (Some(left_end), Some(right_end)) = (
        left.place_of(left.end() - 1),
        right.place_of(right.end() - 1),
    ) else {
        return;
    };
    let Some(right_from) = right.place_of(right.start) else {
        return;
    };
    if from.is_clipped {
        return;
    }
    let left_length = (left_end.index + 1).saturating_sub(from.index);
    let right_length = (right_end.index + 1).saturating_sub(right_from.index);
    for offset in 0..left_length.min(right_length) {
        let (i, j) = (from.index + offset, right_from.index + offset);
        let limit = if left.bases[i] == right.bases[j] {
            AGREEING_QUALITY
        } else {
            0
        };
        left.qualities[i] = left.qualities[i].min(limit);
        right.qualities[j] = right.qualities[j].min(limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Draft;
    use genome::record::Flags;

    #[test]
    fn agreeing_bases_are_lowered_and_others_lost() {
        let mut draft = Draft {
            flags: Flags::PAIRED,
            mate: Some((104, 14)),
            ..Draft::default()
        };
        let first = draft.read(0);
        draft.position = 104;
        draft.mate = Some((100, -14));
        draft.bases[1] = b'T';
        let mut reads = [first, draft.read(1)];
        correct(&mut reads);
        let expected = [30, 30, 30, 30, 20, 0, 20, 20, 20, 20];
        assert_eq!(reads[0].qualities, expected);
        assert_eq!((reads[1].qualities[1], reads[1].qualities[6]), (0, 30));
    }
}
