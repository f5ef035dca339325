//! Objects with digests and atomic commit: in a local directory, in S3, or served over gRPC.
//!
//! Main path: [`ObjectStore::writer`] → [`ObjectWriter::write`] … → [`ObjectWriter::commit`], then
//! [`ObjectStore::read`] by range. What is not committed never appears.
#![forbid(unsafe_code)]

mod blocking;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod error;
mod key;
mod local;
pub mod metrics;
mod patience;
pub mod s3;
mod served;
mod service;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

use std::ops::Range;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use common::ids::Sha256;
use futures::stream::BoxStream;

pub use blocking::BlockingReader;
pub use error::Error;
pub use key::{InvalidKey, Key};
pub use local::{Local, stat_file, stream_file};
pub use patience::Patience;
pub use s3::S3;
pub use served::Served;
pub use service::{InputResolver, NoInputs, ObjectsService};

/// The largest chunk of a read, and of a message on the wire.
pub const CHUNK_BYTES: usize = 1 << 20;

/// The range of a whole object.
pub const WHOLE: Range<u64> = 0..u64::MAX;

/// Bytes in order, in chunks of at most [`CHUNK_BYTES`]. After an error it ends.
pub type ByteStream = BoxStream<'static, Result<Bytes, Error>>;

/// A flat space of immutable objects.
#[async_trait]
pub trait ObjectStore: Send + Sync + 'static {
    /// Returns size and time of an object.
    async fn stat(&self, key: &Key) -> Result<Stat, Error>;

    /// Reads a range of an object; what is past its end is left out.
    async fn read(&self, key: &Key, range: Range<u64>) -> Result<ByteStream, Error>;

    /// Starts an object that appears when it is committed, in place of an older one of its key.
    async fn writer(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, Error>;

    /// Lists the objects whose keys start with a text, in order of key.
    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, Error>;

    /// Removes an object; succeeds when there is none.
    async fn delete(&self, key: &Key) -> Result<(), Error>;

    /// Removes the objects whose keys start with a text; returns how many.
    async fn delete_all(&self, prefix: &str) -> Result<usize, Error> {
        let listed = self.list(prefix).await?;
        for object in &listed {
            self.delete(&object.key).await?;
        }
        Ok(listed.len())
    }

    /// Says whether writers outlast passing faults themselves; else whoever writes keeps the bytes
    /// until they are committed.
    fn is_patient(&self) -> bool {
        false
    }

    /// Returns the path of an object that this machine can open or link; `None`: it has none.
    fn path(&self, _key: &Key) -> Option<PathBuf> {
        None
    }
}

/// An object being written. Dropped without commit, nothing of it appears.
#[async_trait]
pub trait ObjectWriter: Send {
    /// Appends bytes.
    async fn write(&mut self, chunk: Bytes) -> Result<(), Error>;

    /// Returns what was written so far.
    fn so_far(&self) -> Written;

    /// Makes the object durable and visible, whole.
    async fn commit(self: Box<Self>) -> Result<Written, Error>;
}

/// What a store knows of an object or an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Its size.
    pub size_bytes: u64,
    /// Modification time in nanoseconds since 1970.
    pub modified_ns: i64,
}

/// An object by its key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Its key.
    pub key: Key,
    /// Its size.
    pub size_bytes: u64,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Number of bytes.
    pub size_bytes: u64,
    /// Their digest.
    pub sha256: Sha256,
}
