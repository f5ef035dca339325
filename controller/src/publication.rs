//! Final files appear: by hard link or by copy and rename, synced, each whole or not at all.
//!
//! Blocking. Data come first, then their indexes, then `SAMPLE.manifest.json`: a genome whose
//! manifest is there is complete. A repeated publication knows the files that it made before.

pub mod bucket;
mod error;

pub use error::PublicationError;

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use common::ids::Sha256;
use object_store::{BlockingReader, Key, ObjectStore, S3, WHOLE};
use sha2::Digest;
use tokio::runtime;

use crate::core::state::OutputFile;
use crate::guard::Guard;

/// A file that is to appear.
#[derive(Debug, Clone)]
pub struct Target {
    /// Under this name and digest.
    pub file: OutputFile,
    /// Its bytes.
    pub source: Source,
}

/// Where a target's bytes are.
#[derive(Debug, Clone)]
pub enum Source {
    /// In this file of the object folder.
    Object(PathBuf),
    /// In this object of S3.
    Stored(Stored),
    /// Here.
    Bytes(Vec<u8>),
}

/// An object of S3.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The store.
    pub store: S3,
    /// Its key.
    pub key: Key,
    /// Drives the requests.
    pub runtime: runtime::Handle,
}

impl Source {
    /// Opens the bytes.
    ///
    /// # Errors
    /// What the system or the server answers.
    pub fn reader(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(match self {
            Self::Object(path) => Box::new(File::open(path)?),
            Self::Bytes(bytes) => Box::new(&bytes[..]),
            Self::Stored(Stored {
                store,
                key,
                runtime,
            }) => {
                let stream = runtime.block_on(store.read(key, WHOLE))?;
                Box::new(BlockingReader::new(runtime.clone(), stream))
            }
        })
    }
}

/// Returns targets in the order in which they appear: data, then indexes, then the manifest of all,
/// which gets this name and place.
pub fn in_order(mut targets: Vec<Target>, name: String, uri: String) -> Vec<Target> {
    order(&mut targets);
    let manifest = manifest(name, uri, &targets);
    match Guard::PublishOrder.stands() {
        true => targets.push(manifest),
        false => targets.insert(0, manifest),
    }
    targets
}

/// Sorts targets: data, then indexes.
fn order(targets: &mut [Target]) {
    let is_index = |name: &str| {
        [".bai", ".csi", ".tbi", ".crai"]
            .iter()
            .any(|ending| name.ends_with(ending))
    };
    targets.sort_by(|a, b| {
        let rank = |target: &Target| is_index(&target.file.name);
        (rank(a), &a.file.name).cmp(&(rank(b), &b.file.name))
    });
}

/// Makes the target that comes last: names, sizes and digests of all others.
fn manifest(name: String, uri: String, targets: &[Target]) -> Target {
    let files: Vec<serde_json::Value> = targets
        .iter()
        .map(|Target { file, .. }| {
            serde_json::json!({
                "name": file.name,
                "size_bytes": file.size_bytes,
                "sha256": file.sha256,
            })
        })
        .collect();
    let mut text = format!("{:#}", serde_json::json!({ "files": files }));
    text.push('\n');
    Target {
        file: OutputFile {
            name,
            uri,
            size_bytes: text.len() as u64,
            sha256: Sha256::of(text.as_bytes()).to_string(),
        },
        source: Source::Bytes(text.into_bytes()),
    }
}

/// Makes all targets appear in a folder, in order.
///
/// # Errors
/// [`PublicationError`]; what appeared before stays, and is known again by the next try.
pub fn publish(folder: &Path, targets: &[Target], overwrite: bool) -> Result<(), PublicationError> {
    make_folder(folder).map_err(at(folder))?;
    for target in targets {
        let last = folder.join(&target.file.name);
        if !is_there(&last, target)? {
            appear(&last, target, overwrite)?;
        }
        sync_folder(folder).map_err(at(folder))?;
    }
    Ok(())
}

