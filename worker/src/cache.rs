//! Files fetched from far away: read-only, complete or absent, bounded together.
//!
//! Several processes share one cache; a lock file for each entry lets one of them fetch it.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use common::failure::{Failure, FailureClass};

use crate::{error, metrics};

/// First word of the copy of a file of a kept reference, what is between its words, and the ending
/// of an index.
const KEPT: &str = "reference";
const BETWEEN: &str = "~";
const INDEX: &str = ".spindle";
/// Ending of lock files, which are empty and stay.
const LOCK: &str = ".lock";
/// Prefix of what is being fetched.
const PART: &str = "part-";

/// A folder of fetched files.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
    max_bytes: u64,
}

impl Cache {
    /// Uses a folder, which is made when it is missing, for at most `max_bytes`.
    pub fn new(folder: PathBuf, max_bytes: u64) -> Self {
        Self { folder, max_bytes }
    }

    /// Returns the file called `name`, filled by `fetch` if it is not there.
    ///
    /// # Errors
    /// What `fetch` answers; [`FailureClass::OutOfResources`] if `size_bytes` are too many.
    pub fn get(
        &self,
        name: &str,
        size_bytes: u64,
        fetch: impl FnOnce(&mut File) -> Result<(), Failure>,
    ) -> Result<PathBuf, Failure> {
        let path = self.folder.join(name);
        let was_there = is_there(&path);
        metrics::cache(was_there);
        if was_there {
            return Ok(path);
        }
        let _fetching = common::span!("fetch", spindle.bytes = size_bytes).entered();
        if size_bytes > self.max_bytes {
            let message = format!(
                "the cache holds {} bytes, a file of {size_bytes} bytes is needed",
                self.max_bytes
            );
            return Err(Failure::new(FailureClass::OutOfResources, message));
        }
        fs::create_dir_all(&self.folder).map_err(|e| error::storage(&e))?;
        let _lock = self.lock(name).map_err(|e| error::storage(&e))?;
        if is_there(&path) {
            return Ok(path);
        }
        self.make_room(size_bytes).map_err(|e| error::storage(&e))?;
        let part = tempfile::Builder::new()
            .prefix(PART)
            .tempfile_in(&self.folder);
        let mut part = part.map_err(|e| error::storage(&e))?;
        fetch(part.as_file_mut())?;
        let read_only = Permissions::from_mode(0o444);
        part.as_file()
            .set_permissions(read_only)
            .map_err(|e| error::storage(&e))?;
        part.persist(&path)
            .map_err(|lost| error::storage(&lost.error))?;
        Ok(path)
    }

    /// Returns how many bytes it holds.
    pub fn held_bytes(&self) -> u64 {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let size = |entry: fs::DirEntry| entry.metadata().map_or(0, |data| data.len());
        entries.map(size).sum()
    }

    fn lock(&self, name: &str) -> io::Result<File> {
        let path = self.folder.join(format!("{name}{LOCK}"));
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        file.lock()?;
        Ok(file)
    }

    /// Removes what was used longest ago. Who has a file open keeps it.
    fn make_room(&self, size_bytes: u64) -> io::Result<()> {
        let mut entries = Vec::new();
        let mut total = size_bytes;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let Ok(data) = entry.metadata() else { continue };
            total += data.len();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if !name.ends_with(LOCK) && !name.starts_with(PART) {
                entries.push((data.modified()?, entry.path(), data.len()));
            }
        }
        entries.sort();
        for (_, path, size) in entries {
            if total <= self.max_bytes {
                break;
            }
            fs::remove_file(path)?;
            total -= size;
        }
        Ok(())
    }
}

/// Names the copy of a file of a kept reference, so that it is known by its name.
pub fn kept_name(name: &str, version: &str, file: &str) -> String {
    [KEPT, name, version, file].join(BETWEEN)
}

/// Returns the kept references whose indexes are in a cache, as `NAME/VERSION`.
pub fn kept_references(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    // A cache that cannot be read holds nothing.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let words: Vec<&str> = name.split(BETWEEN).collect();
        if let [KEPT, name, version, file] = words[..]
            && file.ends_with(INDEX)
        {
            found.push(format!("{name}/{version}"));
        }
    }
    found.sort();
    found
}

/// Says whether an entry is there, and marks it as used.
fn is_there(path: &Path) -> bool {
    let Ok(file) = File::open(path) else {
        return false;
    };
    // A cache on a file system without times evicts in another order, nothing worse.
    let _marked = file.set_modified(SystemTime::now());
    true
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn fill(bytes: &'static [u8]) -> impl FnOnce(&mut File) -> Result<(), Failure> {
        move |file| file.write_all(bytes).map_err(|e| error::storage(&e))
    }

    #[test]
    fn a_file_is_fetched_once_and_is_read_only() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"), 100);
        let path = cache.get("a.fa", 3, fill(b"abc")).unwrap();
        let again = cache.get("a.fa", 3, |_| panic!("fetched twice")).unwrap();
        assert_eq!(fs::read(&again).unwrap(), b"abc");
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o444
        );
    }

    #[test]
    fn kept_references_are_known_by_the_names_of_their_indexes() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().into(), 100);
        for (name, file) in [("G", "g.fa"), ("G", "g.fa.spindle"), ("H", "h.fa")] {
            cache
                .get(&kept_name(name, "1", file), 1, fill(b"x"))
                .unwrap();
        }
        assert_eq!(kept_references(folder.path()), ["G/1"]);
        assert!(kept_references(&folder.path().join("none")).is_empty());
    }

    #[test]
    fn a_broken_fetch_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().into(), 100);
        let broken = |file: &mut File| {
            file.write_all(b"half").unwrap();
            Err(Failure::new(FailureClass::StorageTransient, "broke"))
        };
        assert!(cache.get("a", 4, broken).is_err());
        assert!(!folder.path().join("a").exists());
        assert!(cache.get("a", 4, fill(b"full")).is_ok());
    }

    #[test]
    fn the_oldest_files_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().into(), 10);
        for name in ["a", "b"] {
            let path = cache.get(name, 4, fill(b"1234")).unwrap();
            let hour = std::time::Duration::from_secs(if name == "a" { 3600 } else { 7200 });
            File::open(path)
                .unwrap()
                .set_modified(SystemTime::now() - hour)
                .unwrap();
        }
        cache.get("c", 4, fill(b"1234")).unwrap();
        let there = |name: &str| folder.path().join(name).exists();
        assert!(there("a") && !there("b") && there("c"));
        let failure = cache.get("d", 11, fill(b"")).unwrap_err();
        assert_eq!(failure.class, FailureClass::OutOfResources);
    }
}
