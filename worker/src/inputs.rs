//! Input files: opened where this machine sees them, else streamed from the controller.
//!
//! An input may not change under a run: its size and time are compared with what admission saw,
//! when it is opened and again at its end.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use common::failure::{Failure, FailureClass};
use common::ids::Sha256;
use common::location::Location;
use common::task::InputStamp;
use object_store::{Error as StoreError, Served, Stat, stat_file};
use tokio::runtime::Handle;

use crate::cache::Cache;
use crate::error;
use crate::objects::Chunks;

/// The inputs as tasks see them.
#[derive(Clone)]
pub struct Inputs {
    /// Folders that are the controller's roots of the same names.
    pub roots: BTreeMap<String, PathBuf>,
    /// The controller's folder of uploads, when this machine sees it.
    pub uploads: Option<PathBuf>,
    /// The controller's service, for everything else.
    pub served: Option<Served>,
    /// Where fetched files lie.
    pub cache: Cache,
    /// Its threads drive `served`.
    pub runtime: Handle,
}

impl Inputs {
    /// Streams an input from a byte offset on.
    ///
    /// # Errors
    /// [`FailureClass::InputInvalid`] if it is gone or differs from `stamp`.
    pub fn open(
        &self,
        location: &Location,
        stamp: Option<&InputStamp>,
        offset: u64,
    ) -> Result<Box<dyn Read + Send>, Failure> {
        let found = self.find(location)?;
        check(location, stamp, &found.stat)?;
        let chunks = match &found.place {
            Place::Here(path) => Chunks::of_file(path, offset..u64::MAX)
                .map_err(|e| error::input(location, StoreError::of_io(location.to_string(), e)))?,
            Place::Far(served) => {
                let stream = served.read_input(location, offset..u64::MAX);
                Chunks::of_stream(&self.runtime, stream)
            }
        };
        Ok(Box::new(InputReader {
            chunks,
            inputs: self.clone(),
            location: location.clone(),
            opened: found.stat,
        }))
    }

    /// Returns the path of an input that this machine sees, or of its copy in the cache.
    ///
    /// # Errors
    /// As [`Inputs::open`], and what the disk answers.
    pub fn local(
        &self,
        location: &Location,
        stamp: Option<&InputStamp>,
    ) -> Result<PathBuf, Failure> {
        let found = self.find(location)?;
        check(location, stamp, &found.stat)?;
        match found.place {
            Place::Here(path) => Ok(path),
            Place::Far(_) => {
                let name = cache_name(location, &found.stat);
                self.cache.get(&name, found.stat.size_bytes, |file| {
                    let mut reader = self.open(location, stamp, 0)?;
                    copy(&mut reader, file)
                })
            }
        }
    }

    /// Says whether there is such an input.
    ///
    /// # Errors
    /// What storage answers, but that it is gone.
    pub fn exists(&self, location: &Location) -> Result<bool, Failure> {
        Ok(self.modified_ns(location)?.is_some())
    }

    /// Returns when an input was modified, in nanoseconds since 1970; `None` if it is gone.
    ///
    /// # Errors
    /// What storage answers, but that it is gone.
    pub fn modified_ns(&self, location: &Location) -> Result<Option<i64>, Failure> {
        match self.stat(location) {
            Ok(stat) => Ok(Some(stat.modified_ns)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(fault) => Err(error::input(location, fault)),
        }
    }

    fn find(&self, location: &Location) -> Result<Found, Failure> {
        self.look_up(location)
            .map_err(|fault| error::input(location, fault))
    }

    fn stat(&self, location: &Location) -> Result<Stat, StoreError> {
        self.look_up(location).map(|found| found.stat)
    }

    fn look_up(&self, location: &Location) -> Result<Found, StoreError> {
        if let Some((folder, path)) = self.path_here(location) {
            let fault = |e| StoreError::of_io(location.to_string(), e);
            let path = below(&folder, &path, location)?;
            let file = File::open(&path).map_err(fault)?;
            let stat = stat_file(&file).map_err(fault)?;
            return Ok(Found {
                stat,
                place: Place::Here(path),
            });
        }
        let Some(served) = &self.served else {
            return Err(StoreError::NotFound {
                key: location.to_string(),
            });
        };
        let stat = self.runtime.block_on(served.stat_input(location))?;
        Ok(Found {
            stat,
            place: Place::Far(Box::new(served.clone())),
        })
    }

    fn path_here(&self, location: &Location) -> Option<(PathBuf, PathBuf)> {
        match location {
            Location::Root { root, path } => {
                let folder = self.roots.get(root)?;
                Some((folder.clone(), folder.join(path)))
            }
            Location::Upload { id, name } => {
                let folder = self.uploads.as_ref()?;
                Some((folder.clone(), folder.join(id).join(name)))
            }
        }
    }
}

struct Found {
    stat: Stat,
    place: Place,
}

enum Place {
    Here(PathBuf),
    Far(Box<Served>),
}

/// Resolves symbolic links; a path that leads out of its folder is refused.
fn below(folder: &Path, path: &Path, location: &Location) -> Result<PathBuf, StoreError> {
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

/// Compares what is there with what admission saw.
fn check(location: &Location, stamp: Option<&InputStamp>, stat: &Stat) -> Result<(), Failure> {
    let Some(stamp) = stamp else { return Ok(()) };
    // Uploads never change, so admission notes no time for them.
    let same_time = stamp.modified_ns == 0 || stamp.modified_ns == stat.modified_ns;
    if stamp.size_bytes == stat.size_bytes && same_time {
        return Ok(());
    }
    Err(changed(location))
}

fn changed(location: &Location) -> Failure {
    Failure::input(
        location.to_string(),
        "the file changed after it was submitted",
    )
}

/// Names a copy so that another file, or another version of it, gets another name.
fn cache_name(location: &Location, stat: &Stat) -> String {
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

/// Copies a reader into a file.
pub(crate) fn copy(reader: &mut dyn Read, file: &mut File) -> Result<(), Failure> {
    let mut buffer = vec![0; object_store::CHUNK_BYTES];
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => continue,
            Err(fault) => return Err(error::storage(&fault)),
        };
        file.write_all(&buffer[..count])
            .map_err(|e| error::storage(&e))?;
    }
}

struct InputReader {
    chunks: Chunks,
    inputs: Inputs,
    location: Location,
    opened: Stat,
}

impl Read for InputReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let location = &self.location;
        let count = self
            .chunks
            .read(buffer, |fault| error::input(location, fault))?;
        if count == 0 && !buffer.is_empty() {
            let now = self.inputs.find(location).map_err(error::into_io)?;
            if now.stat != self.opened {
                return Err(error::into_io(changed(location)));
            }
        }
        Ok(count)
    }
}

