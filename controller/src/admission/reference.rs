//! The reference: its contigs, and whether the index beside it is its own.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use aligner::index::{self, Index, ReferenceDigest};
use common::ids::Sha256;
use genome::dictionary::Dictionary;

use super::fasta::{self, FastaError};
use crate::inputs::{Source, Version};

/// Ending of the index, after the whole name of the FASTA file.
pub const INDEX_ENDING: &str = ".spindle";

/// More than the head of an index holds: contigs and runs of ambiguous bases.
const INDEX_HEAD_BYTES: u64 = 32 << 20;

/// A reference whose FASTA file was read.
#[derive(Debug)]
pub struct Scanned {
    /// Its contigs.
    pub dictionary: Dictionary,
    /// Digest of its sequences.
    pub digest: Sha256,
}

/// What is wrong with an index.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// It cannot be opened.
    #[error("{0}")]
    Open(#[from] index::Error),
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    /// Its head is damaged.
    #[error("is no index: its head is damaged")]
    Head,
    /// It was made of other sequences.
    #[error("is the index of another reference: remove it, or make it again")]
    Strange,
}

/// The references that were read, so that a batch of a thousand genomes reads each once.
#[derive(Debug, Default)]
pub struct References {
    scanned: Mutex<HashMap<Version, Arc<Scanned>>>,
}

impl References {
    /// Reads a FASTA file, or remembers what it read of the same size and time.
    pub fn scan(&self, source: &Source) -> Result<Arc<Scanned>, FastaError> {
        let version = source.version()?;
        let mut scanned = self.scanned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = scanned.get(&version) {
            return Ok(known.clone());
        }
        let mut digest = ReferenceDigest::new();
        let dictionary = fasta::scan(source, |name, bases| digest.add_contig(name, bases))?;
        let found = Arc::new(Scanned {
            dictionary,
            digest: Sha256(digest.finish()),
        });
        scanned.insert(version, found.clone());
        Ok(found)
    }
}

/// Compares the digest in the head of an index with the reference; a file is looked at as a whole.
pub fn check_index(source: &Source, reference: &Scanned) -> Result<(), IndexError> {
    let digest = match source {
        Source::File(path) => Index::open(path)?.reference_digest(),
        Source::Object(_) => {
            let head = source.head(INDEX_HEAD_BYTES)?;
            index::reference_digest_in(&head).ok_or(IndexError::Head)?
        }
    };
    if Sha256(digest) != reference.digest {
        return Err(IndexError::Strange);
    }
    Ok(())
}
