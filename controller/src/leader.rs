//! Leadership of one machine: an exclusive lock on the state folder.

use std::fs::{self, File, OpenOptions};
use std::path::Path;

use fs4::fs_std::FileExt;

use crate::error::Error;

/// The lock; it is held until this is dropped or the process ends.
#[derive(Debug)]
pub struct StateLock {
    _file: File,
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
        Ok(Self { _file: file })
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
}
