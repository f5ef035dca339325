//! Where data differs from what it was.

/// Bytes of data whose changes are counted together, as a power of two.
const CELL_BITS: u32 = 4;

/// Bytes compared in one step.
const STEP_BYTES: usize = 64;

/// The places of bytes that have changed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Ascending; behind them one that no data reaches.
    places: Vec<u32>,
    /// How many there are before each cell, wrapped: a match reaches over few cells.
    before: Vec<u16>,
}

impl Changes {
    /// Finds where data of one length differs.
    pub(super) fn find(&mut self, new: &[u8], old: &[u8]) {
        self.places.clear();
        let steps = new.chunks(STEP_BYTES).zip(old.chunks(STEP_BYTES));
        for (start, (new, old)) in (0u32..).step_by(STEP_BYTES).zip(steps) {
            if new != old {
                let differing = (start..).zip(new.iter().zip(old));
                let differing = differing.filter(|(_, (new, old))| new != old);
                self.places.extend(differing.map(|(at, _)| at));
            }
        }
        self.before.clear();
        for (count, &place) in self.places.iter().enumerate() {
            let cell = (place >> CELL_BITS) as usize;
            self.before.resize(cell + 1, count as u16);
        }
        let count = self.places.len() as u16;
        self.before.resize((new.len() >> CELL_BITS) + 2, count);
        self.places.push(u32::MAX);
    }

    /// Says whether nothing has changed.
    pub(super) fn is_empty(&self) -> bool {
        self.places.len() < 2
    }

    /// Returns all places, and behind them one that no data reaches.
    pub(super) fn places(&self) -> &[u32] {
        &self.places
    }

    /// Says whether a byte of these, or one in a cell with them, has changed.
    #[inline]
    pub(super) fn may_touch(&self, from: usize, to: usize) -> bool {
        let last = (to.max(from + 1) - 1) >> CELL_BITS;
        self.before[from >> CELL_BITS] != self.before[last + 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_change_is_missed(
            length in 1usize..2_000,
            at in prop::collection::vec(any::<prop::sample::Index>(), 0..9),
            from: prop::sample::Index, span in 1usize..258,
        ) {
            let old = vec![7; length];
            let mut new = old.clone();
            for at in at {
                new[at.index(length)] = 8;
            }
            let mut changes = Changes::default();
            changes.find(&[1, 2], &[1, 3]);
            changes.find(&new, &old);
            let expected: Vec<u32> = (0..length as u32).filter(|&at| new[at as usize] == 8)
                .chain([u32::MAX]).collect();
            prop_assert_eq!(changes.places(), &expected);
            let from = from.index(length);
            let to = (from + span).min(length);
            prop_assert!(changes.may_touch(from, to) || !new[from..to].contains(&8));
            let cells = from >> CELL_BITS << CELL_BITS..(((to - 1) >> CELL_BITS) + 1) << CELL_BITS;
            let is_near = expected.iter().any(|&at| cells.contains(&(at as usize)));
            prop_assert_eq!(changes.may_touch(from, to), is_near);
        }
    }
}
