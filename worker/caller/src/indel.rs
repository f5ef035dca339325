//! Indels in alignments, moved to the left as far as the reference allows.

use genome::base;

/// What an indel does after its anchor base.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// Reference bases are absent.
    Deletion(u32),
    /// Upper-case bases are added.
    Insertion(Box<[u8]>),
}

impl Change {
    /// Returns the number of bases absent or added.
    pub fn len(&self) -> usize {
        match self {
            Self::Deletion(length) => *length as usize,
            Self::Insertion(bases) => bases.len(),
        }
    }
}

/// An indel of one read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indel {
    /// Position of the base before it, leftmost.
    pub anchor: u64,
    /// What it does.
    pub change: Change,
    /// Whether the read shows the base before its leftmost place.
    pub is_complete: bool,
}

/// Stretches of one contig's reference letters.
pub trait Letters {
    /// Returns the upper-case letter at a position; `N` outside of the contig.
    fn letter(&self, position: u64) -> u8;
}

/// Moves an indel that lies before position `at` left, not past `lowest`.
///
/// The letters of the reference decide, whatever mismatches the read has on the way. Moving on
/// would need a base before `lowest` when the result is not complete.
pub fn left_aligned(letters: &impl Letters, at: u64, change: Change, lowest: u64) -> Indel {
    let mut start = at;
    let mut change = change;
    while can_move_left(letters, start, &change) {
        if start <= lowest + 1 {
            return Indel {
                anchor: start.saturating_sub(1),
                change,
                is_complete: false,
            };
        }
        if let Change::Insertion(bases) = &mut change {
            bases.rotate_right(1);
        }
        start -= 1;
    }
    Indel {
        anchor: start.saturating_sub(1),
        change,
        is_complete: start > lowest,
    }
}

fn can_move_left(letters: &impl Letters, start: u64, change: &Change) -> bool {
    let Some(before) = start.checked_sub(1) else {
        return false;
    };
    let before = letters.letter(before);
    let last = match change {
        Change::Deletion(length) => letters.letter(start + u64::from(*length) - 1),
        Change::Insertion(bases) => bases[bases.len() - 1],
    };
    before == last && base::code(before) != base::AMBIGUOUS
}

/// Where equal placements of an indel end, and how often its unit stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tract {
    /// One past the last position that some placement touches.
    pub end: u64,
    /// Copies of the unit in the reference.
    pub copies: u32,
}

/// Returns the tract of a left-aligned indel.
pub fn tract(letters: &impl Letters, anchor: u64, change: &Change) -> Tract {
    let first = anchor + 1;
    let length = change.len() as u64;
    let moved = |offset: u64| match change {
        Change::Deletion(_) => letters.letter(first + offset),
        Change::Insertion(bases) => bases[(offset % length) as usize],
    };
    let shifted = match change {
        Change::Deletion(_) => length,
        Change::Insertion(_) => 0,
    };
    let mut offset = 0;
    while letters.letter(first + shifted + offset) == moved(offset)
        && base::code(moved(offset)) != base::AMBIGUOUS
    {
        offset += 1;
    }
    let end = first + shifted + offset;
    let unit: Vec<u8> = (0..length).map(moved).collect();
    Tract {
        end,
        copies: ((end - first) / period(&unit) as u64) as u32,
    }
}

/// Returns the length of the shortest unit whose repetition spells the bases.
fn period(bases: &[u8]) -> usize {
    let repeats = |&unit: &usize| {
        bases.len().is_multiple_of(unit) && bases.iter().zip(&bases[unit..]).all(|(a, b)| a == b)
    };
    (1..=bases.len()).find(repeats).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Text(Vec<u8>);

    impl Letters for Text {
        fn letter(&self, position: u64) -> u8 {
            self.0.get(position as usize).copied().unwrap_or(b'N')
        }
    }

    fn apply(text: &[u8], at: usize, change: &Change) -> Vec<u8> {
        match change {
            Change::Deletion(length) => [&text[..at], &text[at + *length as usize..]].concat(),
            Change::Insertion(bases) => [&text[..at], bases, &text[at..]].concat(),
        }
    }

    proptest! {
        #[test]
        fn moving_left_keeps_the_sequence_and_is_leftmost(
            text in prop::collection::vec(prop::sample::select(b"AC".to_vec()), 30),
            at in 5usize..20,
            bases in prop::collection::vec(prop::sample::select(b"AC".to_vec()), 1..5),
            deletes: bool,
        ) {
            let change = if deletes {
                Change::Deletion(bases.len() as u32)
            } else {
                Change::Insertion(bases.into())
            };
            let expected = apply(&text, at, &change);
            let letters = Text(text.clone());
            let indel = left_aligned(&letters, at as u64, change, 0);
            let start = indel.anchor as usize + 1;
            if indel.is_complete {
                prop_assert_eq!(apply(&text, start, &indel.change), expected.clone());
                prop_assert!(!can_move_left(&letters, start as u64, &indel.change));
            }
            let tract = tract(&letters, indel.anchor, &indel.change);
            prop_assert!(tract.end >= at as u64);
        }
    }

    #[test]
    fn tract_counts_units() {
        let letters = Text(b"GTCACACACATT".to_vec());
        let deletion = Change::Deletion(2);
        let indel = left_aligned(&letters, 8, deletion.clone(), 0);
        assert_eq!((indel.anchor, indel.is_complete), (1, true));
        let expected = Tract { end: 10, copies: 4 };
        assert_eq!(tract(&letters, 1, &deletion), expected);
        let insertion = Change::Insertion(b"CA".as_slice().into());
        assert_eq!(tract(&letters, 1, &insertion), expected);
    }

    #[test]
    fn read_that_begins_inside_the_tract_is_not_complete() {
        let letters = Text(b"GTCACACACATT".to_vec());
        assert!(!left_aligned(&letters, 8, Change::Deletion(2), 4).is_complete);
    }
}
