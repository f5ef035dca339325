//! One object on its way into the directory.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use common::ids::Sha256;
use sha2::Digest;
use tempfile::NamedTempFile;

use super::{Local, blocking, check_folder, fault};
use crate::{Error, Key, ObjectWriter, Written, metrics};

/// How often the folder of an object is made again when a deletion takes it away.
const FOLDER_TRIES: usize = 8;

/// A file under `~incoming`; dropped, it goes away.
pub(super) struct Writer {
    store: Local,
    key: Key,
    // Away while a write runs; a write that was given up leaves the writer without its file.
    open: Option<Open>,
    so_far: (u64, sha2::Sha256),
}

struct Open {
    file: NamedTempFile,
    digest: sha2::Sha256,
}

impl Writer {
    pub(super) fn start(store: Local, key: Key) -> Result<Self, Error> {
        let incoming = store.incoming();
        let start = || {
            tempfile::Builder::new()
                .prefix("object-")
                .tempfile_in(&incoming)
        };
        let file = start().or_else(|_| {
            fs::create_dir_all(&incoming)?;
            start()
        });
        let file = file.map_err(|e| fault(&key, e))?;
        let digest = sha2::Sha256::new();
        let so_far = (0, digest.clone());
        Ok(Self {
            store,
            key,
            open: Some(Open { file, digest }),
            so_far,
        })
    }

    fn take(&mut self) -> Result<Open, Error> {
        self.open.take().ok_or_else(|| Error::Io {
            key: self.key.to_string(),
            source: io::Error::other("a write before this one failed"),
        })
    }
}

#[async_trait]
impl ObjectWriter for Writer {
    async fn write(&mut self, chunk: Bytes) -> Result<(), Error> {
        let mut open = self.take()?;
        let (key, size) = (self.key.clone(), chunk.len() as u64);
        let open = blocking(move || {
            open.digest.update(&chunk);
            open.file.write_all(&chunk).map_err(|e| fault(&key, e))?;
            Ok(open)
        })
        .await?;
        metrics::written("folder", size as usize);
        self.so_far = (self.so_far.0 + size, open.digest.clone());
        self.open = Some(open);
        Ok(())
    }

    fn so_far(&self) -> Written {
        let (size_bytes, digest) = self.so_far.clone();
        Written {
            size_bytes,
            sha256: Sha256(digest.finalize().into()),
        }
    }

    async fn commit(mut self: Box<Self>) -> Result<Written, Error> {
        let open = self.take()?;
        let written = self.so_far();
        let Self { store, key, .. } = *self;
        blocking(move || place(&store, &key, open.file)).await?;
        Ok(written)
    }
}

fn place(store: &Local, key: &Key, file: NamedTempFile) -> Result<(), Error> {
    let wrong = |e| fault(key, e);
    file.as_file().sync_all().map_err(wrong)?;
    let target = store.target(key);
    let folder = target.parent().unwrap_or(store.root());
    let mut file = file;
    for _ in 0..FOLDER_TRIES {
        make_folders(store.root(), folder).map_err(wrong)?;
        check_folder(&target, key)?;
        match file.persist(&target) {
            Ok(_) => return sync(folder).map_err(wrong),
            Err(lost) if lost.error.kind() == io::ErrorKind::NotFound => file = lost.file,
            Err(lost) => return Err(wrong(lost.error)),
        }
    }
    let reason = "its folder is removed again and again".into();
    Err(Error::Transient {
        key: key.to_string(),
        reason,
    })
}

/// Makes the folders of an object below `root`, each synced into its parent.
fn make_folders(root: &Path, folder: &Path) -> io::Result<()> {
    if folder == root || folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(root);
    make_folders(root, parent)?;
    match fs::create_dir(folder) {
        Ok(()) => sync(parent),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
