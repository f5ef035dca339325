//! What every controller of a cluster does, whoever leads: folds the state as it changes, and answers
//! from it. When its controller wins, the fold becomes the state of the control plane, which from
//! then on is told what others write: new submissions, and wishes to stop.

mod fold;

use std::sync::Arc;
use std::time::Duration;

use common::ids::{Epoch, WorkflowId};
use ractor::thread_local::{ThreadLocalActor, ThreadLocalActorSpawner};
use ractor::{ActorProcessingErr, ActorRef};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use super::workflow::{Moment, Snapshot};
use super::workflows::{self, Filter};
use super::{NoAnswer, answer};
use crate::objects::Fetcher;
use crate::state::etcd::Connection;
use crate::state::etcd::watch::News;
use crate::state::keys;
use crate::state::records::Accepted;
use fold::State;

/// How long a replica may lag behind what is written.
const CATCH_UP_WITHIN: Duration = Duration::from_secs(10);

/// What a replica may be told.
enum Message {
    /// What changed in the state; the permit bounds what waits here.
    News {
        news: News,
        listing: u64,
        permit: OwnedSemaphorePermit,
    },
    /// The state could not be folded: list it again.
    Refresh { listing: u64 },
    /// Submissions that this controller took are durable.
    Accepted(Vec<Accepted>),
    /// This controller leads: hand all workflows over, and what comes later.
    Lead {
        epoch: Epoch,
        workflows: workflows::Handle,
        reply: oneshot::Sender<()>,
    },
    /// This controller leads no longer.
    Follow,
    /// What does a client see?
    View {
        workflow: WorkflowId,
        reply: oneshot::Sender<Option<Arc<Snapshot>>>,
    },
    /// Which workflows are there?
    List {
        filter: Filter,
        reply: oneshot::Sender<(Vec<WorkflowId>, bool)>,
    },
    /// Whoever wants to know of changes.
    Watch {
        workflow: WorkflowId,
        reply: oneshot::Sender<watch::Receiver<Moment>>,
    },
    /// How many have not ended?
    Unfinished { reply: oneshot::Sender<usize> },
}

/// What a replica starts with.
pub struct Arguments {
    /// Where the state is.
    pub connection: Connection,
    /// Where snapshots are.
    pub objects: Fetcher,
}

/// The way to the replica.
#[derive(Debug, Clone)]
pub struct Handle {
    actor: ActorRef<Message>,
    /// Up to which revision the state is folded; 0 before the first time.
    folded: watch::Receiver<i64>,
    connection: Arc<Connection>,
}

impl Handle {
    /// Starts the actor.
    pub async fn start(
        arguments: Arguments,
        supervisor: ractor::ActorCell,
    ) -> Result<Self, ractor::SpawnErr> {
        let (told, folded) = watch::channel(0);
        let connection = Arc::new(arguments.connection.clone());
        let spawner = ThreadLocalActorSpawner::new();
        let arguments = (arguments, told);
        let (actor, _) = Replica::spawn_linked(None, arguments, supervisor, spawner).await?;
        Ok(Self {
            actor,
            folded,
            connection,
        })
    }

    /// Waits until the state was folded for the first time.
    ///
    /// # Errors
    /// [`NoAnswer`] if the controller goes down.
    pub async fn folded(&self) -> Result<(), NoAnswer> {
        self.folded_to(1).await
    }

    async fn folded_to(&self, revision: i64) -> Result<(), NoAnswer> {
        let mut folded = self.folded.clone();
        let done = folded.wait_for(|folded| *folded >= revision).await;
        done.map(drop).map_err(|_| NoAnswer)
    }

    /// Waits until this controller knows of a workflow that any of them has accepted; false if none
    /// has.
    ///
    /// # Errors
    /// [`NoAnswer`] if etcd does not answer, or the controller goes down.
    pub async fn catch_up(&self, workflow: &WorkflowId) -> Result<bool, NoAnswer> {
        let written = self.connection.written(&keys::spec(workflow)).await;
        let written = written.map_err(|error| {
            tracing::warn!(%error, "nobody knows whether there is such a workflow");
            NoAnswer
        })?;
        let Some(revision) = written else {
            return Ok(false);
        };
        let caught_up = tokio::time::timeout(CATCH_UP_WITHIN, self.folded_to(revision)).await;
        caught_up.map_err(|_| NoAnswer)?.map(|()| true)
    }

