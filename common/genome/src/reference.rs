//! The reference: two bits a base, with the letters that two bits cannot say kept as runs.

mod packed;

pub use packed::PackedReference;

use std::ops::Range;

use crate::base;
use crate::dictionary::Dictionary;
use crate::region::{ContigId, Region};

/// The four letters of each packed byte, the first in the two highest bits.
pub static UNPACKED: [[u8; 4]; 256] = {
    let mut letters = [[0; 4]; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut at = 0;
        while at < 4 {
            letters[byte][at] = base::LETTERS[byte >> (6 - 2 * at) & 3];
            at += 1;
        }
        byte += 1;
    }
    letters
};

/// A run of one ambiguous letter, in coordinates of all contigs joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AmbiguousRun {
    /// First position in the joined reference.
    pub start: u64,
    /// Length in bp, ≥ 1.
    pub length: u64,
    /// The upper-case letter, such as `N`.
    pub letter: u8,
}

/// Read access to a reference of any size, whose packed bases lie elsewhere (usually mapped).
#[derive(Debug, Clone)]
pub struct Reference<'a> {
    dictionary: &'a Dictionary,
    offsets: Vec<u64>,
    packed: &'a [u8],
    runs: &'a [AmbiguousRun],
}

impl<'a> Reference<'a> {
    /// Wraps packed bases: four a byte, the first in the two highest bits, all contigs joined.
    ///
    /// `runs` are sorted and do not overlap. `packed` holds at least a quarter byte a base.
    pub fn new(dictionary: &'a Dictionary, packed: &'a [u8], runs: &'a [AmbiguousRun]) -> Self {
        let ends = dictionary.contigs().iter().scan(0, |end, contig| {
            *end += contig.length;
            Some(*end)
        });
        let offsets: Vec<u64> = std::iter::once(0).chain(ends).collect();
        assert!(packed.len() as u64 * 4 >= dictionary.total_length());
        Self {
            dictionary,
            offsets,
            packed,
            runs,
        }
    }

    /// Returns the contigs.
    pub const fn dictionary(&self) -> &'a Dictionary {
        self.dictionary
    }

    /// Returns where a contig begins in the joined reference.
    pub fn offset(&self, contig: ContigId) -> u64 {
        self.offsets[contig.0 as usize]
    }

    /// Returns the code 0–3 at a joined position; ambiguous letters show their replacement.
    #[inline]
    pub fn code_at(&self, joined: u64) -> u8 {
        self.packed[(joined >> 2) as usize] >> (6 - 2 * (joined & 3)) & 3
    }

    /// Appends the upper-case letters of a region, ambiguity codes included.
    ///
    /// # Panics
    /// If the region leaves its contig.
    pub fn fetch(&self, region: Region, letters: &mut Vec<u8>) {
        assert!(region.end <= self.dictionary.contig(region.contig).length);
        let start = self.offset(region.contig) + region.start;
        let end = start + region.len();
        let first = letters.len();
        self.unpack(start..end, letters);
        let from = self
            .runs
            .partition_point(|run| run.start + run.length <= start);
        for run in self.runs[from..].iter().take_while(|run| run.start < end) {
            let lo = (run.start.max(start) - start) as usize;
            let hi = ((run.start + run.length).min(end) - start) as usize;
            letters[first + lo..first + hi].fill(run.letter);
        }
    }

    /// Appends the letters of the codes of a joined stretch, four at a time where bytes are whole.
    fn unpack(&self, stretch: Range<u64>, letters: &mut Vec<u8>) {
        let letter = |at: u64| base::LETTERS[self.code_at(at) as usize];
        let whole = stretch.start.next_multiple_of(4).min(stretch.end);
        letters.extend((stretch.start..whole).map(letter));
        let rest = whole.max(stretch.end & !3);
        let packed = &self.packed[(whole >> 2) as usize..(rest >> 2) as usize];
        let first = letters.len();
        letters.resize(first + 4 * packed.len(), 0);
        for (four, &byte) in letters[first..].chunks_exact_mut(4).zip(packed) {
            four.copy_from_slice(&UNPACKED[usize::from(byte)]);
        }
        letters.extend((rest..stretch.end).map(letter));
    }

    /// Returns the upper-case letters of a region.
    pub fn letters(&self, region: Region) -> Vec<u8> {
        let mut letters = Vec::with_capacity(region.len() as usize);
        self.fetch(region, &mut letters);
        letters
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dictionary::Contig;

    #[test]
    fn any_stretch_has_the_letters_of_its_codes() {
        let contigs = vec![Contig {
            name: "a".into(),
            length: 19,
        }];
        let dictionary = Dictionary::new(contigs);
        let packed = [
            0b0001_1011,
            0b1110_0100,
            0b0000_1111,
            0b1010_0101,
            0b1100_0000,
        ];
        let reference = Reference::new(&dictionary, &packed, &[]);
        let letter = |at: u64| base::LETTERS[reference.code_at(at) as usize];
        for start in 0..19 {
            for end in start..=19 {
                let region = Region::new(ContigId(0), start, end);
                let expected: Vec<u8> = (start..end).map(letter).collect();
                assert_eq!(reference.letters(region), expected, "{start}-{end}");
            }
        }
    }

    #[test]
    fn ambiguous_letters_come_back() {
        let contig = |name: &str, length| Contig {
            name: name.into(),
            length,
        };
        let dictionary = Dictionary::new(vec![contig("a", 3), contig("b", 4)]);
        let runs = [AmbiguousRun {
            start: 2,
            length: 2,
            letter: b'N',
        }];
        // A C G | T A C G, with the third and fourth base ambiguous.
        let reference = Reference::new(&dictionary, &[0b0001_1011, 0b0001_1000], &runs);
        assert_eq!(reference.letters(Region::new(ContigId(0), 0, 3)), b"ACN");
        assert_eq!(reference.letters(Region::new(ContigId(1), 0, 4)), b"NACG");
        assert_eq!(reference.letters(Region::new(ContigId(1), 1, 3)), b"AC");
    }
}
