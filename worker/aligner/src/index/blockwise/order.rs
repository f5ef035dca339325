//! The order of the suffixes that begin in a block.
//!
//! Two of them that agree to the end of the block are told apart by what follows: the rest of the
//! longer one against the text behind the block. So the block's last symbol gets a letter of its
//! own, and each equal symbol becomes a letter below or above it, as the suffix behind that
//! symbol is less or greater than the text behind the block. Then the order of the block's own
//! suffixes is that of the whole ones (after Ferragina, Gagie, Manzini 2012).

use super::place::Place;
use crate::index::Error;
use crate::index::suffix_array::sort_narrow;
use crate::index::text::Text;

/// Sorts the suffixes that begin in the block at `start`; `primary` is the place of the text
/// behind it.
pub fn order(
    text: Text<'_>,
    start: u64,
    places: &[Place],
    primary: u64,
) -> Result<Vec<i32>, Error> {
    let mut letters = Vec::with_capacity(places.len());
    let (end, middle) = (start + places.len() as u64, text.len() / 2);
    text.fetch(start, end.min(middle), &mut letters);
    text.fetch(start.max(middle), end, &mut letters);
    if let [before @ .., last] = &mut letters[..] {
        for (letter, next) in before.iter_mut().zip(&places[1..]) {
            let is_above = *letter > *last || (*letter == *last && next.row() > primary);
            *letter += 2 * u8::from(is_above);
        }
        *last += 1;
    }
    sort_narrow(&letters)
}
