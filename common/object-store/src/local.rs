//! Objects in a directory: one file each, at the path that its key names.
//!
//! Writers fill a file under `~incoming` (a name that no key can have), sync it, and rename it into
//! place. Symbolic links below the directory are not followed.

mod list;
mod stream;
mod writer;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;

use crate::{ByteStream, Error, Key, Listed, ObjectStore, ObjectWriter, Stat, metrics};

pub use stream::{stat_file, stream_file};

/// Where unfinished objects are.
const INCOMING: &str = "~incoming";

/// A store in a directory; clones share it, and so may other processes.
#[derive(Debug, Clone)]
pub struct Local {
    root: PathBuf,
}

impl Local {
    /// Opens a directory, and makes it where it is missing.
    ///
    /// # Errors
    /// [`Error`] if it can't be made or resolved.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let fault = |e| Error::of_io(directory.to_string_lossy(), e);
        fs::create_dir_all(directory.join(INCOMING)).map_err(fault)?;
        let root = directory.canonicalize().map_err(fault)?;
        Ok(Self { root })
    }

    /// Returns the directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Removes what writers that died left behind, unchanged for `age`. Returns how many files.
    ///
    /// # Errors
    /// [`Error`] if the directory can't be read.
    pub fn sweep(&self, age: Duration) -> Result<usize, Error> {
        let incoming = self.root.join(INCOMING);
        let oldest = SystemTime::now() - age;
        let mut removed = 0;
        for entry in fs::read_dir(&incoming).map_err(|e| Error::of_io(INCOMING, e))? {
            let Ok(entry) = entry else { continue };
            let modified = entry.metadata().and_then(|data| data.modified());
            let stale = modified.is_ok_and(|modified| modified < oldest);
            removed += usize::from(stale && fs::remove_file(entry.path()).is_ok());
        }
        Ok(removed)
    }

    fn incoming(&self) -> PathBuf {
        self.root.join(INCOMING)
    }

    fn target(&self, key: &Key) -> PathBuf {
        self.root.join(key.as_str())
    }

    /// Opens an object for reading.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Denied`] if a symbolic link is in the way.
    pub fn open_object(&self, key: &Key) -> Result<File, Error> {
        let path = self.target(key);
        check_folder(&path, key)?;
        let mut options = OpenOptions::new();
        let file = options.read(true).custom_flags(libc::O_NOFOLLOW).open(path);
        let file = file.map_err(|e| fault(key, e))?;
        let data = file.metadata().map_err(|e| fault(key, e))?;
        if data.is_file() {
            Ok(file)
        } else {
            Err(Error::NotFound {
                key: key.to_string(),
            })
        }
    }
}

#[async_trait]
impl ObjectStore for Local {
    async fn stat(&self, key: &Key) -> Result<Stat, Error> {
        let (store, key) = (self.clone(), key.clone());
        blocking(move || {
            let file = store.open_object(&key)?;
            stat_file(&file).map_err(|e| fault(&key, e))
        })
        .await
    }

    async fn read(&self, key: &Key, range: Range<u64>) -> Result<ByteStream, Error> {
        let (store, owned) = (self.clone(), key.clone());
        let file = blocking(move || store.open_object(&owned)).await?;
        Ok(metrics::read(
            "folder",
            stream_file(file, key.to_string(), range),
        ))
    }

    async fn writer(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, Error> {
        let (store, key) = (self.clone(), key.clone());
        let writer = blocking(move || writer::Writer::start(store, key)).await?;
        Ok(Box::new(writer))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, Error> {
        let (root, prefix) = (self.root.clone(), prefix.to_owned());
        blocking(move || list::list(&root, &prefix)).await
    }

    async fn delete(&self, key: &Key) -> Result<(), Error> {
        let (store, key) = (self.clone(), key.clone());
        blocking(move || store.remove(&key)).await
    }

    fn is_patient(&self) -> bool {
        true
    }

    fn path(&self, key: &Key) -> Option<PathBuf> {
        Some(self.target(key))
    }
}

impl Local {
    fn remove(&self, key: &Key) -> Result<(), Error> {
        let path = self.target(key);
        let removed = check_folder(&path, key)
            .and_then(|()| fs::remove_file(&path).map_err(|e| fault(key, e)));
        match removed {
            Ok(()) => {}
            Err(Error::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
        // Folders go with their last object; a writer makes them again.
        let folders = path
            .ancestors()
            .skip(1)
            .take_while(|folder| *folder != self.root);
        for folder in folders {
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }
}

/// Refuses a path whose folder is reached through a symbolic link.
fn check_folder(path: &Path, key: &Key) -> Result<(), Error> {
    let Some(folder) = path.parent() else {
        return Ok(());
    };
    let real = folder.canonicalize().map_err(|e| fault(key, e))?;
    if real == folder {
        return Ok(());
    }
    Err(Error::Denied {
        key: key.to_string(),
        reason: "a symbolic link is in the way".into(),
    })
}

fn fault(key: &Key, error: io::Error) -> Error {
    match error.raw_os_error() {
        // An object stands where the key needs a folder, so there is nothing below it.
        Some(libc::ENOTDIR) => Error::NotFound {
            key: key.to_string(),
        },
        Some(libc::ELOOP) => Error::Denied {
            key: key.to_string(),
            reason: "it is a symbolic link".into(),
        },
        _ => Error::of_io(key.as_str(), error),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|lost| {
        Err(Error::Transient {
            key: "local directory".into(),
            reason: lost.to_string(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;

    #[tokio::test]
    async fn the_directory_passes_the_conformance_suite() {
        let folder = tempfile::tempdir().unwrap();
        conformance::check(&Local::open(folder.path()).unwrap()).await;
    }

    #[tokio::test]
    async fn symbolic_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "x").unwrap();
        let store = Local::open(folder.path()).unwrap();
        let root = store.root();
        std::os::unix::fs::symlink(outside.path(), root.join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), root.join("file")).unwrap();
        for text in ["link/secret", "file"] {
            let key: Key = text.parse().unwrap();
            assert!(
                matches!(store.stat(&key).await, Err(Error::Denied { .. })),
                "{text}"
            );
        }
        let key: Key = "link/secret".parse().unwrap();
        assert!(matches!(
            store.delete(&key).await,
            Err(Error::Denied { .. })
        ));
        let mut writer = store.writer(&"link/new".parse().unwrap()).await.unwrap();
        writer.write("y".into()).await.unwrap();
        assert!(matches!(writer.commit().await, Err(Error::Denied { .. })));
        assert_eq!(store.list("").await.unwrap(), []);
    }

    #[tokio::test]
    async fn unfinished_objects_are_swept_when_old_enough() {
        let folder = tempfile::tempdir().unwrap();
        let store = Local::open(folder.path()).unwrap();
        fs::write(folder.path().join(INCOMING).join("dead"), "x").unwrap();
        assert_eq!(store.sweep(Duration::from_secs(3600)).unwrap(), 0);
        let file = File::open(folder.path().join(INCOMING).join("dead")).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(7200))
            .unwrap();
        assert_eq!(store.sweep(Duration::from_secs(3600)).unwrap(), 1);
    }

    #[tokio::test]
    async fn folders_go_with_their_last_object() {
        let folder = tempfile::tempdir().unwrap();
        let store = Local::open(folder.path()).unwrap();
        let key: Key = "a/b/c".parse().unwrap();
        store.writer(&key).await.unwrap().commit().await.unwrap();
        store.delete(&key).await.unwrap();
        assert!(!folder.path().join("a").exists());
    }
}