fn appear(last: &Path, target: &Target, overwrite: bool) -> Result<(), PublicationError> {
    let partial = with_prefix(last, ".spindle-partial-");
    remove(&partial).map_err(at(&partial))?;
    match &target.source {
        Source::Object(object) => {
            check_size(object, target.file.size_bytes)?;
            link_or_copy(object, &partial).map_err(at(&partial))?;
        }
        Source::Stored(_) => {
            let mut reader = target.source.reader().map_err(at(&partial))?;
            write(&partial, &mut *reader).map_err(at(&partial))?;
            if digest_of(&partial).map_err(at(&partial))? != target.file.sha256 {
                return Err(PublicationError::Digest(target.file.name.clone()));
            }
        }
        Source::Bytes(bytes) => write(&partial, &mut &bytes[..]).map_err(at(&partial))?,
    }
    let placed = if overwrite {
        fs::rename(&partial, last)
    } else {
        fs::hard_link(&partial, last).and_then(|()| fs::remove_file(&partial))
    };
    match placed {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            remove(&partial).map_err(at(&partial))?;
            Err(PublicationError::Taken(last.into()))
        }
        Err(error) if !overwrite && last.symlink_metadata().is_err() => {
            tracing::debug!(%error, "no hard links here: claiming the name by an empty file");
            claim(&partial, last)
        }
        placed => placed.map_err(at(last)),
    }
}

/// For file systems without hard links: an empty file takes the name, then is replaced.
fn claim(partial: &Path, last: &Path) -> Result<(), PublicationError> {
    match File::create_new(last) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(PublicationError::Taken(last.into()));
        }
        created => drop(created.map_err(at(last))?),
    }
    fs::rename(partial, last).map_err(at(last))
}

/// Says whether the file is there already: the same inode, or the same bytes.
fn is_there(last: &Path, target: &Target) -> Result<bool, PublicationError> {
    let found = match last.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        found => found.map_err(at(last))?,
    };
    if !found.is_file() || found.len() != target.file.size_bytes {
        return Ok(false);
    }
    match &target.source {
        Source::Bytes(bytes) => Ok(fs::read(last).map_err(at(last))? == *bytes),
        Source::Stored(_) => Ok(digest_of(last).map_err(at(last))? == target.file.sha256),
        Source::Object(object) => {
            let own = object.metadata().map_err(at(object))?;
            let same_inode = (own.dev(), own.ino()) == (found.dev(), found.ino());
            Ok(same_inode || same_bytes(object, last).map_err(at(last))?)
        }
    }
}

fn digest_of(path: &Path) -> io::Result<String> {
    let mut digest = sha2::Sha256::new();
    io::copy(&mut File::open(path)?, &mut digest)?;
    Ok(Sha256(digest.finalize().into()).to_string())
}

fn same_bytes(one: &Path, other: &Path) -> io::Result<bool> {
    let open = |path: &Path| Ok::<_, io::Error>(BufReader::new(File::open(path)?));
    let (mut one, mut other) = (open(one)?, open(other)?);
    let (mut chunk1, mut chunk2) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let read = one.read(&mut chunk1)?;
        if read == 0 {
            return Ok(other.read(&mut chunk2)? == 0);
        }
        match other.read_exact(&mut chunk2[..read]) {
            Ok(()) if chunk1[..read] == chunk2[..read] => {}
            Ok(()) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

fn check_size(object: &Path, expected: u64) -> Result<(), PublicationError> {
    let found = object.metadata().map_err(at(object))?.len();
    if found == expected {
        return Ok(());
    }
    Err(PublicationError::Object {
        path: object.into(),
        found,
        expected,
    })
}

/// Gives a file a second name, or copies it where that is impossible; synced.
fn link_or_copy(object: &Path, partial: &Path) -> io::Result<()> {
    if fs::hard_link(object, partial).is_err() {
        return write(partial, &mut File::open(object)?);
    }
    let file = File::open(partial)?;
    let folder = partial.parent().unwrap_or(Path::new("."));
    file.set_permissions(mode_of_new_file(folder)?)?;
    file.sync_all()
}

fn write(path: &Path, bytes: &mut dyn Read) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    io::copy(bytes, &mut file)?;
    file.flush()?;
    file.sync_all()
}

/// Returns what the process's umask gives a new file: objects are private, outputs are not.
fn mode_of_new_file(folder: &Path) -> io::Result<Permissions> {
    let path = folder.join(format!(".spindle-mode-{}", ulid::Ulid::new()));
    let permissions = File::create_new(&path)?.metadata()?.permissions();
    fs::remove_file(&path)?;
    Ok(permissions)
}

/// Makes a folder and syncs the names of all that it had to make.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make_folder(parent)?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        sync_folder(parent)?;
    }
    Ok(())
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn with_prefix(path: &Path, prefix: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{prefix}{name}"))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> PublicationError {
    let path = path.to_owned();
    move |source| PublicationError::Io { path, source }
}

