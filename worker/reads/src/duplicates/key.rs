//! Keys by which ends and pairs are sorted into sets; the order of fields is Picard's.

use genome::order::Place;

use super::location::Location;

/// Strands of two ends; the discriminants are Picard's codes, by which it sorts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Orientation {
    /// Both forward.
    ForwardForward = 2,
    /// Forward, then reverse.
    ForwardReverse = 3,
    /// Both reverse.
    ReverseReverse = 4,
    /// Reverse, then forward.
    ReverseForward = 5,
}

impl Orientation {
    /// Returns the orientation with a code.
    pub(super) const fn of_code(code: u8) -> Option<Self> {
        match code {
            2 => Some(Self::ForwardForward),
            3 => Some(Self::ForwardReverse),
            4 => Some(Self::ReverseReverse),
            5 => Some(Self::ReverseForward),
            _ => None,
        }
    }

    /// Returns the orientation of two ends.
    pub const fn of(first_reverse: bool, second_reverse: bool) -> Self {
        match (first_reverse, second_reverse) {
            (false, false) => Self::ForwardForward,
            (false, true) => Self::ForwardReverse,
            (true, true) => Self::ReverseReverse,
            (true, false) => Self::ReverseForward,
        }
    }

    /// Says whether the first and the second end lie on the reverse strand.
    pub const fn reverse(self) -> [bool; 2] {
        match self {
            Self::ForwardForward => [false, false],
            Self::ForwardReverse => [false, true],
            Self::ReverseReverse => [true, true],
            Self::ReverseForward => [true, false],
        }
    }
}

/// What pairs of one duplicate set share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PairSite {
    /// Library.
    pub library: u16,
    /// Contig of the left end.
    pub contig: u32,
    /// Unclipped 5′ coordinate of the left end, 0-based; it may be negative.
    pub coordinate: i32,
    /// Strands of the left and the right end.
    pub orientation: Orientation,
    /// Contig of the right end.
    pub second_contig: u32,
    /// Unclipped 5′ coordinate of the right end.
    pub second_coordinate: i32,
    /// Molecular barcodes, 0 where they do not count.
    pub barcode: u32,
}

/// A pair of mapped ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PairKey {
    /// What its duplicate set shares.
    pub site: PairSite,
    /// Where the cluster lies.
    pub location: Location,
    /// Places of the left and the right record.
    pub places: [Place; 2],
    /// Score of both ends.
    pub score: i16,
    /// Index of the read group in the header.
    pub read_group: u16,
    /// Strands of the first and the second read, whichever lies left.
    pub read_orientation: Orientation,
}

/// What single ends of one duplicate set share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndSite {
    /// Library.
    pub library: u16,
    /// Contig.
    pub contig: u32,
    /// Unclipped 5′ coordinate, 0-based; it may be negative.
    pub coordinate: i32,
    /// Whether the end lies on the reverse strand.
    pub reverse: bool,
    /// Molecular barcodes, 0 where they do not count.
    pub barcode: u32,
}

/// An end without a mapped mate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoneEnd {
    /// Where the cluster lies.
    pub location: Location,
    /// The record's place.
    pub place: Place,
    /// The record's score.
    pub score: i16,
}

/// An end of a fragment. Ends of pairs only say that they are there, and sort first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndKey {
    /// What its duplicate set shares.
    pub site: EndSite,
    /// The end, if it has no mapped mate.
    pub lone: Option<LoneEnd>,
}
