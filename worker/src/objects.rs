//! Objects for code that blocks: readers and writers over the asynchronous store.
//!
//! Its methods wait for the runtime; they must not be called on one of the runtime's own threads.

mod pieces;
mod reader;
mod writer;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use common::failure::Failure;
use common::task::ObjectRef;
use object_store::{Key, ObjectStore, WHOLE};
use tokio::runtime::Handle;

use crate::error;

pub use pieces::Piece;
pub(crate) use reader::Chunks;
pub use reader::ObjectReader;
pub use writer::OutputWriter;

/// The store as tasks see it.
#[derive(Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    runtime: Handle,
    kept: Arc<Mutex<pieces::Kept>>,
}

impl Objects {
    /// Wraps a store; `runtime` has threads of its own.
    pub fn new(store: Arc<dyn ObjectStore>, runtime: Handle) -> Self {
        Self {
            store,
            runtime,
            kept: Arc::default(),
        }
    }

    /// Opens a whole object; its end is an error if size or digest differ.
    ///
    /// # Errors
    /// [`common::failure::FailureClass::IntermediateLost`] if it is gone.
    pub fn open(&self, object: &ObjectRef) -> Result<ObjectReader, Failure> {
        let chunks = self.chunks(object, WHOLE)?;
        Ok(ObjectReader::verified(chunks, object.clone()))
    }

    /// Opens a range of an object; its end is an error if the object is too short for it.
    ///
    /// # Errors
    /// [`common::failure::FailureClass::IntermediateLost`] if it is gone.
    pub fn open_range(
        &self,
        object: &ObjectRef,
        range: Range<u64>,
    ) -> Result<ObjectReader, Failure> {
        let end = range.end.min(object.size_bytes);
        let wanted = end.saturating_sub(range.start);
        let chunks = self.chunks(object, range.start..range.start + wanted)?;
        Ok(ObjectReader::ranged(chunks, object.key.clone(), wanted))
    }

    /// Starts an object; unfinished bytes wait in `scratch` when the store is far away.
    ///
    /// # Errors
    /// What the store or the disk answers.
    pub fn create(&self, key: &str, scratch: &Path) -> Result<OutputWriter, Failure> {
        let key: Key = key
            .parse()
            .map_err(|e: object_store::InvalidKey| error::writing(e.into()))?;
        OutputWriter::start(self.clone(), key, scratch)
    }

    /// Returns the file of an object that this machine can open.
    pub fn path(&self, object: &ObjectRef) -> Option<PathBuf> {
        let key: Key = object.key.parse().ok()?;
        self.store.path(&key)
    }

    fn chunks(&self, object: &ObjectRef, range: Range<u64>) -> Result<Chunks, Failure> {
        let key: Key = object
            .key
            .parse()
            .map_err(|e: object_store::InvalidKey| error::reading(e.into()))?;
        if let Some(path) = self.store.path(&key) {
            let name = || object.key.clone();
            return Chunks::of_file(&path, range)
                .map_err(|e| error::reading(object_store::Error::of_io(name(), e)));
        }
        let stream = self
            .runtime
            .block_on(self.store.read(&key, range))
            .map_err(error::reading)?;
        Ok(Chunks::of_stream(&self.runtime, stream))
    }
}

#[cfg(test)]
mod tests;
