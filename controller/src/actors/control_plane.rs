//! What a leader runs: queue, scheduler, workers, workflows, timers, collector. All for one: when one of them
//! ends, so does the control plane.

use std::sync::Arc;
use std::time::Duration;

use common::ids::Epoch;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::oneshot;

use super::{Handles, Peers, collector, queue, scheduler, store, timers, workers, workflows};
use crate::duties::Services;

/// What a control plane starts with.
#[derive(Debug, Clone)]
pub struct Arguments {
    /// What duties need.
    pub services: Arc<Services>,
    /// Time after which a silent worker is given up.
    pub lease: Duration,
    /// Validations at the same time.
    pub validations: usize,
}

/// Starts the control plane and all below it; returns when every workflow is going on again.
///
/// # Errors
/// [`ractor::SpawnErr`] with the reason.
pub async fn start(
    arguments: Arguments,
    (store, epoch): (store::Handle, Epoch),
    supervisor: ActorCell,
) -> Result<Handles, ractor::SpawnErr> {
    let (reply, handles) = oneshot::channel();
    let started = (arguments, store, epoch, reply);
    Actor::spawn_linked(None, ControlPlane, started, supervisor).await?;
    let gone = |error| ractor::SpawnErr::StartupFailed(Box::new(error));
    handles.await.map_err(gone)
}

/// The control plane watches; it is told nothing.
enum Message {}

struct ControlPlane;

impl Actor for ControlPlane {
    type Msg = Message;
    type State = ();
    type Arguments = (Arguments, store::Handle, Epoch, oneshot::Sender<Handles>);

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (arguments, store, epoch, reply): Self::Arguments,
    ) -> Result<(), ActorProcessingErr> {
        let Arguments {
            services,
            lease,
            validations,
        } = arguments;
        let (peers, cell) = (Peers::default(), myself.get_cell());
        let handles = Handles {
            epoch,
            queue: queue::Handle::start(validations, peers.clone(), cell.clone()).await?,
            scheduler: scheduler::Handle::start(peers.clone(), cell.clone()).await?,
            workers: workers::Handle::start(lease, peers.clone(), cell.clone()).await?,
            workflows: workflows::Handle::start(peers.clone(), cell.clone()).await?,
            timers: timers::Handle::start(peers.clone(), cell.clone()).await?,
            collector: collector::Handle::start(lease, peers.clone(), cell).await?,
            journal: store.led_in(epoch),
            store,
            services,
        };
        peers.set(handles.clone());
        let all = handles.store.load_all().await?;
        handles.workflows.open(all);
        let _ = reply.send(handles);
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Message>,
        event: SupervisionEvent,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(_, error) => {
                tracing::error!(%error, "a part of the control plane failed");
                Err(error)
            }
            SupervisionEvent::ActorTerminated(_, _, reason) => {
                tracing::error!(?reason, "a part of the control plane ended");
                myself.stop(reason);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