    /// Ends the actor.
    pub fn stop(&self) {
        self.actor.get_cell().kill();
    }

    /// Adds workflows that are durable.
    pub fn accepted(&self, accepted: Vec<Accepted>) {
        let _ = self.actor.cast(Message::Accepted(accepted));
    }

    /// Hands all workflows to the control plane of an epoch, as its predecessors left them, and from
    /// then on what others write.
    ///
    /// # Errors
    /// [`NoAnswer`] if the epoch is over, or the controller goes down.
    pub async fn lead(&self, epoch: Epoch, workflows: workflows::Handle) -> Result<(), NoAnswer> {
        let (reply, handed) = oneshot::channel();
        let _ = self.actor.cast(Message::Lead {
            epoch,
            workflows,
            reply,
        });
        handed.await.map_err(|_| NoAnswer)
    }

    /// Goes back to folding.
    pub fn follow(&self) {
        let _ = self.actor.cast(Message::Follow);
    }

    /// Returns what a client sees of a workflow.
    ///
    /// # Errors
    /// [`NoAnswer`] if this controller is about to lead, or goes down.
    pub async fn view(&self, workflow: WorkflowId) -> Result<Option<Arc<Snapshot>>, NoAnswer> {
        let (reply, view) = oneshot::channel();
        let _ = self.actor.cast(Message::View { workflow, reply });
        answer(view).await
    }

    /// Lists workflows, newest first, and says whether there are more.
    ///
    /// # Errors
    /// As [`Self::view`].
    pub async fn list(&self, filter: Filter) -> Result<(Vec<WorkflowId>, bool), NoAnswer> {
        let (reply, page) = oneshot::channel();
        let _ = self.actor.cast(Message::List { filter, reply });
        answer(page).await
    }

    /// Returns what watchers of a workflow wait for, as it changes.
    ///
    /// # Errors
    /// As [`Self::view`].
    pub async fn watch(&self, workflow: WorkflowId) -> Result<watch::Receiver<Moment>, NoAnswer> {
        let (reply, moments) = oneshot::channel();
        let _ = self.actor.cast(Message::Watch { workflow, reply });
        answer(moments).await
    }

    /// Returns how many workflows have not ended.
    ///
    /// # Errors
    /// As [`Self::view`].
    pub async fn unfinished(&self) -> Result<usize, NoAnswer> {
        let (reply, count) = oneshot::channel();
        let _ = self.actor.cast(Message::Unfinished { reply });
        answer(count).await
    }
}

#[derive(Default)]
struct Replica;

impl ThreadLocalActor for Replica {
    type Msg = Message;
    type State = State;
    type Arguments = (Arguments, watch::Sender<i64>);

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (arguments, folded): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State::new(myself, arguments, folded))
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::News {
                news,
                listing,
                permit,
            } => {
                state.hear(news, listing);
                drop(permit);
            }
            Message::Refresh { listing } => state.refresh(listing),
            Message::Accepted(accepted) => state.accepted(accepted),
            Message::Lead {
                epoch,
                workflows,
                reply,
            } => state.lead(epoch, workflows, reply),
            Message::Follow => state.step_down(),
            // Where there is no fold, the reply is dropped: ask again.
            Message::View { workflow, reply } => {
                if let Some(view) = state.view(&workflow) {
                    let _ = reply.send(view);
                }
            }
            Message::List { filter, reply } => {
                if let Some(page) = state.list(&filter) {
                    let _ = reply.send(page);
                }
            }
            Message::Watch { workflow, reply } => {
                if let Some(moments) = state.watch(workflow) {
                    let _ = reply.send(moments);
                }
            }
            Message::Unfinished { reply } => {
                if let Some(count) = state.unfinished() {
                    let _ = reply.send(count);
                }
            }
        }
        Ok(())
    }
}
