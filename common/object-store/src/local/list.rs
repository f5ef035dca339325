//! The objects of a directory by prefix.

use std::fs;
use std::io;
use std::path::Path;

use crate::{Error, Key, Listed};

/// Lists the objects whose keys start with `prefix`, in order of key.
pub(super) fn list(root: &Path, prefix: &str) -> Result<Vec<Listed>, Error> {
    // Only the folder that the prefix names is walked.
    let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
    if !folder.is_empty() {
        folder.parse::<Key>()?;
    }
    let mut found = Vec::new();
    walk(root, folder, &mut found)?;
    found.retain(|listed| listed.key.as_str().starts_with(prefix));
    found.sort();
    Ok(found)
}

fn walk(root: &Path, folder: &str, found: &mut Vec<Listed>) -> Result<(), Error> {
    let fault = |e| Error::of_io(folder, e);
    let entries = match fs::read_dir(root.join(folder)) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(()),
        Err(error) => return Err(fault(error)),
    };
    for entry in entries {
        let entry = entry.map_err(fault)?;
        let name = entry.file_name();
        let words = match (folder, name.to_str()) {
            (_, None) => continue,
            ("", Some(name)) => name.to_owned(),
            (folder, Some(name)) => format!("{folder}/{name}"),
        };
        let Ok(key) = words.parse::<Key>() else {
            continue;
        };
        // An object may go while the folder is read.
        let Ok(data) = entry.metadata() else { continue };
        if data.is_dir() {
            walk(root, key.as_str(), found)?;
        } else if data.is_file() {
            found.push(Listed {
                key,
                size_bytes: data.len(),
            });
        }
    }
    Ok(())
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
