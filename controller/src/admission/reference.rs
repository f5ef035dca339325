//! The reference: its contigs, and whether the index beside it is its own.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aligner::index::{self, Index, ReferenceDigest};
use common::ids::Sha256;
use genome::dictionary::Dictionary;

use super::fasta::{self, FastaError};

/// Ending of the index, after the whole name of the FASTA file.
pub const INDEX_ENDING: &str = ".spindle";

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
    /// It was made of other sequences.
    #[error("is the index of another reference: remove it, or make it again")]
    Strange,
}

/// The references that were read, so that a batch of a thousand genomes reads each once.
#[derive(Debug, Default)]
pub struct References {
    scanned: Mutex<HashMap<FileVersion, Arc<Scanned>>>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct FileVersion {
    path: PathBuf,
    size_bytes: u64,
    modified: SystemTime,
}

impl References {
    /// Reads a FASTA file, or remembers what it read of the same size and time.
    pub fn scan(&self, path: &Path) -> Result<Arc<Scanned>, FastaError> {
        let version = FileVersion::of(path)?;
        let mut scanned = self.scanned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = scanned.get(&version) {
            return Ok(known.clone());
        }
        let mut digest = ReferenceDigest::new();
        let dictionary = fasta::scan(path, |name, bases| digest.add_contig(name, bases))?;
        let found = Arc::new(Scanned {
            dictionary,
            digest: Sha256(digest.finish()),
        });
        scanned.insert(version, found.clone());
        Ok(found)
    }
}

impl FileVersion {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = path.metadata()?;
        Ok(Self {
            path: path.into(),
            size_bytes: metadata.len(),
            modified: metadata.modified()?,
        })
    }
}

/// Opens an index and compares its digest with the reference.
pub fn check_index(path: &Path, reference: &Scanned) -> Result<(), IndexError> {
    let index = Index::open(path)?;
    if Sha256(index.reference_digest()) != reference.digest {
        return Err(IndexError::Strange);
    }
    Ok(())
}
