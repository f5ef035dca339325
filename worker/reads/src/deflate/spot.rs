//! Bytes that may change.

/// How many neighbours before a byte are known, and how many behind it: matches of fewer bytes
/// than three are none.
const REACH: usize = 2;

/// A byte that may change, and its neighbours, which stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// Where it is in its stream's data.
    pub at: u16,
    /// What it was, in the middle, and the bytes next to it; any where the data does not reach.
    pub around: [u8; 2 * REACH + 1],
    /// What it is to be.
    pub new: u8,
}

impl Spot {
    /// Returns what the byte was.
    pub const fn old(&self) -> u8 {
        self.around[REACH]
    }

    /// Says whether the byte changes.
    pub const fn is_changed(&self) -> bool {
        self.new != self.old()
    }
}

/// The spots of a stream, ascending.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spots<'a>(pub(super) &'a [Spot]);

impl Spots<'_> {
    /// Returns what a byte is to be, if it is a spot.
    pub(super) fn new_at(&self, place: usize) -> Option<u8> {
        let index = self.0.partition_point(|spot| usize::from(spot.at) < place);
        let spot = self.0.get(index)?;
        (usize::from(spot.at) == place).then_some(spot.new)
    }

    /// Returns what a byte is to be that was copied from `distance` before: it, or where it came
    /// from, is a spot or next to one.
    pub(super) fn copied(&self, place: usize, distance: usize) -> Option<u8> {
        let source = || self.old_near(place.checked_sub(distance)?);
        let old = || self.old_near(place).or_else(source);
        self.new_at(place).or_else(old)
    }

    /// Returns what a byte was that is a spot or next to one.
    fn old_near(&self, place: usize) -> Option<u8> {
        let is_before = |spot: &Spot| usize::from(spot.at) + REACH < place;
        let spot = self.0.get(self.0.partition_point(is_before))?;
        let index = (place + REACH).checked_sub(spot.at.into())?;
        spot.around.get(index).copied()
    }
}
