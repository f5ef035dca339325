//! The letters of the reference around a region.

use genome::base;
use genome::reference::Reference;
use genome::region::Region;

/// A stretch of one contig in A, C, G, T and `N` for all else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceBases {
    /// Where the letters lie.
    pub region: Region,
    /// One letter a position.
    pub letters: Vec<u8>,
}

impl ReferenceBases {
    /// Fetches a region, cut to its contig.
    pub fn fetch(reference: &Reference<'_>, region: Region) -> Self {
        let length = reference.dictionary().contig(region.contig).length;
        let end = region.end.min(length);
        let region = Region::new(region.contig, region.start.min(end), end);
        let mut letters = reference.letters(region);
        for letter in &mut letters {
            *letter = base::LETTERS[usize::from(base::code(*letter))];
        }
        Self { region, letters }
    }

    /// Returns the letter at a position; `N` outside of the stretch.
    pub fn letter(&self, position: u64) -> u8 {
        let index = position.checked_sub(self.region.start);
        let letter = index.and_then(|index| self.letters.get(index as usize));
        letter.copied().unwrap_or(b'N')
    }

    /// Returns the letters of `start..end`, cut to what is there.
    pub fn slice(&self, start: u64, end: u64) -> &[u8] {
        let low = start.clamp(self.region.start, self.region.end);
        let high = end.clamp(low, self.region.end);
        &self.letters[(low - self.region.start) as usize..(high - self.region.start) as usize]
    }
}
