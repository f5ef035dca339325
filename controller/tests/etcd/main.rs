//! The state in a real etcd: the store, the watch, the election.

#[path = "../service/authority.rs"]
mod authority;
mod election;
mod proxy;
mod server;
mod store;
mod tls;
mod watch;

use std::time::Duration;

use controller::state::etcd::{Address, Connection, EtcdStore};

/// Within this time everything in a test happens.
const DEADLINE: Duration = Duration::from_secs(30);

/// Waits, but not for ever.
async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(DEADLINE, future).await;
    done.unwrap_or_else(|_| panic!("{what}: not within {DEADLINE:?}"))
}

/// Connects to a cluster; what goes on behind it runs on the runtime of the test.
async fn connect(address: &str) -> Connection {
    let address: Address = address.parse().unwrap();
    let runtime = tokio::runtime::Handle::current();
    blocking(move || Connection::new(&address, runtime).unwrap()).await
}

/// Opens the store and does something with it, on a thread that may block.
async fn with_store<T: Send + 'static>(
    connection: &Connection,
    work: impl FnOnce(&mut EtcdStore) -> T + Send + 'static,
) -> T {
    let connection = connection.clone();
    blocking(move || work(&mut EtcdStore::open(connection).unwrap())).await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let done = tokio::task::spawn_blocking(work);
    within("blocking work", done).await.unwrap()
}
