//! One position at which some reads differ from the reference: alleles, evidence, genotype.

mod alleles;
mod decide;
mod evidence;

pub use alleles::{Allele, Candidates};
pub use decide::decide;
pub use evidence::{Site, gather};

use crate::read::AlignedRead;

/// The reads over one position.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// All reads of the window.
    pub reads: &'a [AlignedRead],
    /// Those that cover the position and are looked at.
    pub covering: &'a [u32],
    /// The position.
    pub position: u64,
}

impl<'a> Column<'a> {
    /// Returns the reads that cover the position.
    pub fn iter(&self) -> impl Iterator<Item = &'a AlignedRead> + use<'a> {
        let reads = self.reads;
        self.covering
            .iter()
            .map(move |&index| &reads[index as usize])
    }
}
