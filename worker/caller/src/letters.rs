//! A sliding stretch of the reference as letters.

use crate::indel::Letters;
use genome::base;
use genome::reference::Reference;
use genome::region::{ContigId, Region};

/// Letters fetched at once.
const CHUNK_BP: u64 = 1 << 16;

/// Letters kept before and after what is asked for: no read or tract reaches further.
const AROUND_BP: u64 = 10_000;

/// The letters around the present position: A, C, G, T, and `N` for all others.
#[derive(Debug)]
pub struct Window<'a> {
    reference: &'a Reference<'a>,
    region: Region,
    letters: Vec<u8>,
}

impl<'a> Window<'a> {
    /// Starts with no letters.
    pub const fn new(reference: &'a Reference<'a>) -> Self {
        Self {
            reference,
            region: Region::new(ContigId(0), 0, 0),
            letters: Vec::new(),
        }
    }

    /// Makes sure that what lies around a position is there.
    pub fn slide_to(&mut self, contig: ContigId, position: u64) {
        let length = self.reference.dictionary().contig(contig).length;
        let wanted = Region::new(contig, position, position).padded(AROUND_BP, length);
        let here = self.region;
        if here.contig == contig && here.start <= wanted.start && wanted.end <= here.end {
            return;
        }
        let end = (wanted.end + CHUNK_BP).min(length);
        self.region = Region::new(contig, wanted.start.min(end), end);
        self.letters.clear();
        self.reference.fetch(self.region, &mut self.letters);
        for letter in &mut self.letters {
            *letter = base::LETTERS[usize::from(base::code(*letter))];
        }
    }

    /// Returns the letters of `start..end`, cut to what is there.
    pub fn slice(&self, start: u64, end: u64) -> &[u8] {
        let low = start.clamp(self.region.start, self.region.end);
        let high = end.clamp(low, self.region.end);
        &self.letters[(low - self.region.start) as usize..(high - self.region.start) as usize]
    }
}

impl Letters for Window<'_> {
    fn letter(&self, position: u64) -> u8 {
        let index = position.checked_sub(self.region.start);
        let letter = index.and_then(|index| self.letters.get(index as usize));
        letter.copied().unwrap_or(b'N')
    }
}
