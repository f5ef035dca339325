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

/// Letters fetched at once.
const CHUNK_BP: u64 = 1 << 16;

/// Letters kept before what is asked for.
const BEHIND_BP: u64 = 1 << 12;

/// The letters around a place that moves on along the reference.
#[derive(Debug)]
pub struct SlidingReference<'a> {
    reference: &'a Reference<'a>,
    here: Option<ReferenceBases>,
}

impl<'a> SlidingReference<'a> {
    /// Starts with no letters.
    pub const fn new(reference: &'a Reference<'a>) -> Self {
        Self {
            reference,
            here: None,
        }
    }

    /// Returns letters that hold a region, as far as it lies on its contig.
    pub fn around(&mut self, region: Region) -> &ReferenceBases {
        let holds = |bases: &ReferenceBases| {
            let there = bases.region;
            let length = self.reference.dictionary().contig(there.contig).length;
            there.contig == region.contig
                && there.start <= region.start
                && region.end.min(length) <= there.end
        };
        if !self.here.as_ref().is_some_and(holds) {
            let start = region.start.saturating_sub(BEHIND_BP);
            let wanted = Region::new(region.contig, start, region.end + CHUNK_BP);
            self.here = None;
            return self
                .here
                .insert(ReferenceBases::fetch(self.reference, wanted));
        }
        let reference = self.reference;
        self.here
            .get_or_insert_with(|| ReferenceBases::fetch(reference, region))
    }
}
