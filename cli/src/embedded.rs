//! A controller and a worker inside this process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use controller::{Bound, Listen};
use tempfile::TempDir;
use tokio::sync::{Mutex, oneshot, watch};
use tokio::task::JoinHandle;

use crate::client::{self, Connection};
use crate::exit::{Exit, ended};
use crate::request::LOCAL_ROOT;

/// The two roles on a socket that only this user can open; they end when this is stopped.
pub struct Embedded {
    // Holds the socket; paths in a work folder may be too long for one.
    socket_folder: TempDir,
    stop_worker: watch::Sender<bool>,
    stop_controller: watch::Sender<bool>,
    controller: Mutex<JoinHandle<Result<(), controller::Error>>>,
    worker: Mutex<JoinHandle<Result<(), worker::Error>>>,
}

impl Embedded {
    /// Starts both over a work folder; all files of this machine are under the root `local`.
    ///
    /// # Errors
    /// If one does not start: another run holds the folder, or the disk is full.
    pub async fn start(work: &Path, cores: u32, memory_bytes: u64) -> Result<Self> {
        let socket_folder = TempDir::with_prefix("spindle-").context("no temporary folder")?;
        let socket = socket_folder.path().join("socket");
        let (stop_worker, worker_stops) = watch::channel(false);
        let (stop_controller, controller_stops) = watch::channel(false);
        let roots = BTreeMap::from([(LOCAL_ROOT.to_owned(), PathBuf::from("/"))]);
        let mut config = controller::Config::under(work);
        config.listen = vec![Listen::Unix {
            path: socket.clone(),
        }];
        config.roots = roots.clone();
        let (ready, is_ready) = oneshot::channel();
        let mut controller =
            tokio::spawn(controller::run(config, ready, stopped(controller_stops)));
        if is_ready.await.is_err() {
            return Err(startup_error(work, (&mut controller).await?));
        }
        let address = worker::Controller::Address(Bound::Unix(socket).to_string());
        let mut config = worker::Config::new(address, work.join("scratch"), cores, memory_bytes);
        config.roots = roots;
        config.roots_are_proven = true;
        // Nobody else makes room: a task that finds none says so.
        config.scratch_reserve_bytes = 0;
        config.drain_grace = std::time::Duration::ZERO;
        let worker = tokio::spawn(worker::run_until(config, stopped(worker_stops)));
        let (controller, worker) = (Mutex::new(controller), Mutex::new(worker));
        Ok(Self {
            socket_folder,
            stop_worker,
            stop_controller,
            controller,
            worker,
        })
    }

    /// Connects to the controller.
    ///
    /// # Errors
    /// If it is gone.
    pub async fn connect(&self) -> Result<Connection> {
        let socket = self.socket_folder.path().join("socket");
        client::connect(&Bound::Unix(socket).to_string(), None, None).await
    }

    /// Waits until one of the two ends by itself, which is an error.
    pub async fn failed(&self) -> anyhow::Error {
        let (mut controller, mut worker) = (self.controller.lock().await, self.worker.lock().await);
        tokio::select! {
            ended = &mut *controller => failure("controller", ended.map(|end| end.err().map(Into::into))),
            ended = &mut *worker => failure("worker", ended.map(|end| end.err().map(Into::into))),
        }
    }

    /// Ends both; what ran goes on when the same folder is used again.
    pub async fn stop(self) {
        self.stop_worker.send_replace(true);
        let worker = self.worker.into_inner().await.err();
        // The worker took its leave.
        self.stop_controller.send_replace(true);
        let controller = self.controller.into_inner().await.err();
        for error in [worker, controller] {
            if let Some(error) = error.filter(tokio::task::JoinError::is_panic) {
                tracing::warn!(%error, "a role did not end well");
            }
        }
    }
}

/// Returns once the owner says stop, or is gone.
pub async fn stopped(mut stopping: watch::Receiver<bool>) {
    // An error means that the owner is gone, which is an end as well.
    stopping.wait_for(|stop| *stop).await.ok();
}

fn startup_error(work: &Path, ended_with: Result<(), controller::Error>) -> anyhow::Error {
    match ended_with {
        Ok(()) => anyhow!("{}: the run could not start", work.display()),
        Err(error) => anyhow::Error::new(error).context(work.display().to_string()),
    }
}

fn failure(
    role: &str,
    ended_with: Result<Option<anyhow::Error>, tokio::task::JoinError>,
) -> anyhow::Error {
    match ended_with {
        Ok(Some(error)) => error.context(format!("the {role} failed")),
        Ok(None) => ended(
            Exit::Interrupted,
            "interrupted: the same command goes on where it was",
        ),
        Err(panic) => anyhow::Error::new(panic).context(format!("the {role} failed")),
    }
}
