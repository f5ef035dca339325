//! The contigs of a reference, in order.

use crate::region::ContigId;

/// One contig of the reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contig {
    /// Name: the first word of its FASTA line.
    pub name: String,
    /// Length in bp.
    pub length: u64,
}

/// The contigs of a reference in the order of its FASTA file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dictionary {
    contigs: Vec<Contig>,
}

impl Dictionary {
    /// Makes a dictionary of contigs in order.
    pub fn new(contigs: Vec<Contig>) -> Self {
        Self { contigs }
    }

    /// Adds a contig.
    pub fn push(&mut self, contig: Contig) {
        self.contigs.push(contig);
    }

    /// Returns the contigs in order.
    pub fn contigs(&self) -> &[Contig] {
        &self.contigs
    }

    /// Returns a contig.
    ///
    /// # Panics
    /// If the id is not of this dictionary.
    pub fn contig(&self, id: ContigId) -> &Contig {
        &self.contigs[id.0 as usize]
    }

    /// Returns the ids in order.
    pub fn ids(&self) -> impl Iterator<Item = ContigId> + '_ {
        (0..self.contigs.len() as u32).map(ContigId)
    }

    /// Finds a contig by its name.
    pub fn find(&self, name: &str) -> Option<ContigId> {
        let index = self.contigs.iter().position(|contig| contig.name == name)?;
        Some(ContigId(index as u32))
    }

    /// Returns the length of all contigs together, in bp.
    pub fn total_length(&self) -> u64 {
        self.contigs.iter().map(|contig| contig.length).sum()
    }
}
