//! The sequences of a reference, for commands that need no more of it.

use std::fs::File;
use std::path::Path;

use aligner::Index;
use anyhow::Result;
use common::failure::Failure;
use genome::reference::{PackedReference, Reference};
use worker::formats::fasta;

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
        let shown = reference.display().to_string();
        let file = File::open(reference)
            .map_err(|error| Failure::input(&shown, format!("cannot be opened: {error}")))?;
        let mut packed = PackedReference::default();
        fasta::for_each_contig(Box::new(file), &shown, |contig| {
            packed.add_contig(contig.name, contig.bases);
        })
        .map_err(Failure::from)?;
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
