//! Why a file could not be published.

use std::io;
use std::path::PathBuf;

use common::failure::{Failure, FailureClass};

/// Why a file could not appear.
#[derive(Debug, thiserror::Error)]
pub enum PublicationError {
    /// Another file has the name.
    #[error("{} exists; it is replaced only if overwrite is asked for", .0.display())]
    Taken(PathBuf),
    /// The object is not what its manifest says.
    #[error("object {} has {found} bytes, not {expected}", .path.display())]
    Object {
        /// Its path.
        path: PathBuf,
        /// Size on disk.
        found: u64,
        /// Size in the manifest.
        expected: u64,
    },
    /// The object does not have the digest that its manifest says.
    #[error("object of {0} is not what its manifest says")]
    Digest(String),
    /// The server's answer.
    #[error("{name} was not published")]
    Store {
        /// What was to appear.
        name: String,
        /// What the server said.
        source: object_store::Error,
    },
    /// The system's answer.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl From<PublicationError> for Failure {
    fn from(error: PublicationError) -> Self {
        let class = match &error {
            PublicationError::Taken(_) => FailureClass::InputInvalid,
            PublicationError::Object { .. } | PublicationError::Digest(_) => {
                FailureClass::IntermediateLost
            }
            PublicationError::Io { .. } => FailureClass::StorageTransient,
            PublicationError::Store { source, .. } => class_of(source),
        };
        let message = match &error {
            PublicationError::Store { source, .. } => format!("{error}: {source}"),
            _ => error.to_string(),
        };
        Self::new(class, message)
    }
}

fn class_of(error: &object_store::Error) -> FailureClass {
    use object_store::Error;
    match error {
        Error::NotFound { .. } | Error::Corrupt { .. } => FailureClass::IntermediateLost,
        Error::Denied { .. } | Error::Changed { .. } => FailureClass::InputInvalid,
        Error::Expired { .. } => FailureClass::CredentialsExpired,
        Error::Full { .. } | Error::Transient { .. } | Error::Key(_) | Error::Io { .. } => {
            FailureClass::StorageTransient
        }
    }
}
