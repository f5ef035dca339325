//! What faults of files and stores mean for a task, decided in one place; and why a worker ends.

use std::error::Error as _;
use std::io;

use common::failure::{Failure, FailureClass};
use common::location::Location;
use object_store::Error as StoreError;

/// What is told of an input that is not the one that was admitted.
pub(crate) const CHANGED: &str = "the file changed after it was submitted";

/// Why a worker could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration can't be used.
    #[error("configuration: {0}")]
    Config(String),
    /// A folder of the worker can't be used.
    #[error("folder {path} can't be used")]
    Folder {
        /// The folder.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The controller refuses this worker for good.
    #[error("the controller refuses this worker: {0}")]
    Refused(String),
    /// The port of the metrics can't be opened.
    #[error(transparent)]
    Metrics(#[from] common::metrics::Unserved),
    /// A thread or a handler of signals could not be started.
    #[error("the system refused a thread or a signal handler")]
    System(#[from] io::Error),
}

/// Says what a fault while reading or writing data of a task means.
///
/// A [`Failure`] that travelled inside the error comes out as it was.
pub fn storage(error: &io::Error) -> Failure {
    if let Some(failure) = carried(error) {
        return failure;
    }
    let class = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::OutOfMemory => {
            FailureClass::OutOfResources
        }
        io::ErrorKind::TimedOut
        | io::ErrorKind::Interrupted
        | io::ErrorKind::StaleNetworkFileHandle
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::NotConnected
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::ResourceBusy => FailureClass::StorageTransient,
        _ if error.raw_os_error() == Some(libc::EIO) => FailureClass::StorageTransient,
        _ => FailureClass::Internal,
    };
    Failure::new(class, error.to_string())
}

/// Wraps a failure, so that it passes through code that knows `io::Error` alone.
pub fn into_io(failure: Failure) -> io::Error {
    io::Error::other(failure)
}

/// Says what a fault while reading an intermediate object means: lost ones are made again.
///
/// A lost object is named by its key in [`Failure::file`]: that tells which task made it.
pub fn reading(error: StoreError) -> Failure {
    match &error {
        StoreError::NotFound { key }
        | StoreError::Corrupt { key, .. }
        | StoreError::Changed { key } => lost(key, &error),
        other => failure(class_of(other), &error),
    }
}

/// Says that an intermediate object is gone or damaged, so that its producer runs again.
pub fn lost(key: &str, reason: &impl ToString) -> Failure {
    let failure = Failure::new(FailureClass::IntermediateLost, reason.to_string());
    Failure {
        file: Some(key.to_owned()),
        ..failure
    }
}

/// Says what a fault while writing an object means: the next try writes it anew.
pub fn writing(error: StoreError) -> Failure {
    failure(class_of(&error), &error)
}

/// Says what a fault while reading an input means: one that is gone is invalid.
pub fn input(location: &Location, error: StoreError) -> Failure {
    let message = match &error {
        StoreError::NotFound { .. } => "the file is gone".to_owned(),
        StoreError::Changed { .. } => CHANGED.to_owned(),
        StoreError::Denied { reason, .. } => format!("it may not be read: {reason}"),
        other => {
            return Failure {
                file: Some(location.to_string()),
                ..writing_of(other)
            };
        }
    };
    Failure::input(location.to_string(), message)
}

fn writing_of(error: &StoreError) -> Failure {
    failure(class_of(error), error)
}

fn class_of(error: &StoreError) -> FailureClass {
    match error {
        StoreError::Full { .. } => FailureClass::OutOfResources,
        StoreError::NotFound { .. }
        | StoreError::Corrupt { .. }
        | StoreError::Changed { .. }
        | StoreError::Transient { .. }
        | StoreError::Io { .. } => FailureClass::StorageTransient,
        StoreError::Expired { .. } => FailureClass::CredentialsExpired,
        StoreError::Denied { .. } | StoreError::Key(_) => FailureClass::Internal,
    }
}

fn failure(class: FailureClass, error: &StoreError) -> Failure {
    let message = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    Failure::new(class, message)
}

fn carried(error: &io::Error) -> Option<Failure> {
    let mut inner: Option<&(dyn std::error::Error + 'static)> = error.get_ref().map(|e| e as _);
    while let Some(error) = inner {
        if let Some(failure) = error.downcast_ref::<Failure>() {
            return Some(failure.clone());
        }
        // The source of an `io::Error` skips the error that it carries.
        inner = match error.downcast_ref::<io::Error>() {
            Some(nested) => nested.get_ref().map(|e| e as _),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_passes_through_io_errors() {
        let failure = Failure::input("root:d/x", "changed").at_record(7);
        let nested = io::Error::other(into_io(failure.clone()));
        assert_eq!(storage(&nested), failure);
    }

    #[test]
    fn a_full_disk_asks_for_resources_and_a_broken_one_for_patience() {
        let class = |code| storage(&io::Error::from_raw_os_error(code)).class;
        assert_eq!(class(libc::ENOSPC), FailureClass::OutOfResources);
        assert_eq!(class(libc::EDQUOT), FailureClass::OutOfResources);
        assert_eq!(class(libc::EIO), FailureClass::StorageTransient);
        assert_eq!(class(libc::EINVAL), FailureClass::Internal);
    }

    #[test]
    fn lost_objects_are_made_again_and_lost_inputs_are_invalid() {
        let gone = || StoreError::NotFound { key: "a".into() };
        assert_eq!(reading(gone()).class, FailureClass::IntermediateLost);
        assert_eq!(writing(gone()).class, FailureClass::StorageTransient);
        let location: Location = "root:d/x".parse().unwrap();
        let failure = input(&location, gone());
        assert_eq!(failure.class, FailureClass::InputInvalid);
        assert_eq!(failure.file.as_deref(), Some("root:d/x"));
    }
}
