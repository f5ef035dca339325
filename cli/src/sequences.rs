//! The sequences of a reference, for commands that need no more of it.

use std::path::Path;

use aligner::Index;
use anyhow::Result;
use genome::reference::{PackedReference, Reference};

use crate::index;

/// Where the sequences are.
pub enum Sequences {
    /// In the index beside the FASTA file, mapped.
    Indexed(Box<Index>),
    /// Read from the FASTA file.
    Packed(PackedReference),
}

impl Sequences {
    /// Opens the index beside a reference; where there is none, reads the FASTA file.
    ///
    /// # Errors
    /// What is wrong with either.
    pub fn open(reference: &Path) -> Result<Self> {
        if index::index_path(reference).exists() {
            return Ok(Self::Indexed(Box::new(index::open(reference)?)));
        }
        let mut packed = PackedReference::default();
        index::for_each_contig(reference, |contig| {
            packed.add_contig(contig.name, contig.bases);
        })?;
        Ok(Self::Packed(packed))
    }

    /// Returns the bases.
    pub fn reference(&self) -> Reference<'_> {
        match self {
            Self::Indexed(index) => index.reference(),
            Self::Packed(packed) => packed.reference(),
        }
    }
}
