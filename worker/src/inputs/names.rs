//! Names of inputs: below a root, and in the cache.

use std::path::{Path, PathBuf};

use common::ids::Sha256;
use common::location::Location;
use object_store::{Error as StoreError, Stat};

use crate::cache;

/// Resolves symbolic links; a path that leads out of its folder is refused.
pub(super) fn below(
    folder: &Path,
    path: &Path,
    location: &Location,
) -> Result<PathBuf, StoreError> {
    let fault = |e| StoreError::of_io(location.to_string(), e);
    let folder = folder.canonicalize().map_err(fault)?;
    let path = path.canonicalize().map_err(fault)?;
    if path.starts_with(&folder) {
        return Ok(path);
    }
    let reason = "it leads out of its root".to_owned();
    Err(StoreError::Denied {
        key: location.to_string(),
        reason,
    })
}

/// Names a copy so that another file, or another version of it, gets another name.
pub(super) fn cache_name(location: &Location, stat: &Stat) -> String {
    if let Location::Reference {
        name,
        version,
        file,
    } = location
    {
        return cache::kept_name(name, version, file);
    }
    let Stat {
        size_bytes,
        modified_ns,
    } = stat;
    let identity = Sha256::of(format!("{location}\n{size_bytes}\n{modified_ns}").as_bytes());
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let ending: String = location.file_name().chars().filter(|&c| plain(c)).collect();
    let ending = &ending[ending.len().saturating_sub(60)..];
    format!("{identity}-{ending}")
}