/// Puts an index beside its reference, if the folder can be written.
///
/// # Errors
/// What the system said; nothing is left behind then.
pub fn install(index: &mut dyn Read, beside: &Path) -> io::Result<()> {
    let partial = with_prefix(beside, ".spindle-partial-");
    remove(&partial)?;
    let placed = write(&partial, index)
        .and_then(|()| fs::rename(&partial, beside))
        .and_then(|()| sync_folder(beside.parent().unwrap_or(Path::new("/"))));
    if placed.is_err() {
        let _ = fs::remove_file(&partial);
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::failure::{Failure, FailureClass};

    fn target(folder: &Path, name: &str, bytes: &[u8]) -> Target {
        let object = folder.join(format!("object-{name}"));
        fs::write(&object, bytes).unwrap();
        Target {
            file: OutputFile {
                name: name.into(),
                uri: String::new(),
                size_bytes: bytes.len() as u64,
                sha256: Sha256::of(bytes).to_string(),
            },
            source: Source::Object(object),
        }
    }

    #[test]
    fn a_repeated_publication_knows_its_own_files() {
        let folder = tempfile::tempdir().unwrap();
        let targets = vec![
            target(folder.path(), "S.bam.bai", b"index"),
            target(folder.path(), "S.bam", b"data"),
        ];
        let targets = in_order(targets, "S.manifest.json".into(), String::new());
        let names: Vec<&str> = targets.iter().map(|t| t.file.name.as_str()).collect();
        assert_eq!(names, ["S.bam", "S.bam.bai", "S.manifest.json"]);
        let out = folder.path().join("a/b");
        publish(&out, &targets[..1], false).unwrap();
        fs::copy(
            folder.path().join("object-S.bam.bai"),
            out.join("S.bam.bai"),
        )
        .unwrap();
        publish(&out, &targets, false).unwrap();
        publish(&out, &targets, false).unwrap();
        assert_eq!(fs::read(out.join("S.bam")).unwrap(), b"data");
        assert_eq!(fs::read_dir(&out).unwrap().count(), 3);
    }

    #[test]
    fn files_of_others_are_replaced_only_when_that_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let targets = [target(folder.path(), "S.bam", b"data")];
        let out = folder.path().join("out");
        fs::create_dir(&out).unwrap();
        fs::write(out.join("S.bam"), b"else").unwrap();
        let refused = publish(&out, &targets, false);
        assert!(matches!(refused, Err(PublicationError::Taken(_))));
        assert_eq!(fs::read(out.join("S.bam")).unwrap(), b"else");
        publish(&out, &targets, true).unwrap();
        assert_eq!(fs::read(out.join("S.bam")).unwrap(), b"data");
        assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
    }

    #[test]
    fn an_object_of_another_size_is_an_intermediate_lost() {
        let folder = tempfile::tempdir().unwrap();
        let mut cut = target(folder.path(), "S.bam", b"data");
        cut.file.size_bytes = 5;
        let error = publish(&folder.path().join("out"), &[cut], false).unwrap_err();
        assert_eq!(Failure::from(error).class, FailureClass::IntermediateLost);
    }
}
