//! What the two reads of a fragment say about its ends.

use crate::region_read::RegionRead;

/// Says whether the template's length can be trusted: the reads lie apart on opposite strands and
/// face each other.
pub fn is_well_defined(read: &RegionRead) -> bool {
    let head = &read.head;
    let flags = head.flags;
    let is_pair = flags.is_paired() && !flags.is_unmapped() && !flags.is_mate_unmapped();
    if head.template_length == 0 || !is_pair || flags.is_reverse() == flags.is_mate_reverse() {
        return false;
    }
    let Some((_, mate)) = head.mate else {
        return false;
    };
    if flags.is_reverse() {
        return read.end() > mate + 1;
    }
    read.start as i64 <= mate as i64 + i64::from(head.template_length)
}

/// Returns the first base that belongs to the adaptor, outward from the fragment: just before the
/// mate of a reverse read, one template past the start of a forward one.
pub fn adaptor_boundary(read: &RegionRead) -> Option<i64> {
    if !is_well_defined(read) {
        return None;
    }
    let (_, mate) = read.head.mate?;
    Some(if read.is_reverse() {
        mate as i64 - 1
    } else {
        read.start as i64 + i64::from(read.head.template_length.unsigned_abs())
    })
}

/// The positions of a read that lie in the adaptor.
#[derive(Debug, Clone, Copy)]
pub struct Adaptor {
    boundary: Option<i64>,
    is_reverse: bool,
}

impl Adaptor {
    /// Says whether a position belongs to the adaptor.
    pub fn contains(&self, position: u64) -> bool {
        self.boundary.is_some_and(|boundary| {
            if self.is_reverse {
                position as i64 <= boundary
            } else {
                position as i64 >= boundary
            }
        })
    }
}

/// Returns the adaptor's positions; none for a signed template length above `longest`.
pub fn within_adaptor(read: &RegionRead, longest: i32) -> Adaptor {
    let boundary = if read.head.template_length > longest {
        None
    } else {
        adaptor_boundary(read)
    };
    Adaptor {
        boundary,
        is_reverse: read.is_reverse(),
    }
}
