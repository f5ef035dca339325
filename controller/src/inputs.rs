//! The inputs of submissions wherever they are: below a root, uploaded, or in S3.
//!
//! Blocking, on threads that are no runtime's own.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use common::location::Location;
use common::s3_login::S3Access;
use common::task::InputStamp;
use object_store::s3::{Bucket, Environment};
use object_store::{BlockingReader, Key, Stat, WHOLE};
use tokio::runtime;

use crate::objects::Objects;
use crate::roots::{RootError, Roots};
use crate::sealing::{self, Sealer};

/// Finds and opens inputs.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The folders that may be named.
    pub roots: Roots,
    objects: Objects,
    s3: Environment,
    runtime: runtime::Handle,
    sealer: Option<Sealer>,
    /// Whether S3 is reached with a login of a submission.
    by_login: bool,
}

/// Bytes that are there.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file of this machine.
    File(PathBuf),
    /// An object.
    Object(Object),
}

/// An object of S3.
#[derive(Debug, Clone)]
pub struct Object {
    bucket: Bucket,
    key: String,
    stat: Stat,
    runtime: runtime::Handle,
}

/// Which version of which input: the same text, the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version(String);

impl Inputs {
    /// Finds inputs below roots, among the objects, and in S3 as the environment reaches it.
    pub const fn new(
        roots: Roots,
        objects: Objects,
        s3: Environment,
        runtime: runtime::Handle,
    ) -> Self {
        Self {
            roots,
            objects,
            s3,
            runtime,
            sealer: None,
            by_login: false,
        }
    }

    /// Opens logins that came with submissions.
    #[must_use]
    pub fn with_sealer(mut self, sealer: Option<Sealer>) -> Self {
        self.sealer = sealer;
        self
    }

    /// Returns what opens logins.
    pub const fn sealer(&self) -> Option<&Sealer> {
        self.sealer.as_ref()
    }

    /// Returns the inputs of whoever has another access to S3; `None`: these are the ones.
    ///
    /// # Errors
    /// [`RootError::Login`] if the access cannot be opened.
    pub fn of(&self, access: &S3Access) -> Result<Option<Self>, RootError> {
        let login = sealing::login(self.sealer.as_ref(), access)?;
        Ok(login.map(|login| Self {
            s3: self.s3.by(&login),
            by_login: true,
            ..self.clone()
        }))
    }

    /// Says whether S3 is reached with a login of a submission.
    pub const fn is_by_login(&self) -> bool {
        self.by_login
    }

    /// Finds an input that is there.
    ///
    /// # Errors
    /// [`RootError`] if it is missing or may not be named.
    pub fn find(&self, location: &Location) -> Result<Source, RootError> {
        let (bucket, key) = match (location, &self.objects) {
            (Location::S3 { bucket, key }, _) => self.in_bucket(bucket, key)?,
            (Location::Upload { .. } | Location::Reference { .. }, Objects::S3(store)) => {
                let place = store.place(&key_of(location)?);
                (store.bucket().clone(), place.key)
            }
            (Location::Reference { .. }, Objects::Folder(local)) => {
                let path = local.root().join(key_of(location)?.as_str());
                if !path.metadata()?.is_file() {
                    return Err(RootError::NotAFile);
                }
                return Ok(Source::File(path));
            }
            _ => return Ok(Source::File(self.roots.file(location)?)),
        };
        let stat = self.runtime.block_on(bucket.stat(&key));
        Ok(Source::Object(Object {
            stat: stat.map_err(io::Error::from)?,
            bucket,
            key,
            runtime: self.runtime.clone(),
        }))
    }

    /// Finds an input and notes its size and version. What the server keeps never
    /// changes: its time is 0.
    ///
    /// # Errors
    /// [`RootError`] if it is missing or may not be named.
    pub fn stamped(&self, location: &Location) -> Result<(Source, InputStamp), RootError> {
        let source = self.find(location)?;
        let stamp = match &source {
            Source::File(path) if matches!(location, Location::Reference { .. }) => InputStamp {
                location: location.clone(),
                size_bytes: path.metadata().map_err(RootError::Io)?.len(),
                modified_ns: 0,
            },
            Source::File(_) => self.roots.stamp(location)?,
            Source::Object(object) => InputStamp {
                location: location.clone(),
                size_bytes: object.stat.size_bytes,
                modified_ns: match location {
                    Location::Upload { .. } | Location::Reference { .. } => 0,
                    _ => object.stat.modified_ns,
                },
            },
        };
        Ok((source, stamp))
    }

