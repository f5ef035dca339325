//! A controller from start to end: lock, store, actors, ports, and back.

use std::fs;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::ids::Epoch;
use object_store::Local;
use tokio::runtime::{self, Runtime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::actors::{Handles, control_plane, root};
pub use crate::api::listen::Bound;
use crate::api::{Api, listen};
use crate::config::Config;
use crate::duties::Services;
use crate::error::Error;
use crate::leader::StateLock;
use crate::roots::Roots;
use crate::state::{StateStore, StoreError, embedded::Embedded};

/// The file of the state in its folder.
const STATE_FILE: &str = "state.redb";

/// How long open calls may go on after the end was asked for.
const GRACE: Duration = Duration::from_secs(2);

/// Threads of duties and bulk copies.
const BULK_THREADS: usize = 2;

/// What a controller tells when its ports are open.
#[derive(Debug, Clone)]
pub struct Ready {
    /// Where it listens, in the order of the configuration.
    pub bound: Vec<Bound>,
    /// The number of its leadership.
    pub epoch: Epoch,
}

/// Runs a controller until `shutdown` is done. `ready` is told when its ports are open.
///
/// When the returned future is dropped, the controller is gone as after a crash: nothing is tidied
/// up, and nothing that was acknowledged is lost.
///
/// # Errors
/// [`Error`] if it cannot start, or if its store fails.
pub async fn run(
    config: Config,
    ready: oneshot::Sender<Ready>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), Error> {
    config.validate()?;
    let bulk = Bulk::start()?;
    let (store, lock) = open_store(&config.state).await?;
    let services = Arc::new(open_services(&config, bulk.handle())?);
    let (handles_in, handles) = watch::channel(None);
    let (failed_in, mut failed) = mpsc::unbounded_channel();
    let arguments = root::Arguments {
        store,
        lock: Arc::new(lock),
        objects: services.objects.root().to_owned(),
        control_plane: control_plane::Arguments {
            services: services.clone(),
            lease: config.lease,
            validations: config.limits.validations,
        },
        handles: handles_in,
        failed: failed_in,
    };
    let root = Actors(root::start(arguments).await?, handles.clone());
    let epoch = leading(handles.clone(), &mut failed).await?;
    let api = Api::new(handles, services, &config)?;
    let (stop, stopping) = watch::channel(false);
    let listeners = listen::open(&config).await?;
    let bound: Vec<Bound> = listeners.iter().map(listen::Listener::bound).collect();
    let mut servers = JoinSet::new();
    for listener in listeners {
        servers.spawn(listener.serve(api.clone(), stopping.clone()));
    }
    write_address(config.address_file.as_deref(), &bound)?;
    tracing::info!(?bound, epoch = epoch.0, "controller is ready");
    let _ = ready.send(Ready { bound, epoch });
    let ended = tokio::select! {
        () = shutdown => Ok(()),
        Some(error) = failed.recv() => Err(error),
        Some(server) = servers.join_next() => server.unwrap_or(Ok(())).map_err(Error::from),
    };
    let _ = stop.send(true);
    drop(root);
    let drained = async { while servers.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(GRACE, drained).await;
    ended
}

/// Waits until this controller leads, and every workflow is going on again.
async fn leading(
    mut handles: watch::Receiver<Option<Handles>>,
    failed: &mut mpsc::UnboundedReceiver<Error>,
) -> Result<Epoch, Error> {
    tokio::select! {
        epoch = epoch_of(&mut handles) => match epoch {
            Some(epoch) => Ok(epoch),
            None => Err(failed.recv().await.unwrap_or(Error::ControlPlane)),
        },
        Some(error) = failed.recv() => Err(error),
    }
}

async fn epoch_of(handles: &mut watch::Receiver<Option<Handles>>) -> Option<Epoch> {
    let leads = handles.wait_for(Option::is_some).await.ok()?;
    leads.as_ref().map(|handles| handles.epoch)
}

type OpenStore = (Box<dyn StateStore>, StateLock);

async fn open_store(state: &Path) -> Result<OpenStore, Error> {
    let state = state.to_owned();
    let open = move || {
        let lock = StateLock::take(&state)?;
        let store = Embedded::open(&state.join(STATE_FILE))?;
        Ok((Box::new(store) as Box<dyn StateStore>, lock))
    };
    let opened = tokio::task::spawn_blocking(open).await;
    opened.unwrap_or_else(|panic| {
        Err(Error::Store(StoreError::Failed {
            doing: "opening",
            source: Box::new(panic),
        }))
    })
}

fn open_services(config: &Config, bulk: runtime::Handle) -> Result<Services, Error> {
    let objects = Local::open(&config.objects)?;
    let roots = Arc::new(Roots::new(&config.roots, objects.root())?);
    Ok(Services::new(roots, objects, bulk))
}

/// Writes the first address into a file, whole or not at all.
fn write_address(file: Option<&Path>, bound: &[Bound]) -> Result<(), Error> {
    let (Some(file), Some(first)) = (file, bound.first()) else {
        return Ok(());
    };
    let partial = file.with_extension("partial");
    fs::write(&partial, format!("{first}\n"))
        .and_then(|()| fs::rename(&partial, file))
        .map_err(Error::file(file))
}

/// The actors; they end when this is dropped.
struct Actors(ractor::ActorCell, watch::Receiver<Option<Handles>>);

impl Drop for Actors {
    fn drop(&mut self) {
        self.0.stop(None);
        // The store has a thread of its own, which outlives the runtime of the others.
        if let Some(handles) = &*self.1.borrow() {
            handles.store.stop();
        }
    }
}

/// The runtime of duties and bulk copies; it ends without waiting when this is dropped.
struct Bulk(Option<Runtime>);

impl Bulk {
    fn start() -> Result<Self, Error> {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(BULK_THREADS)
            .thread_name("bulk")
            .enable_all()
            .build();
        Ok(Self(Some(runtime.map_err(Error::file("threads"))?)))
    }

    fn handle(&self) -> runtime::Handle {
        let runtime = self.0.as_ref().expect("taken by drop only");
        runtime.handle().clone()
    }
}

impl Drop for Bulk {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