impl Inputs {
    /// Makes the error of an index that is neither an output nor beside its reference.
    pub(crate) fn missing(location: &Location) -> Failure {
        let message = format!("{location} is missing: no stage made it and none lies there");
        Failure::new(FailureClass::IntermediateLost, message)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio::runtime::Runtime;

    use super::*;

    struct Fixture {
        folder: tempfile::TempDir,
        inputs: Inputs,
        _runtime: Runtime,
    }

    fn fixture() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x.fq"), "reads").unwrap();
        let runtime = Runtime::new().unwrap();
        let inputs = Inputs {
            roots: BTreeMap::from([("d".into(), folder.path().into())]),
            uploads: None,
            served: None,
            cache: Cache::new(folder.path().join("cache"), 100),
            runtime: runtime.handle().clone(),
        };
        Fixture {
            folder,
            inputs,
            _runtime: runtime,
        }
    }

    fn at(text: &str) -> Location {
        text.parse().unwrap()
    }

    #[test]
    fn an_input_is_read_from_an_offset() {
        let fixture = fixture();
        let mut text = String::new();
        let mut reader = fixture.inputs.open(&at("root:d/x.fq"), None, 2).unwrap();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "ads");
    }

    #[test]
    fn a_file_that_is_not_the_admitted_one_is_invalid() {
        let fixture = fixture();
        let location = at("root:d/x.fq");
        let Stat {
            size_bytes,
            modified_ns,
        } = fixture.inputs.stat(&location).unwrap();
        let stamp = InputStamp {
            location: location.clone(),
            size_bytes,
            modified_ns,
        };
        assert!(fixture.inputs.local(&location, Some(&stamp)).is_ok());
        let cases = [
            InputStamp {
                size_bytes: 4,
                ..stamp.clone()
            },
            InputStamp {
                modified_ns: 5,
                ..stamp.clone()
            },
        ];
        for stamp in cases {
            let failure = fixture.inputs.local(&location, Some(&stamp)).unwrap_err();
            assert_eq!(failure.class, FailureClass::InputInvalid);
        }
        let untimed = InputStamp {
            modified_ns: 0,
            ..stamp
        };
        assert!(fixture.inputs.local(&location, Some(&untimed)).is_ok());
    }

    #[test]
    fn a_file_that_grows_while_it_is_read_is_invalid() {
        let fixture = fixture();
        let mut reader = fixture.inputs.open(&at("root:d/x.fq"), None, 0).unwrap();
        fs::write(fixture.folder.path().join("x.fq"), "other reads").unwrap();
        let mut text = String::new();
        let fault = reader.read_to_string(&mut text).unwrap_err();
        assert_eq!(error::storage(&fault).class, FailureClass::InputInvalid);
    }

    #[test]
    fn links_out_of_a_root_and_missing_files_are_invalid() {
        let fixture = fixture();
        std::os::unix::fs::symlink("/etc/hosts", fixture.folder.path().join("out")).unwrap();
        for text in ["root:d/out", "root:d/none", "root:other/x"] {
            let failure = fixture.inputs.local(&at(text), None).unwrap_err();
            assert_eq!(failure.class, FailureClass::InputInvalid, "{text}");
        }
        assert!(!fixture.inputs.exists(&at("root:d/none")).unwrap());
        assert!(fixture.inputs.exists(&at("root:d/x.fq")).unwrap());
    }
}
