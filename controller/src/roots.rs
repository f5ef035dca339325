//! Which files of this machine a submission may name: those under the configured roots, and uploads.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use common::location::Location;
use common::task::InputStamp;

use crate::error::Error;
use crate::nonce;
use crate::sealing::SealError;

/// File in a root by which a worker proves that it sees the same folder.
pub const NONCE_FILE: &str = ".spindle-root";

/// The roots and the folder of the uploads, all resolved.
#[derive(Debug, Clone)]
pub struct Roots {
    folders: BTreeMap<String, PathBuf>,
    /// Where the objects are in a folder.
    uploads: Option<PathBuf>,
}

/// Why a location names no usable file.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// No such root is configured.
    #[error("the server has no root named {0}")]
    Unknown(String),
    /// The path leads out of its root, perhaps by a symbolic link.
    #[error("the path leads out of root {0}")]
    Outside(String),
    /// The system's answer.
    #[error("{}", describe(.0))]
    Io(#[from] io::Error),
    /// Neither a file nor what stands for one.
    #[error("not a file")]
    NotAFile,
    /// An object where only files are.
    #[error("it is an object, not a file")]
    Object,
    /// What the server keeps for itself was named.
    #[error("it is among the server's own objects")]
    Private,
    /// The login to S3 that came with the submission cannot be opened.
    #[error(transparent)]
    Login(#[from] SealError),
    /// A folder of an upload was asked for.
    #[error("an upload cannot hold outputs")]
    UploadFolder,
}

impl Roots {
    /// Resolves the configured folders.
    ///
    /// # Errors
    /// [`Error::File`] if one is missing or is no folder.
    pub fn new(folders: &BTreeMap<String, PathBuf>, objects: Option<&Path>) -> Result<Self, Error> {
        let resolve = |folder: &PathBuf| -> Result<PathBuf, Error> {
            let resolved = folder.canonicalize().map_err(Error::file(folder))?;
            fs::read_dir(&resolved).map_err(Error::file(folder))?;
            Ok(resolved)
        };
        let folders = folders
            .iter()
            .map(|(name, folder)| Ok((name.clone(), resolve(folder)?)))
            .collect::<Result<_, Error>>()?;
        let uploads = objects.map(|objects| {
            let uploads = objects.join("uploads");
            fs::create_dir_all(&uploads).map_err(Error::file(&uploads))?;
            uploads.canonicalize().map_err(Error::file(&uploads))
        });
        Ok(Self {
            folders,
            uploads: uploads.transpose()?,
        })
    }

    /// Returns the path of an existing file, symbolic links resolved.
    ///
    /// # Errors
    /// [`RootError`] if it is missing, no file, or outside its root.
    pub fn file(&self, location: &Location) -> Result<PathBuf, RootError> {
        let (base, name, path) = self.parts(location)?;
        let resolved = base.join(path).canonicalize()?;
        if !resolved.starts_with(&base) {
            return Err(RootError::Outside(name.into()));
        }
        if !resolved.metadata()?.is_file() {
            return Err(RootError::NotAFile);
        }
        Ok(resolved)
    }

    /// Returns the path of a folder for outputs, which need not exist yet.
    ///
    /// # Errors
    /// [`RootError`] if what exists of it leads out of its root.
    pub fn folder(&self, location: &Location) -> Result<PathBuf, RootError> {
        if matches!(
            location,
            Location::Upload { .. } | Location::Reference { .. }
        ) {
            return Err(RootError::UploadFolder);
        }
        let (base, name, path) = self.parts(location)?;
        let wanted = base.join(path);
        let mut existing = wanted.as_path();
        while !existing.exists() {
            existing = existing.parent().unwrap_or(&base);
        }
        let resolved = existing.canonicalize()?;
        if !resolved.starts_with(&base) {
            return Err(RootError::Outside(name.into()));
        }
        let rest = wanted.strip_prefix(existing).unwrap_or(Path::new(""));
        Ok(if rest.as_os_str().is_empty() {
            resolved
        } else {
            resolved.join(rest)
        })
    }

    /// Returns size and modification time of an input. Uploads never change: their time is 0.
    ///
    /// # Errors
    /// [`RootError`] if there is no such file.
    pub fn stamp(&self, location: &Location) -> Result<InputStamp, RootError> {
        let metadata = self.file(location)?.metadata()?;
        let since_1970 = metadata.modified()?.duration_since(UNIX_EPOCH);
        let modified_ns = match location {
            Location::Upload { .. } | Location::Reference { .. } | Location::S3 { .. } => 0,
            Location::Root { .. } => {
                since_1970.map_or(0, |time| i64::try_from(time.as_nanos()).unwrap_or(0))
            }
        };
        Ok(InputStamp {
            location: location.clone(),
            size_bytes: metadata.len(),
            modified_ns,
        })
    }

    /// Puts a nonce file into each root that has none and can be written; returns the nonces.
    pub fn nonces(&self) -> BTreeMap<String, String> {
        let nonce = |(name, folder): (&String, &PathBuf)| {
            Some((
                name.clone(),
                nonce::read_or_make(&folder.join(NONCE_FILE)).ok()?,
            ))
        };
        self.folders.iter().filter_map(nonce).collect()
    }

    fn parts<'a>(&self, location: &'a Location) -> Result<(PathBuf, &'a str, PathBuf), RootError> {
        match location {
            Location::Root { root, path } => {
                let folder = self.folders.get(root);
                let folder = folder.ok_or_else(|| RootError::Unknown(root.clone()))?;
                Ok((folder.clone(), root, path.into()))
            }
            Location::Upload { id, name } => {
                let uploads = self.uploads.clone().ok_or(RootError::Object)?;
                Ok((uploads, "uploads", Path::new(id).join(name)))
            }
            Location::Reference { .. } | Location::S3 { .. } => Err(RootError::Object),
        }
    }
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".into(),
        io::ErrorKind::PermissionDenied => "the server may not read it".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roots(folder: &Path) -> Roots {
        fs::create_dir_all(folder.join("data/sub")).unwrap();
        fs::write(folder.join("data/sub/a.fq"), b"x").unwrap();
        fs::write(folder.join("secret"), b"s").unwrap();
        std::os::unix::fs::symlink(folder.join("secret"), folder.join("data/leak")).unwrap();
        std::os::unix::fs::symlink(folder, folder.join("data/up")).unwrap();
        let named = BTreeMap::from([("data".to_owned(), folder.join("data"))]);
        Roots::new(&named, Some(folder.join("objects").as_path())).unwrap()
    }

    fn at(text: &str) -> Location {
        text.parse().unwrap()
    }

    #[test]
    fn files_stay_inside_their_root_after_links_are_resolved() {
        let folder = tempfile::tempdir().unwrap();
        let roots = roots(folder.path());
        assert!(roots.file(&at("root:data/sub/a.fq")).is_ok());
        assert!(matches!(
            roots.file(&at("root:data/leak")),
            Err(RootError::Outside(_))
        ));
        assert!(matches!(
            roots.file(&at("root:other/x")),
            Err(RootError::Unknown(_))
        ));
        assert!(matches!(
            roots.file(&at("root:data/sub")),
            Err(RootError::NotAFile)
        ));
    }

    #[test]
    fn folders_may_be_missing_but_not_lead_out() {
        let folder = tempfile::tempdir().unwrap();
        let roots = roots(folder.path());
        let base = folder.path().canonicalize().unwrap();
        assert_eq!(
            roots.folder(&at("root:data/new/deep")).unwrap(),
            base.join("data/new/deep")
        );
        assert!(matches!(
            roots.folder(&at("root:data/up/new")),
            Err(RootError::Outside(_))
        ));
        assert!(matches!(
            roots.folder(&at("upload:a/b")),
            Err(RootError::UploadFolder)
        ));
    }

    #[test]
    fn a_nonce_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let roots = roots(folder.path());
        let first = roots.nonces();
        assert_eq!(first.len(), 1);
        assert_eq!(first, roots.nonces());
    }
}
