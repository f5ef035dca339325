//! Where final files go: a folder of this machine, or below a prefix of a bucket.

use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use common::ids::WorkflowId;
use common::location::Location;
use common::workflow::{Work, WorkflowSpec};
use object_store::s3::{Bucket, Tags};
use object_store::{Error, ObjectWriter, Stat};
use tokio::runtime;

use crate::inputs::Inputs;
use crate::objects::Objects;
use crate::roots::RootError;

/// Where final files go.
#[derive(Debug, Clone)]
pub enum Destination {
    /// Into this folder, which need not exist yet.
    Folder(PathBuf),
    /// Below a prefix of a bucket.
    Bucket(Below),
}

/// Names below a prefix of a bucket. Blocking.
#[derive(Debug, Clone)]
pub struct Below {
    /// The bucket.
    pub bucket: Bucket,
    prefix: String,
    /// Whether it is reached with a login of the submission, which does not see the server's objects.
    pub by_login: bool,
    /// Drives the requests.
    pub runtime: runtime::Handle,
}

impl Destination {
    /// Says whether a name is taken.
    ///
    /// # Errors
    /// What the server answers.
    pub fn holds(&self, name: &str) -> io::Result<bool> {
        match self {
            Self::Folder(folder) => Ok(folder.join(name).symlink_metadata().is_ok()),
            Self::Bucket(below) => Ok(below.look(name)?.is_some()),
        }
    }
}

impl Below {
    /// Returns the full name of an object.
    pub fn full(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    /// Returns the location of an object.
    pub fn location(&self, name: &str) -> Location {
        Location::S3 {
            bucket: self.bucket.name().to_owned(),
            key: self.full(name),
        }
    }

    /// Returns what is known of an object; `None`: there is none.
    ///
    /// # Errors
    /// What the server answers.
    pub fn look(&self, name: &str) -> Result<Option<(Stat, Tags)>, Error> {
        match self.runtime.block_on(self.bucket.look(&self.full(name))) {
            Ok(found) => Ok(Some(found)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes an object and removes it again.
    ///
    /// # Errors
    /// What the server answers.
    pub fn try_name(&self, name: &str) -> Result<(), Error> {
        let name = self.full(name);
        self.runtime.block_on(async {
            let mut writer = Box::new(self.bucket.writer(&name));
            writer.write(Bytes::from_static(b"trial")).await?;
            writer.commit().await?;
            self.bucket.delete(&name).await
        })
    }
}

impl Inputs {
    /// Returns where a prefix of outputs leads.
    ///
    /// # Errors
    /// [`RootError`] if it leads where outputs may not go.
    pub fn destination(&self, prefix: &Location) -> Result<Destination, RootError> {
        match prefix {
            Location::S3 { bucket, key } => {
                let (bucket, prefix) = self.in_bucket(bucket, key)?;
                Ok(Destination::Bucket(Below {
                    bucket,
                    prefix,
                    by_login: self.is_by_login(),
                    runtime: self.runtime().clone(),
                }))
            }
            Location::Root { .. } | Location::Upload { .. } | Location::Reference { .. } => {
                Ok(Destination::Folder(self.roots.folder(prefix)?))
            }
        }
    }

    /// Returns where the outputs of a workflow go: to the client's place, or the server's own.
    ///
    /// # Errors
    /// [`RootError`] if the client's leads where outputs may not go.
    pub fn output_folder(
        &self,
        workflow: &WorkflowId,
        spec: &WorkflowSpec,
    ) -> Result<Destination, RootError> {
        if let Work::Genome(genome) = &spec.work
            && let Some(prefix) = &genome.output_prefix
        {
            return match self.of(&genome.s3)? {
                Some(theirs) => theirs.destination(prefix),
                None => self.destination(prefix),
            };
        }
        match self.objects() {
            Objects::Folder(local) => {
                let folder = local.root().join("outputs").join(workflow.as_str());
                Ok(Destination::Folder(folder))
            }
            Objects::S3(store) => {
                let key = format!("outputs/{workflow}").parse();
                let place = store.place(&key.map_err(|_| RootError::NotAFile)?);
                Ok(Destination::Bucket(Below {
                    bucket: store.bucket().clone(),
                    prefix: place.key,
                    by_login: false,
                    runtime: self.runtime().clone(),
                }))
            }
        }
    }

    /// Returns what tells two places of outputs apart.
    pub fn output_name(&self, prefix: &Location) -> Option<PathBuf> {
        match prefix {
            Location::S3 { .. } => Some(prefix.to_string().into()),
            _ => self.roots.folder(prefix).ok(),
        }
    }
}
