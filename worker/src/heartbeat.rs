//! The sign of life: on a thread, a runtime and a connection of its own, so that a busy worker
//! never looks dead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use common::auth::Bearer;
use common::ids::{Epoch, WorkerId};
use common::servers::Present;
use proto::worker::v1 as wire;
use proto::worker::v1::workers_client::WorkersClient;
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::config::Controller;
use crate::error::Error;

/// Time between beats until the controller says how long its patience is.
const FIRST_INTERVAL: Duration = Duration::from_secs(2);
/// Beats in the time after which a silent worker is given up.
const BEATS_PER_LEASE: u32 = 5;
/// Time between tries while the controller is away.
const RETRY: Duration = Duration::from_millis(500);

/// What the beats carry, and how often they come.
#[derive(Debug)]
pub(crate) struct Pulse {
    epoch: AtomicU64,
    interval_ms: AtomicU64,
}

impl Pulse {
    /// Takes what the controller said.
    pub fn set(&self, epoch: Epoch, lease: Duration) {
        self.epoch.store(epoch.0, Ordering::Relaxed);
        let interval = (lease / BEATS_PER_LEASE).as_millis().max(10);
        self.interval_ms.store(
            u64::try_from(interval).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
    }

    fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms.load(Ordering::Relaxed))
    }
}

/// The running thread; dropped, it ends.
pub(crate) struct Heartbeat {
    pub pulse: Arc<Pulse>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    /// Starts to beat, at the controller that `present` says.
    pub fn start(
        worker: WorkerId,
        (controller, present): (Controller, Present),
        bearer: Bearer,
    ) -> Result<Self, Error> {
        let pulse = Arc::new(Pulse {
            epoch: AtomicU64::new(0),
            interval_ms: AtomicU64::new(FIRST_INTERVAL.as_millis() as u64),
        });
        let stop = CancellationToken::new();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let beating = beat_for_ever(worker, (controller, present), bearer, Arc::clone(&pulse));
        let stopped = stop.clone();
        let body = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = stopped.cancelled() => {}
                    fault = beating => tracing::error!(%fault, "the heartbeat can't be started"),
                }
            });
        };
        let thread = thread::Builder::new().name("heartbeat".into()).spawn(body);
        Ok(Self {
            pulse,
            stop,
            thread: Some(thread?),
        })
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// Beats, and connects again whenever the connection ends.
async fn beat_for_ever(
    worker: WorkerId,
    (controller, present): (Controller, Present),
    bearer: Bearer,
    pulse: Arc<Pulse>,
) -> Error {
    let servers = match controller.servers(present) {
        Ok(servers) => servers.following(),
        Err(fault) => return fault,
    };
    let mut client = WorkersClient::with_interceptor(servers, bearer);
    loop {
        let (sender, receiver) = mpsc::channel(1);
        let answers = client.heartbeat(ReceiverStream::new(receiver));
        let ended: Result<(), Status> = tokio::select! {
            never = beats(&worker, &pulse, sender) => match never {},
            answered = listen(answers) => answered,
        };
        if let Err(status) = ended {
            tracing::debug!(%status, "the heartbeat broke off");
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn listen(
    answers: impl Future<
        Output = Result<tonic::Response<tonic::Streaming<wire::HeartbeatResponse>>, Status>,
    >,
) -> Result<(), Status> {
    let mut answers = answers.await?.into_inner();
    while answers.message().await?.is_some() {}
    Ok(())
}

async fn beats(
    worker: &WorkerId,
    pulse: &Pulse,
    sender: mpsc::Sender<wire::HeartbeatRequest>,
) -> std::convert::Infallible {
    loop {
        let beat = wire::HeartbeatRequest {
            worker_id: worker.as_str().to_owned(),
            epoch: pulse.epoch.load(Ordering::Relaxed),
        };
        if sender.send(beat).await.is_err() {
            // The call has ended; who listens to it notices.
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(pulse.interval()).await;
    }
}
