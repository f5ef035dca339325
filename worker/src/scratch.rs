//! Folders for unfinished work: one a worker, one an attempt in it, removed after use.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use common::ids::WorkerId;
use common::task::AttemptId;
use tempfile::TempDir;

use crate::error::Error;

/// Prefix of the folders of workers.
const PREFIX: &str = "worker-";
/// The file in it that a living worker holds locked.
const LOCK: &str = "lock";

/// The scratch folder of this worker, removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: PathBuf,
    _lock: File,
}

impl Scratch {
    /// Makes the folder of a worker, and removes those of workers that died.
    pub fn open(parent: &Path, worker: &WorkerId) -> Result<Self, Error> {
        let folder = parent.join(format!("{PREFIX}{worker}"));
        let fault = |source| Error::Folder {
            path: folder.to_string_lossy().into_owned(),
            source,
        };
        fs::create_dir_all(&folder).map_err(fault)?;
        let lock = File::create(folder.join(LOCK)).map_err(fault)?;
        lock.lock().map_err(fault)?;
        for entry in fs::read_dir(parent).map_err(fault)?.flatten() {
            let is_worker = entry.file_name().to_string_lossy().starts_with(PREFIX);
            if is_worker && entry.path() != folder && is_dead(&entry.path()) {
                remove(&entry.path());
            }
        }
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    /// Makes the folder of an attempt; it goes away when it is dropped.
    pub fn attempt(&self, attempt: &AttemptId) -> std::io::Result<TempDir> {
        let AttemptId { task, number } = attempt;
        let prefix = format!("{}-{}-{}-", task.stage, task.index, number.0);
        tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir_in(&self.folder)
    }

    /// Returns how much may still be written; `None` if the system does not say.
    pub fn free_bytes(&self) -> Option<u64> {
        let free = nix::sys::statvfs::statvfs(&self.folder).ok()?;
        Some(free.blocks_available() * free.fragment_size())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.folder);
    }
}

fn is_dead(folder: &Path) -> bool {
    // Without its lock file a folder is being made or removed by another.
    let Ok(lock) = File::open(folder.join(LOCK)) else {
        return false;
    };
    !matches!(lock.try_lock(), Err(TryLockError::WouldBlock))
}

fn remove(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder) {
        tracing::warn!(folder = %folder.display(), %error, "scratch was not removed");
    }
}

#[cfg(test)]
mod tests {
    use common::ids::{AttemptNumber, WorkflowId};
    use common::task::{Stage, TaskId};

    use super::*;

    fn attempt() -> AttemptId {
        let workflow = WorkflowId::new("w");
        let task = TaskId {
            workflow,
            stage: Stage::Align,
            index: 3,
        };
        AttemptId {
            task,
            number: AttemptNumber(2),
        }
    }

    #[test]
    fn folders_go_with_their_owners() {
        let parent = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(parent.path(), &WorkerId::new("a")).unwrap();
        let folder = scratch.attempt(&attempt()).unwrap();
        let path = folder.path().to_owned();
        fs::write(path.join("spill"), "x").unwrap();
        assert!(path.to_string_lossy().contains("align-3-2-"));
        drop(folder);
        assert!(!path.exists());
        drop(scratch);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_the_folders_of_dead_workers_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let dead = parent.path().join("worker-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        fs::create_dir(parent.path().join("cache")).unwrap();
        let living = Scratch::open(parent.path(), &WorkerId::new("living")).unwrap();
        let _second = Scratch::open(parent.path(), &WorkerId::new("second")).unwrap();
        assert!(!dead.exists());
        assert!(living.folder.exists());
        assert!(parent.path().join("cache").exists());
    }
}
