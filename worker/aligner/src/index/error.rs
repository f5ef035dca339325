//! Why an index could not be built or opened.

use std::path::PathBuf;

/// What went wrong with an index.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The index could not be written.
    #[error("index could not be written")]
    Write {
        /// The writer's reason.
        source: std::io::Error,
    },
    /// The file could not be opened or mapped.
    #[error("index {path} could not be opened")]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file does not begin as an index does.
    #[error("{path} is not a spindle index")]
    NotAnIndex {
        /// The file.
        path: PathBuf,
    },
    /// The file is an index of another format version.
    #[error("index {path} has format version {found}, this program reads {expected}")]
    Version {
        /// The file.
        path: PathBuf,
        /// Version in the file.
        found: u32,
        /// Version that can be read.
        expected: u32,
    },
    /// The file is shorter or longer than its header says.
    #[error("index {path} has {found} bytes, its header says {expected}")]
    Length {
        /// The file.
        path: PathBuf,
        /// Bytes in the file.
        found: u64,
        /// Bytes by the header.
        expected: u64,
    },
    /// The header's checksum or its fields do not fit.
    #[error("index {path} has a corrupt header")]
    Corrupt {
        /// The file.
        path: PathBuf,
    },
    /// No contig, or contigs without bases only.
    #[error("reference has no bases")]
    EmptyReference,
    /// Two contigs of one name.
    #[error("reference has two contigs named {name}")]
    DuplicateContig {
        /// The name.
        name: String,
    },
    /// A contig that BAM cannot express.
    #[error("contig {name} has {length_bp} bp, more than {}", i32::MAX)]
    ContigTooLong {
        /// The contig.
        name: String,
        /// Its length.
        length_bp: u64,
    },
    /// The reference is too large for the memory.
    #[error("indexing this reference needs {needed} bytes of memory, {given} may be used")]
    Memory {
        /// What may be used.
        given: u64,
        /// The least that would do.
        needed: u64,
    },
    /// The suffix array could not be computed.
    #[error("suffix array of {symbols} symbols could not be built: {reason}")]
    SuffixArray {
        /// Length of the text.
        symbols: u64,
        /// The library's reason.
        reason: libsais::LibsaisError,
    },
    /// The owner asked to stop.
    #[error("indexing was cancelled")]
    Cancelled,
}
