//! A controller from start to end: store, ports, actors, and back.

mod opening;

use std::fs;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::ids::Epoch;
use object_store::s3::Environment;
use tokio::runtime::{self, Runtime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::actors::{Handles, control_plane, root};
pub use crate::api::listen::Bound;
use crate::api::{Api, listen};
use crate::config::Config;
use crate::duties::Services;
use crate::error::Error;
use crate::inputs::Inputs;
use crate::metrics;
use crate::objects::{Fetcher, Objects};
use crate::roots::Roots;
use crate::sealing::Sealer;

/// How long open calls may go on after the end was asked for.
const GRACE: Duration = Duration::from_secs(2);

/// Threads of duties and bulk copies, and of what goes on with etcd.
const BULK_THREADS: usize = 2;

/// What a controller tells when its ports are open.
#[derive(Debug, Clone)]
pub struct Ready {
    /// Where it listens, in the order of the configuration.
    pub bound: Vec<Bound>,
    /// The number of its leadership, if it leads.
    pub epoch: Option<Epoch>,
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
    let bulk = Bulk::start("bulk")?;
    let etcd = Bulk::start("etcd")?;
    let opened = opening::open(&config, etcd.handle()).await?;
    let listeners = listen::open(&config).await?;
    let bound: Vec<Bound> = listeners.iter().map(listen::Listener::bound).collect();
    let services = Arc::new(open_services(&config, bulk.handle()).await?);
    let (handles_in, handles) = watch::channel(None);
    let (failed_in, mut failed) = mpsc::unbounded_channel();
    let (announce, standing) = oneshot::channel();
    let advertised = config.advertised(&bound)?;
    let (store, election, cluster) = opened.into_parts(&advertised);
    let arguments = root::Arguments {
        store,
        election,
        cluster,
        address: advertised,
        objects: Fetcher::new(services.objects.clone(), services.bulk.clone()),
        control_plane: control_plane::Arguments {
            services: services.clone(),
            lease: config.lease,
            validations: config.limits.validations,
            audited_ppm: config.audited_ppm,
            terms: Arc::new(config.terms()),
        },
        standing: announce,
        handles: handles_in,
        failed: failed_in,
    };
    let root = root::start(arguments).await?;
    let standing = standing.await.map_err(|_| Error::ControlPlane)?;
    let root = Actors(root, standing.clone());
    let _page = match config.metrics {
        Some(address) => Some(metrics::serve(address, standing.clone(), handles.clone()).await?),
        None => None,
    };
    let epoch = tokio::select! {
        epoch = answering(&standing, handles.clone()) => epoch?,
        Some(error) = failed.recv() => return Err(error),
    };
    let tidying = services.tidying.clone();
    let api = Api::new((standing, handles), services, &config)?;
    let (stop, stopping) = watch::channel(false);
    let mut servers = JoinSet::new();
    for listener in listeners {
        servers.spawn(listener.serve(api.clone(), stopping.clone()));
    }
    write_address(config.address_file.as_deref(), &bound)?;
    tracing::info!(?bound, ?epoch, "controller is ready");
    let _ = ready.send(Ready { bound, epoch });
    let ended = tokio::select! {
        () = shutdown => Ok(()),
        Some(error) = failed.recv() => Err(error),
        Some(server) = servers.join_next() => server.unwrap_or(Ok(())).map_err(Error::from),
    };
    let _ = stop.send(true);
    drop(root);
    tidying.close();
    let drained = async {
        while servers.join_next().await.is_some() {}
        tidying.wait().await;
    };
    let _ = tokio::time::timeout(GRACE, drained).await;
    ended
}

/// Waits until this controller can answer: in a cluster when it has folded the state, else when it
/// leads and every workflow is going on again.
async fn answering(
    standing: &root::Standing,
    mut handles: watch::Receiver<Option<Handles>>,
) -> Result<Option<Epoch>, Error> {
    let gone = |_| Error::ControlPlane;
    match &standing.replica {
        Some(replica) => replica.folded().await.map_err(gone)?,
        None => {
            let leads = handles.wait_for(Option::is_some).await;
            drop(leads.map_err(|_| Error::ControlPlane)?);
        }
    }
    Ok(handles.borrow().as_ref().map(|handles| handles.epoch))
}

async fn open_services(config: &Config, bulk: runtime::Handle) -> Result<Services, Error> {
    let s3 = Environment::default();
    let objects = Objects::open(&config.objects, &s3).await?;
    let roots = Roots::new(&config.roots, objects.folder())?;
    let sealer = match (&config.sealing_key, &config.cluster) {
        (Some(file), _) => Some(Sealer::read(file)?),
        (None, None) => Some(Sealer::read_or_make(&config.state.join("sealing.key"))?),
        (None, Some(_)) => None,
    };
    let inputs = Inputs::new(roots, objects.clone(), s3, bulk.clone()).with_sealer(sealer);
    Ok(Services::new(Arc::new(inputs), objects, config.cache, bulk))
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
struct Actors(ractor::ActorCell, root::Standing);

impl Drop for Actors {
    fn drop(&mut self) {
        self.0.stop(None);
        // These have threads of their own, which outlive the runtime of the others.
        self.1.store.stop();
        if let Some(replica) = &self.1.replica {
            replica.stop();
        }
    }
}

/// A runtime for what must not wait for the actors, nor they for it; it ends without waiting when this is dropped.
struct Bulk(Option<Runtime>);

impl Bulk {
    fn start(name: &str) -> Result<Self, Error> {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(BULK_THREADS)
            .thread_name(name)
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
