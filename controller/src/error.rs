//! Why a controller does not start, or stops.

use std::io;
use std::path::PathBuf;

/// What ends [`crate::run`] with a failure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration contradicts itself or asks for something unsafe.
    #[error("configuration: {0}")]
    Config(#[from] crate::config::ConfigError),
    /// Another controller holds the state folder.
    #[error("another controller holds the state in {state}")]
    Locked {
        /// The state folder.
        state: PathBuf,
    },
    /// A file or folder of the controller's own cannot be used.
    #[error("cannot use {path}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A port or socket cannot be opened.
    #[error("cannot listen on {address}")]
    Listen {
        /// Address or path.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The state store failed. Nothing that was acknowledged is lost.
    #[error("the state store failed")]
    Store(#[from] crate::state::StoreError),
    /// No etcd cluster is named so.
    #[error("the state is not where it is said to be")]
    Address(#[from] crate::state::etcd::InvalidAddress),
    /// Another controller wrote to the state.
    #[error("another controller wrote to the state")]
    Fenced,
    /// The lock of the state folder was taken away.
    #[error("the lock of the state folder is gone: another controller may lead")]
    Deposed,
    /// The control plane failed again and again.
    #[error("the control plane failed too often")]
    ControlPlane,
    /// The actors could not start.
    #[error("the controller cannot start")]
    Start(#[from] ractor::SpawnErr),
    /// The policy cannot be put to work.
    #[error("who may do what cannot be known")]
    Access(#[from] crate::access::AccessError),
    /// TLS cannot be used.
    #[error("cannot use TLS")]
    Tls(#[from] common::tls::TlsError),
    /// The object folder cannot be used.
    #[error("cannot use the objects")]
    Objects(#[from] object_store::Error),
    /// The port of the metrics cannot be opened.
    #[error(transparent)]
    Metrics(#[from] common::metrics::Unserved),
    /// The gRPC server failed.
    #[error("the gRPC server failed")]
    Server(#[from] tonic::transport::Error),
}

impl Error {
    /// Makes an error of one of the controller's own files.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
