//! What a leader runs: queue, scheduler, workers, workflows, timers, collector. All for one: when one
//! of them ends, so does the control plane.

use std::sync::Arc;
use std::time::Duration;

use common::ids::Epoch;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::oneshot;

use super::{
    Handles, Peers, collector, now_ms, queue, replica, scheduler, store, timers, workers, workflows,
};
use crate::duties::Services;
use crate::scheduling::share::{Terms, day_of};

/// What a control plane starts with.
#[derive(Debug, Clone)]
pub struct Arguments {
    /// What duties need.
    pub services: Arc<Services>,
    /// Time after which a silent worker is given up.
    pub lease: Duration,
    /// Validations at the same time.
    pub validations: usize,
    /// Of a million tasks so many run twice.
    pub audited_ppm: u32,
    /// How tenants share the workers.
    pub terms: Arc<Terms>,
}

/// What a leader starts from.
#[derive(Debug, Clone)]
pub struct Reign {
    /// Its number.
    pub epoch: Epoch,
    /// Where facts go.
    pub store: store::Handle,
    /// Has the workflows, in a cluster; else the store is read.
    pub replica: Option<replica::Handle>,
}

/// Starts the control plane and all below it; returns when every workflow is going on again.
///
/// # Errors
/// [`ractor::SpawnErr`] with the reason.
pub async fn start(
    arguments: Arguments,
    reign: Reign,
    supervisor: ActorCell,
) -> Result<(ActorCell, Handles), ractor::SpawnErr> {
    let (reply, handles) = oneshot::channel();
    let started = (arguments, reign, reply);
    let (actor, _) = Actor::spawn_linked(None, ControlPlane, started, supervisor).await?;
    let gone = |error| ractor::SpawnErr::StartupFailed(Box::new(error));
    let handles = handles.await.map_err(gone)?;
    Ok((actor.get_cell(), handles))
}

/// The control plane watches; it is told nothing.
enum Message {}

struct ControlPlane;

impl Actor for ControlPlane {
    type Msg = Message;
    type State = ();
    type Arguments = (Arguments, Reign, oneshot::Sender<Handles>);

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (arguments, reign, reply): Self::Arguments,
    ) -> Result<(), ActorProcessingErr> {
        let Arguments {
            services,
            lease,
            validations,
            audited_ppm,
            terms,
        } = arguments;
        let admits = (validations, audited_ppm);
        let Reign {
            epoch,
            store,
            replica,
        } = reign;
        let (peers, cell) = (Peers::default(), myself.get_cell());
        let handles = Handles {
            epoch,
            queue: queue::Handle::start(admits, peers.clone(), cell.clone()).await?,
            scheduler: scheduler::Handle::start(terms, peers.clone(), cell.clone()).await?,
            workers: workers::Handle::start(lease, peers.clone(), cell.clone()).await?,
            workflows: workflows::Handle::start(peers.clone(), cell.clone()).await?,
            timers: timers::Handle::start(peers.clone(), cell.clone()).await?,
            collector: collector::Handle::start(lease, peers.clone(), cell).await?,
            journal: store.led_in(epoch),
            store,
            services,
        };
        peers.set(handles.clone());
        tell_what_was_spent(&handles).await;
        // Their workflows are opened as they come.
        handles.store.finish_submissions();
        match replica {
            Some(replica) => replica.lead(epoch, handles.workflows.clone()).await?,
            None => handles.workflows.open(handles.store.load_all().await?),
        }
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

/// Tells the scheduler what tenants took in today with workflows that are over. If that cannot be read
/// their quotas are generous for a day, which is better than that nothing runs.
async fn tell_what_was_spent(handles: &Handles) {
    let today = day_of(now_ms());
    let Ok(spent) = handles.store.spent(today).await else {
        tracing::warn!("what tenants took in today is not known");
        return;
    };
    for (tenant, workflow, bases) in spent {
        let scheduler = &handles.scheduler;
        scheduler.spent(tenant, workflow, (today, bases));
    }
}
