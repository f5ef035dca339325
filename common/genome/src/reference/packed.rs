//! A reference that is read whole into memory.

use super::{AmbiguousRun, Reference};
use crate::base;
use crate::dictionary::{Contig, Dictionary};

/// Contigs packed in memory, a quarter of a byte a base.
#[derive(Debug, Clone, Default)]
pub struct PackedReference {
    dictionary: Dictionary,
    packed: Vec<u8>,
    runs: Vec<AmbiguousRun>,
    length_bp: u64,
}

impl PackedReference {
    /// Adds a contig; letters may be in either case.
    pub fn add_contig(&mut self, name: &str, bases: &[u8]) {
        self.dictionary.push(Contig {
            name: name.into(),
            length: bases.len() as u64,
        });
        let bytes = (self.length_bp + bases.len() as u64).div_ceil(4);
        self.packed.resize(bytes as usize, 0);
        for &letter in bases {
            let code = match base::code(letter) {
                base::AMBIGUOUS => {
                    self.note_ambiguous(letter.to_ascii_uppercase());
                    0
                }
                code => code,
            };
            let place = self.length_bp;
            self.packed[(place / 4) as usize] |= code << (6 - 2 * (place % 4));
            self.length_bp += 1;
        }
    }

    fn note_ambiguous(&mut self, letter: u8) {
        let start = self.length_bp;
        match self.runs.last_mut() {
            Some(run) if run.letter == letter && run.start + run.length == start => run.length += 1,
            _ => self.runs.push(AmbiguousRun {
                start,
                length: 1,
                letter,
            }),
        }
    }

    /// Returns access to the bases.
    pub fn reference(&self) -> Reference<'_> {
        Reference::new(&self.dictionary, &self.packed, &self.runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::{ContigId, Region};

    #[test]
    fn letters_come_back_in_upper_case() {
        let mut packed = PackedReference::default();
        packed.add_contig("a", b"ACGTNNr");
        packed.add_contig("b", b"Ntgca");
        let reference = packed.reference();
        assert_eq!(
            reference.letters(Region::new(ContigId(0), 0, 7)),
            b"ACGTNNR"
        );
        assert_eq!(reference.letters(Region::new(ContigId(1), 0, 5)), b"NTGCA");
        assert_eq!(reference.dictionary().total_length(), 12);
    }
}
