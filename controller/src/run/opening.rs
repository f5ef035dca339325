//! The state of a controller: a file of its own under a lock, or an etcd cluster with an election.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::config::{Cluster, Config};
use crate::error::Error;
use crate::leader::{Election, StateLock};
use crate::state::dump::STATE_FILE;
use crate::state::embedded::Embedded;
use crate::state::etcd::election::{Candidacy, Candidate};
use crate::state::etcd::{Connection, EtcdStore};
use crate::state::{StateStore, StoreError};

/// An open state.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one of them, for a moment"
)]
pub(super) enum Opened {
    Embedded(Embedded, StateLock),
    Etcd(EtcdStore, Connection, Cluster),
}

/// Opens the state that the configuration names; `etcd` runs what goes on behind a connection.
///
/// # Errors
/// [`Error`] if it cannot be opened.
pub(super) async fn open(config: &Config, etcd: Handle) -> Result<Opened, Error> {
    let (state, cluster) = (config.state.clone(), config.cluster.clone());
    let open = move || match cluster {
        None => embedded(&state),
        Some(cluster) => {
            let connection = Connection::new(&cluster.etcd, etcd)?;
            let store = EtcdStore::open(connection.clone())?;
            Ok(Opened::Etcd(store, connection, cluster))
        }
    };
    let opened = tokio::task::spawn_blocking(open).await;
    opened.unwrap_or_else(|panic| {
        Err(Error::Store(StoreError::Failed {
            doing: "opening",
            source: Box::new(panic),
        }))
    })
}

fn embedded(state: &Path) -> Result<Opened, Error> {
    let lock = StateLock::take(state)?;
    let store = Embedded::open(&state.join(STATE_FILE))?;
    Ok(Opened::Embedded(store, lock))
}

impl Opened {
    /// Returns the store, the election, in which this controller stands from now on under the address
    /// where others reach it, and what a replica follows.
    pub(super) fn into_parts(
        self,
        advertised: &str,
    ) -> (Box<dyn StateStore>, Election, Option<Connection>) {
        match self {
            Self::Embedded(store, lock) => (Box::new(store), Election::Lock(Arc::new(lock)), None),
            Self::Etcd(store, connection, cluster) => {
                let candidate = Candidate {
                    id: ulid::Ulid::new().to_string(),
                    address: advertised.to_owned(),
                    lease: cluster.lease,
                };
                let candidacy = Candidacy::start(connection.clone(), candidate);
                (Box::new(store), Election::Etcd(candidacy), Some(connection))
            }
        }
    }
}
