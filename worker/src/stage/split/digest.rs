//! What the files of a lane were when they were read.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What a file was when it was read, for the provenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigest {
    /// The file, as submitted.
    pub file: String,
    /// Its size.
    pub size_bytes: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
    /// Reads of pairs that were left out because the file lacks their mates; BAM alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads_without_mate: Option<u64>,
}

/// Bytes that went through, and their digest; clones share both.
#[derive(Clone, Default)]
pub struct Digester {
    counted: Arc<Mutex<Counted>>,
}

#[derive(Default)]
struct Counted {
    size_bytes: u64,
    sha256: Sha256,
}

impl Digester {
    /// Digests a stream while it is read.
    pub fn watch(&self, stream: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        let digester = self.clone();
        Box::new(Watched { stream, digester })
    }

    /// Returns what went through.
    pub fn digest(&self, file: &str) -> FileDigest {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let sha256: [u8; 32] = counted.sha256.clone().finalize().into();
        FileDigest {
            file: file.to_owned(),
            size_bytes: counted.size_bytes,
            sha256: common::ids::Sha256(sha256).to_string(),
            reads_without_mate: None,
        }
    }

    fn add(&self, bytes: &[u8]) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.size_bytes += bytes.len() as u64;
        counted.sha256.update(bytes);
    }
}

struct Watched {
    stream: Box<dyn Read + Send>,
    digester: Digester,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.digester.add(&buffer[..count]);
        Ok(count)
    }
}
