//! The objects of a controller: in a folder of this machine, or in S3.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use object_store::s3::{Address, Environment};
use object_store::{Error, Key, Local, ObjectStore, S3, WHOLE};
use tokio::runtime;

/// Uploads that nobody finished are given up after this time.
const UPLOAD_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Where objects are to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectsAt {
    /// In a folder, made when it is missing.
    Folder(PathBuf),
    /// In S3.
    S3(Address),
}

/// The opened store.
#[derive(Debug, Clone)]
pub enum Objects {
    /// In a folder.
    Folder(Local),
    /// In S3.
    S3(S3),
}

impl Objects {
    /// Opens a store; in S3 it finds out what the server honours.
    ///
    /// # Errors
    /// [`Error`] if nothing can be written there.
    pub async fn open(at: &ObjectsAt, s3: &Environment) -> Result<Self, Error> {
        match at {
            ObjectsAt::Folder(folder) => Ok(Self::Folder(Local::open(folder)?)),
            ObjectsAt::S3(address) => {
                let store = S3::new(s3.connection().await, address).probed().await?;
                Ok(Self::S3(store))
            }
        }
    }

    /// Gives up what writers that died left behind; returns how many.
    ///
    /// # Errors
    /// [`Error`] if that cannot be found out here.
    pub async fn sweep(&self) -> Result<usize, Error> {
        match self {
            Self::Folder(local) => local.sweep(UPLOAD_AGE),
            Self::S3(s3) => s3.sweep(UPLOAD_AGE).await,
        }
    }

    /// Returns the store.
    pub fn store(&self) -> &dyn ObjectStore {
        match self {
            Self::Folder(local) => local,
            Self::S3(s3) => s3,
        }
    }

    /// Returns the store, shared.
    pub fn shared(&self) -> Arc<dyn ObjectStore> {
        match self {
            Self::Folder(local) => Arc::new(local.clone()),
            Self::S3(s3) => Arc::new(s3.clone()),
        }
    }

    /// Returns the folder, if there is one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(local) => Some(local.root()),
            Self::S3(_) => None,
        }
    }

    /// Reads an object whole.
    ///
    /// # Errors
    /// [`Error::NotFound`] and its like.
    pub async fn read(&self, key: &str) -> Result<Vec<u8>, Error> {
        let key: Key = key.parse()?;
        let mut chunks = self.store().read(&key, WHOLE).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = chunks.try_next().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

/// Reads small objects on any thread, one of a runtime's own among them.
#[derive(Debug, Clone)]
pub struct Fetcher {
    objects: Objects,
    runtime: runtime::Handle,
}

impl Fetcher {
    /// Reads `objects` on the threads of `runtime`.
    pub const fn new(objects: Objects, runtime: runtime::Handle) -> Self {
        Self { objects, runtime }
    }

    /// Reads an object whole. Blocks.
    ///
    /// # Errors
    /// [`Error::NotFound`] and its like.
    pub fn read(&self, key: &str) -> Result<Vec<u8>, Error> {
        match &self.objects {
            Objects::Folder(local) => {
                let path = local.root().join(key);
                fs::read(path).map_err(|source| Error::of_io(key, source))
            }
            Objects::S3(_) => std::thread::scope(|scope| {
                let reading = scope.spawn(|| self.runtime.block_on(self.objects.read(key)));
                reading.join().unwrap_or_else(|_| {
                    Err(Error::Transient {
                        key: key.to_owned(),
                        reason: "the read broke down".to_owned(),
                    })
                })
            }),
        }
    }
}
