//! A candidate sequence of one chromosome over a region.

use genome::cigar::Cigar;

/// A sequence that the assembly found, and how it differs from the reference.
#[derive(Debug, Clone, PartialEq)]
pub struct Haplotype {
    /// Upper-case letters.
    pub bases: Vec<u8>,
    /// The alignment to the reference; it begins at `start`.
    pub cigar: Cigar,
    /// 0-based position of the first base on the contig.
    pub start: u64,
    /// Whether it spells the reference.
    pub is_reference: bool,
    /// log10 of the product of edge weights along its path.
    pub score: f64,
    /// Length of the k-mers of the graph that gave it; 0 for a reference that no graph gave.
    pub kmer_size: usize,
    /// Its differences, ascending by start, at most one a start.
    pub events: Vec<Event>,
}

/// A difference from the reference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Event {
    /// 0-based position of the first reference base; of the base before it for a pure indel.
    pub start: u64,
    /// The reference allele, at least one letter.
    pub reference: Vec<u8>,
    /// The alternate allele, at least one letter.
    pub alternate: Vec<u8>,
}

impl Event {
    /// Returns one past the last reference position.
    pub fn end(&self) -> u64 {
        self.start + self.reference.len() as u64
    }

    /// Says whether the alleles differ in length.
    pub const fn is_indel(&self) -> bool {
        self.reference.len() != self.alternate.len()
    }
}