    /// Returns a bucket and a name in it that submissions may use: nothing of the server's own.
    ///
    /// # Errors
    /// [`RootError::Private`].
    pub fn in_bucket(&self, bucket: &str, key: &str) -> Result<(Bucket, String), RootError> {
        if let Objects::S3(store) = &self.objects
            && store.holds(bucket, key)
        {
            return Err(RootError::Private);
        }
        let bucket = self.runtime.block_on(self.s3.bucket(bucket));
        Ok((bucket, key.to_owned()))
    }
}

impl Inputs {
    /// Returns what drives requests.
    pub const fn runtime(&self) -> &runtime::Handle {
        &self.runtime
    }

    /// Returns the objects.
    pub const fn objects(&self) -> &Objects {
        &self.objects
    }
}

impl Source {
    /// Opens the bytes from the first one on.
    ///
    /// # Errors
    /// What the system or the server answers.
    pub fn reader(&self) -> io::Result<Box<dyn Read + Send>> {
        match self {
            Self::File(path) => Ok(Box::new(File::open(path)?)),
            Self::Object(object) => Ok(Box::new(object.range(WHOLE)?)),
        }
    }

    /// Reads the first bytes, fewer if there are no more.
    ///
    /// # Errors
    /// What the system or the server answers.
    pub fn head(&self, count: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self {
            Self::File(path) => File::open(path)?.take(count).read_to_end(&mut bytes)?,
            Self::Object(object) => object.range(0..count)?.read_to_end(&mut bytes)?,
        };
        Ok(bytes)
    }

    /// Reads the last bytes, fewer if there are no more.
    ///
    /// # Errors
    /// What the system or the server answers.
    pub fn tail(&self, count: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self {
            Self::File(path) => {
                let mut file = File::open(path)?;
                let start = file.metadata()?.len().saturating_sub(count);
                file.seek(SeekFrom::Start(start))?;
                file.read_to_end(&mut bytes)?;
            }
            Self::Object(object) => {
                let end = object.stat.size_bytes;
                let range = end.saturating_sub(count)..end;
                object.range(range)?.read_to_end(&mut bytes)?;
            }
        }
        Ok(bytes)
    }

    /// Returns when it changed last, in nanoseconds since 1970.
    ///
    /// # Errors
    /// What the system answers.
    pub fn changed_ns(&self) -> io::Result<i64> {
        const SECOND: i64 = 1_000_000_000;
        Ok(match self {
            Self::File(path) => {
                let data = fs::metadata(path)?;
                data.ctime().saturating_mul(SECOND) + data.ctime_nsec()
            }
            Self::Object(object) => object.stat.modified_ns,
        })
    }

    /// Returns which version this is.
    ///
    /// # Errors
    /// What the system answers.
    pub fn version(&self) -> io::Result<Version> {
        let (name, size, modified) = match self {
            Self::File(path) => {
                let data = fs::metadata(path)?;
                // Whoever sets the time of the bytes cannot set that of the change.
                let (modified, changed) = (data.mtime(), data.ctime());
                let parts = (data.mtime_nsec(), data.ctime_nsec(), data.ino());
                let modified = format!("{modified} {changed} {parts:?}");
                (path.display().to_string(), data.len(), modified)
            }
            Self::Object(object) => {
                let name = format!("{}/{}", object.bucket.name(), object.key);
                let Stat {
                    size_bytes,
                    modified_ns,
                } = object.stat;
                (name, size_bytes, modified_ns.to_string())
            }
        };
        Ok(Version(format!("{name}\n{size}\n{modified}")))
    }
}

/// Returns the key of a file that the server keeps.
fn key_of(location: &Location) -> Result<Key, RootError> {
    let key = location.object_key().and_then(|key| key.parse().ok());
    key.ok_or(RootError::NotAFile)
}

impl Object {
    fn range(&self, range: Range<u64>) -> io::Result<BlockingReader> {
        let stream = self.runtime.block_on(self.bucket.read(&self.key, range))?;
        Ok(BlockingReader::new(self.runtime.clone(), stream))
    }
}

impl From<&Path> for Source {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<&PathBuf> for Source {
    fn from(path: &PathBuf) -> Self {
        Self::File(path.clone())
    }
}

impl From<&Self> for Source {
    fn from(source: &Self) -> Self {
        source.clone()
    }
}
