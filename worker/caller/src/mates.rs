//! Where the two reads of a fragment overlap, they are one observation.

use crate::read::{AlignedRead, UNUSED};

/// The most that each of two agreeing bases is trusted: together 40.
const AGREEING_QUALITY: u8 = 20;

/// Lowers the qualities where two mates overlap: agreeing bases share a quality, others have none.
pub fn correct_overlap(first: &mut AlignedRead, second: &mut AlignedRead) {
    let start = first.start.max(second.start);
    let end = first.end().min(second.end());
    for position in start..end {
        let mine = &mut first.cells[(position - first.start) as usize];
        let theirs = &mut second.cells[(position - second.start) as usize];
        if mine.code > 3 || theirs.code > 3 {
            continue;
        }
        let limit = if mine.code == theirs.code {
            AGREEING_QUALITY
        } else {
            0
        };
        mine.quality = mine.quality.min(limit);
        theirs.quality = theirs.quality.min(limit);
    }
    drop_shared_indels(first, second);
}

/// Keeps an indel that both mates show in the first only, where the second is then no evidence.
fn drop_shared_indels(first: &AlignedRead, second: &mut AlignedRead) {
    for indel in &mut second.indels {
        let is_shared = first
            .indel_at(indel.anchor)
            .is_some_and(|other| other.change == indel.change);
        if is_shared {
            indel.is_complete = false;
        }
    }
    let anchors: Vec<u64> = second
        .indels
        .iter()
        .filter(|indel| !indel.is_complete)
        .map(|indel| indel.anchor)
        .collect();
    for anchor in anchors {
        if anchor >= second.start {
            second.cells[(anchor - second.start) as usize].code = UNUSED;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::indel::Letters;
    use crate::testing::Draft;

    struct Unknown;

    impl Letters for Unknown {
        fn letter(&self, _: u64) -> u8 {
            b'N'
        }
    }

    #[test]
    fn agreeing_bases_are_lowered_and_others_lost() {
        let mut draft = Draft::default();
        let mut first = AlignedRead::new(&draft.record().view(), &Unknown);
        draft.position = 104;
        draft.bases[1] = b'T';
        let mut second = AlignedRead::new(&draft.record().view(), &Unknown);
        correct_overlap(&mut first, &mut second);
        let qualities: Vec<u8> = first.cells.iter().map(|cell| cell.quality).collect();
        assert_eq!(qualities, [30, 30, 30, 30, 20, 0, 20, 20, 20, 20]);
        assert_eq!((second.cells[1].quality, second.cells[6].quality), (0, 30));
    }
}
