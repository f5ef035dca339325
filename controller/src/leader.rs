//! Leadership of one machine: an exclusive lock on the state folder.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fs4::fs_std::FileExt;

use crate::error::Error;

/// The lock; it is held until this is dropped or the process ends.
#[derive(Debug)]
pub struct StateLock {
    path: PathBuf,
    file: File,
}

impl StateLock {
    /// Takes the lock of a state folder, which is made when it is missing.
    ///
    /// # Errors
    /// [`Error::Locked`] if another controller holds it; [`Error::File`] if it cannot be used.
    pub fn take(state: &Path) -> Result<Self, Error> {
        make_private(state)?;
        let path = state.join("lock");
        let open = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let file = open.map_err(Error::file(&path))?;
        let taken = FileExt::try_lock_exclusive(&file).map_err(Error::file(&path))?;
        if !taken {
            return Err(Error::Locked {
                state: state.into(),
            });
        }
        Ok(Self { path, file })
    }

    /// Says whether the lock still keeps others out: its file is where they look for it.
    pub fn is_held(&self) -> bool {
        let ours = self.file.metadata();
        let found = fs::metadata(&self.path);
        let place = |file: &fs::Metadata| (file.dev(), file.ino());
        matches!((&ours, &found), (Ok(ours), Ok(found)) if place(ours) == place(found))
    }
}

/// Makes a folder that only its owner may enter; leaves an existing one as it is.
///
/// # Errors
/// [`Error::File`] if it cannot be made.
pub fn make_private(folder: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(folder);
    made.map_err(Error::file(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_controller_is_refused_until_the_first_ends() {
        let folder = tempfile::tempdir().unwrap();
        let first = StateLock::take(folder.path()).unwrap();
        let second = StateLock::take(folder.path());
        assert!(matches!(second, Err(Error::Locked { .. })));
        drop(first);
        StateLock::take(folder.path()).unwrap();
    }

    #[test]
    fn a_lock_whose_file_was_replaced_is_not_held() {
        let folder = tempfile::tempdir().unwrap();
        let lock = StateLock::take(folder.path()).unwrap();
        assert!(lock.is_held());
        fs::remove_file(folder.path().join("lock")).unwrap();
        assert!(!lock.is_held());
        let _other = StateLock::take(folder.path()).unwrap();
        assert!(!lock.is_held());
    }
}
