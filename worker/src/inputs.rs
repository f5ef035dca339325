//! Input files: opened where this machine sees them, else streamed from the controller.
//!
//! An input may not change under a run: its size and time are compared with what admission saw,
//! when it is opened and again at its end.

mod names;
mod readers;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use common::failure::{Failure, FailureClass};
use common::ids::Sha256;
use common::location::Location;
use common::reference::{Bundle, MANIFEST};
use common::s3_login::S3Access;
use common::task::InputStamp;
use object_store::s3::{Bucket, Environment};
use object_store::{Error as StoreError, S3, Served, Stat, stat_file};
use tokio::runtime::Handle;

use crate::cache::Cache;
use crate::error;
use crate::objects::Chunks;
use names::{below, cache_name};
use readers::{Digesting, InputReader};

pub(crate) use readers::copy;

/// The inputs as tasks see them.
#[derive(Clone)]
pub struct Inputs {
    /// Folders that are the controller's roots of the same names.
    pub roots: BTreeMap<String, PathBuf>,
    /// Where the files are that the server keeps: uploads and references.
    pub kept: Kept,
    /// The way to inputs in S3, by this machine's own environment.
    pub s3: Environment,
    /// The controller's service, for everything else.
    pub served: Option<Served>,
    /// Where fetched files lie.
    pub cache: Cache,
    /// Its threads drive `served`.
    pub runtime: Handle,
}

/// Where the files are that the server keeps.
#[derive(Clone)]
pub enum Kept {
    /// With the controller, which serves them.
    Served,
    /// Among the objects, in a folder that this machine sees.
    Folder(PathBuf),
    /// Among the objects, in S3.
    S3(S3),
}

impl Inputs {
    /// Returns the inputs of a genome that has another access to S3; `None`: these are the ones.
    ///
    /// # Errors
    /// [`FailureClass::CredentialsExpired`] if the controller could not open its login.
    pub fn of(&self, access: &S3Access) -> Result<Option<Self>, Failure> {
        match access {
            S3Access::Own => Ok(None),
            S3Access::Given(login) => Ok(Some(Self {
                s3: self.s3.by(login),
                ..self.clone()
            })),
            S3Access::Sealed(_) => Err(Failure::new(
                FailureClass::CredentialsExpired,
                "the controller cannot open the login to S3 of this genome",
            )),
        }
    }

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
            Place::S3(bucket, key) => {
                let stream = self.runtime.block_on(bucket.read(key, offset..u64::MAX));
                let stream = stream.map_err(|fault| error::input(location, fault))?;
                Chunks::of_stream(&self.runtime, stream)
            }
        };
        let reader = InputReader::new(self.clone(), location.clone(), (chunks, found.stat));
        Ok(Box::new(reader))
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
        self.local_of(location, stamp, found)
    }

    /// As [`Inputs::local`]; `None` if there is no such input.
    ///
    /// # Errors
    /// As [`Inputs::local`], but that it is gone.
    pub fn local_if_there(
        &self,
        location: &Location,
        stamp: Option<&InputStamp>,
    ) -> Result<Option<PathBuf>, Failure> {
        match self.look_up(location) {
            Ok(found) => self.local_of(location, stamp, found).map(Some),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(fault) => Err(error::input(location, fault)),
        }
    }

    fn local_of(
        &self,
        location: &Location,
        stamp: Option<&InputStamp>,
        found: Found,
    ) -> Result<PathBuf, Failure> {
        check(location, stamp, &found.stat)?;
        match found.place {
            Place::Here(path) => Ok(path),
            Place::Far(_) | Place::S3(..) => {
                let name = cache_name(location, &found.stat);
                self.cache.get(&name, found.stat.size_bytes, |file| {
                    let mut reader = self.open(location, stamp, 0)?;
                    // Only of references there is a digest to compare with.
                    if !matches!(location, Location::Reference { .. }) {
                        return copy(&mut reader, file);
                    }
                    let mut digesting = Digesting::new(&mut reader);
                    copy(&mut digesting, file)?;
                    self.check_bundle(location, digesting.finish())
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

    /// Compares a fetched file of a reference with the manifest of its version.
    fn check_bundle(&self, location: &Location, found: Sha256) -> Result<(), Failure> {
        let Location::Reference {
            name,
            version,
            file,
        } = location
        else {
            return Ok(());
        };
        let manifest = Location::Reference {
            name: name.clone(),
            version: version.clone(),
            file: MANIFEST.to_owned(),
        };
        let bundle = self.open(&manifest, None, 0)?;
        let bundle: Bundle = serde_json::from_reader(bundle).map_err(|fault| {
            let message = format!("{manifest} is no manifest: {fault}");
            Failure::new(FailureClass::StorageTransient, message)
        })?;
        let expected = bundle.file(file).map(|file| file.sha256.clone());
        if expected == Some(found.to_string()) {
            return Ok(());
        }
        let message = format!("{location} came with digest {found}, not {expected:?}");
        Err(Failure::new(FailureClass::StorageTransient, message))
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
        if let Some((bucket, key)) = self.in_s3(location)? {
            let stat = self.runtime.block_on(bucket.stat(&key))?;
            return Ok(Found {
                stat,
                place: Place::S3(Box::new(bucket), key),
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
            Location::Upload { .. } | Location::Reference { .. } => match &self.kept {
                Kept::Folder(folder) => Some((folder.clone(), folder.join(location.object_key()?))),
                Kept::Served | Kept::S3(_) => None,
            },
            Location::S3 { .. } => None,
        }
    }

    fn in_s3(&self, location: &Location) -> Result<Option<(Bucket, String)>, StoreError> {
        if let Location::S3 { bucket, key } = location {
            let bucket = self.runtime.block_on(self.s3.bucket(bucket));
            return Ok(Some((bucket, key.clone())));
        }
        match (location.object_key(), &self.kept) {
            (Some(key), Kept::S3(store)) => {
                let place = store.place(&key.parse()?);
                Ok(Some((store.bucket().clone(), place.key)))
            }
            _ => Ok(None),
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
    S3(Box<Bucket>, String),
}

/// Compares what is there with what admission saw.
fn check(location: &Location, stamp: Option<&InputStamp>, stat: &Stat) -> Result<(), Failure> {
    let Some(stamp) = stamp else { return Ok(()) };
    // What the server keeps never changes, so admission notes no time for them.
    let same_time = stamp.modified_ns == 0 || stamp.modified_ns == stat.modified_ns;
    if stamp.size_bytes == stat.size_bytes && same_time {
        return Ok(());
    }
    Err(changed(location))
}

fn changed(location: &Location) -> Failure {
    Failure::input(location.to_string(), error::CHANGED)
}

impl Inputs {
    /// Makes the error of an index that is neither an output nor beside its reference.
    pub(crate) fn missing(location: &Location) -> Failure {
        let message = format!("{location} is missing: no stage made it and none lies there");
        Failure::new(FailureClass::IntermediateLost, message)
    }
}

#[cfg(test)]
mod tests;
