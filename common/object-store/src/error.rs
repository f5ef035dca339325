//! Why a store could not do what was asked, and how that looks on the wire.

use std::error::Error as _;
use std::io;

use tonic::{Code, Status};

use crate::key::InvalidKey;

/// Why a store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such object or input.
    #[error("no such object: {key}")]
    NotFound {
        /// Of the object.
        key: String,
    },
    /// The device or the quota is full.
    #[error("no space left for {key}")]
    Full {
        /// Of the object.
        key: String,
    },
    /// Bytes are not those that were written.
    #[error("{key} is corrupt: {reason}")]
    Corrupt {
        /// Of the object.
        key: String,
        /// What differs.
        reason: String,
    },
    /// The store may not be reached in this way.
    #[error("access to {key} is denied: {reason}")]
    Denied {
        /// Of the object.
        key: String,
        /// Why.
        reason: String,
    },
    /// Credentials ran out: the same call may succeed with new ones.
    #[error("the credentials for {key} are expired: {reason}")]
    Expired {
        /// Of the object.
        key: String,
        /// What the store said.
        reason: String,
    },
    /// The object is another one than it was, or there where there should be none.
    #[error("{key} changed")]
    Changed {
        /// Of the object.
        key: String,
    },
    /// A passing fault: the same call may succeed later.
    #[error("storage is unavailable for {key}: {reason}")]
    Transient {
        /// Of the object.
        key: String,
        /// What the store said.
        reason: String,
    },
    /// A text is not a key.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// Anything else.
    #[error("input or output of {key} failed")]
    Io {
        /// Of the object.
        key: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// Says whether the same call may succeed later.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Transient { .. } => true,
            Self::NotFound { .. }
            | Self::Full { .. }
            | Self::Corrupt { .. }
            | Self::Denied { .. }
            | Self::Expired { .. }
            | Self::Changed { .. }
            | Self::Key(_)
            | Self::Io { .. } => false,
        }
    }

    /// Judges a fault of the file system.
    pub fn of_io(key: impl Into<String>, source: io::Error) -> Self {
        let key = key.into();
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { key },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { key },
            io::ErrorKind::PermissionDenied => {
                let reason = source.to_string();
                Self::Denied { key, reason }
            }
            io::ErrorKind::Interrupted
            | io::ErrorKind::TimedOut
            | io::ErrorKind::StaleNetworkFileHandle => {
                let reason = source.to_string();
                Self::Transient { key, reason }
            }
            _ => Self::Io { key, source },
        }
    }

    /// Judges the answer of a served store.
    pub fn of_status(key: impl Into<String>, status: Status) -> Self {
        let key = key.into();
        let reason = status.message().to_owned();
        match status.code() {
            Code::NotFound => Self::NotFound { key },
            Code::ResourceExhausted => Self::Full { key },
            Code::DataLoss => Self::Corrupt { key, reason },
            Code::PermissionDenied | Code::Unauthenticated => Self::Denied { key, reason },
            Code::InvalidArgument => Self::Key(InvalidKey(key)),
            Code::FailedPrecondition => Self::Expired { key, reason },
            Code::OutOfRange => Self::Changed { key },
            // `Unknown` is what a connection that breaks within a message gives.
            Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::Cancelled
            | Code::Unknown => Self::Transient { key, reason },
            // A server's own answer has no source; a broken connection has.
            Code::Internal if status.source().is_some() => Self::Transient { key, reason },
            Code::Internal | Code::Ok | Code::AlreadyExists | Code::Unimplemented => Self::Io {
                key,
                source: io::Error::other(status),
            },
        }
    }

    /// Returns the answer of a server.
    pub fn into_status(self) -> Status {
        let code = match &self {
            Self::NotFound { .. } => Code::NotFound,
            Self::Full { .. } => Code::ResourceExhausted,
            Self::Corrupt { .. } => Code::DataLoss,
            Self::Denied { .. } => Code::PermissionDenied,
            Self::Expired { .. } => Code::FailedPrecondition,
            Self::Changed { .. } => Code::OutOfRange,
            Self::Transient { .. } => Code::Unavailable,
            Self::Key(_) => Code::InvalidArgument,
            Self::Io { .. } => Code::Internal,
        };
        let message = match &self {
            Self::Io { source, .. } => format!("{self}: {source}"),
            Self::Corrupt { reason, .. }
            | Self::Denied { reason, .. }
            | Self::Expired { reason, .. }
            | Self::Transient { reason, .. } => reason.clone(),
            Self::NotFound { .. } | Self::Full { .. } | Self::Changed { .. } | Self::Key(_) => {
                self.to_string()
            }
        };
        Status::new(code, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_survive_the_wire() {
        let key = || "a/b".to_owned();
        let reason = || "because".to_owned();
        let errors = [
            Error::NotFound { key: key() },
            Error::Full { key: key() },
            Error::Corrupt {
                key: key(),
                reason: reason(),
            },
            Error::Denied {
                key: key(),
                reason: reason(),
            },
            Error::Expired {
                key: key(),
                reason: reason(),
            },
            Error::Changed { key: key() },
            Error::Transient {
                key: key(),
                reason: reason(),
            },
            Error::Key(InvalidKey(key())),
        ];
        for error in errors {
            let text = error.to_string();
            assert_eq!(
                Error::of_status("a/b", error.into_status()).to_string(),
                text
            );
        }
    }

    #[test]
    fn a_full_device_is_not_retried() {
        let full = Error::of_io("a", io::Error::from_raw_os_error(libc::ENOSPC));
        assert!(matches!(full, Error::Full { .. }));
        assert!(!full.is_retryable());
        assert!(Error::of_io("a", io::ErrorKind::TimedOut.into()).is_retryable());
    }
}
