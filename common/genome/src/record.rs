//! BAM records as bytes: a view that reads one, a builder that writes one, an arena of many.
//!
//! A record here is the block that follows `block_size` in SAM v1 §4.2 (2024-11-06): 32 fixed
//! bytes, name, CIGAR, bases, qualities, tags.

mod builder;
mod flags;
mod long_cigar;
mod owned;
mod parse;
pub mod sam;
mod tags;
mod view;

pub use builder::{NewRecord, Records};
pub use flags::Flags;
pub use owned::OwnedRecord;
pub use parse::{SamError, parse_sam};
pub use tags::{Tag, TagValue, encoded_tags, tags, text_of, without_tags};
pub use view::{RecordError, RecordView};

/// Bytes before the read name.
pub const FIXED_BYTES: usize = 32;

/// The letters of BAM's four-bit base codes.
pub const NIBBLES: [u8; 16] = *b"=ACMGRSVTWYHKDBN";

/// Returns BAM's four-bit code of a letter in either case; `N` for what is not IUPAC.
pub fn nibble(letter: u8) -> u8 {
    const N: u8 = 15;
    let letter = letter.to_ascii_uppercase();
    NIBBLES
        .iter()
        .position(|&known| known == letter)
        .map_or(N, |code| code as u8)
}

/// Returns the bin of `start..end` in BAI's scheme. SAM v1 §5.3 (2024-11-06).
pub const fn bin(start: u64, end: u64) -> u16 {
    let last = if end > start { end - 1 } else { start };
    let mut shift = 14;
    let mut first_bin = 4681;
    while shift < 29 {
        if start >> shift == last >> shift {
            return (first_bin + (start >> shift)) as u16;
        }
        shift += 3;
        first_bin = (first_bin - 1) / 8;
    }
    0
}
