//! All genomes: an index of every workflow, and an actor for each that has not ended.

mod index;
mod opened;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::failure::FailureClass;
use common::ids::{BatchId, TenantId, WorkerId, WorkflowId};
use common::task::AttemptId;
use common::workflow::{Work, WorkflowSpec};
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::oneshot;

use super::scheduler::DayBases;
use super::workflow::{self, Said, Snapshot};
use super::{NoAnswer, Peers, answer};
use crate::core::state::{TaskKey, WorkflowState};
use crate::core::view::Status;
use index::State;

/// What the index may be told.
enum Message {
    /// Workflows that the store holds; `fresh` if they were accepted just now.
    Open(Vec<Opened>),
    /// What a worker said, in order.
    Said {
        worker: WorkerId,
        said: Vec<(WorkflowId, Said)>,
    },
    /// The scheduler placed tasks.
    Placed {
        workflow: WorkflowId,
        placements: Vec<(TaskKey, WorkerId)>,
    },
    /// A worker attached and holds these attempts.
    Attached {
        worker: WorkerId,
        holding: Vec<AttemptId>,
    },
    /// A worker is gone.
    WorkerGone {
        worker: WorkerId,
        class: FailureClass,
    },
    /// A deadline of a workflow passed.
    Wake(WorkflowId),
    /// Why nothing of a workflow is placed.
    Waiting {
        workflow: WorkflowId,
        reason: String,
    },
    /// Another controller was asked to stop a workflow.
    Cancel(WorkflowId),
    /// Another controller took a large submission.
    Submitted,
    /// A workflow's status changed.
    Status {
        workflow: WorkflowId,
        status: Status,
    },
    /// A workflow ended; this is how it stays.
    Ended {
        workflow: WorkflowId,
        last: Arc<Snapshot>,
    },
    /// Where is this workflow?
    Find {
        workflow: WorkflowId,
        reply: oneshot::Sender<Option<Found>>,
    },
    /// Which workflows are there?
    List {
        filter: Filter,
        reply: oneshot::Sender<Page>,
    },
    /// How many have not ended?
    Unfinished { reply: oneshot::Sender<usize> },
}

/// A workflow that the store holds.
#[derive(Debug)]
pub struct Opened {
    /// Which one.
    pub workflow: WorkflowId,
    /// The submission that it came with.
    pub batch: BatchId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Name of its sample, or nothing.
    pub sample: String,
    /// How far it is.
    pub status: Status,
    /// Bases of the reads that it took in on the last day on which it did, if its state tells.
    pub bases: Option<DayBases>,
    /// Whether it is over.
    pub place: Place,
}

/// Whether a workflow that the store holds is over.
#[derive(Debug)]
pub enum Place {
    /// It is not; this is its state.
    OnItsWay(Box<WorkflowState>),
    /// It is.
    Over,
}

/// Returns the name of a workflow's sample, or nothing.
pub fn sample(spec: &WorkflowSpec) -> &str {
    match &spec.work {
        Work::Genome(genome) => &genome.sample,
        Work::Probe { .. } => "",
    }
}

/// Where a workflow is.
#[derive(Debug, Clone)]
pub enum Found {
    /// On its way.
    Live(workflow::Handle),
    /// Over; this is how it stays.
    Ended(Arc<Snapshot>),
    /// Over before this controller started: the store holds it.
    Stored,
}

/// Which workflows are asked for.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Older than this one.
    pub before: Option<WorkflowId>,
    /// At most this many.
    pub limit: usize,
    /// In one of these states; none: in any.
    pub states: Vec<Status>,
    /// Of this sample.
    pub sample: Option<String>,
    /// Of this batch.
    pub batch: Option<BatchId>,
    /// Of this tenant; `None`: of all.
    pub tenant: Option<TenantId>,
}

/// Some workflows, newest first.
#[derive(Debug, Default)]
pub struct Page {
    /// They.
    pub found: Vec<(WorkflowId, Found)>,
    /// Whether there are more.
    pub more: bool,
}

/// The way to the workflows.
#[derive(Debug, Clone)]
pub struct Handle(ActorRef<Message>);

impl Handle {
    /// Starts the actor.
    pub async fn start(
        peers: Peers,
        supervisor: ractor::ActorCell,
    ) -> Result<Self, ractor::SpawnErr> {
        let (actor, _) = Actor::spawn_linked(None, Workflows, peers, supervisor).await?;
        Ok(Self(actor))
    }

    /// Adds workflows that the store holds.
    pub fn open(&self, workflows: Vec<Opened>) {
        let _ = self.0.cast(Message::Open(workflows));
    }

    /// Hands on what a worker said.
    pub fn said(&self, worker: WorkerId, said: Vec<(WorkflowId, Said)>) {
        let _ = self.0.cast(Message::Said { worker, said });
    }

    /// Hands on what the scheduler placed.
    pub fn placed(&self, workflow: WorkflowId, placements: Vec<(TaskKey, WorkerId)>) {
        let _ = self.0.cast(Message::Placed {
            workflow,
            placements,
        });
    }

    /// Tells that a worker attached, and which attempts it holds.
    pub fn attached(&self, worker: WorkerId, holding: Vec<AttemptId>) {
        let _ = self.0.cast(Message::Attached { worker, holding });
    }

    /// Tells that a worker is gone with all its attempts.
    pub fn worker_gone(&self, worker: WorkerId, class: FailureClass) {
        let _ = self.0.cast(Message::WorkerGone { worker, class });
    }

    /// Tells a workflow that its deadline passed.
    pub fn wake(&self, workflow: WorkflowId) {
        let _ = self.0.cast(Message::Wake(workflow));
    }

    /// Tells why nothing of a workflow is placed.
    pub fn waiting(&self, workflow: WorkflowId, reason: String) {
        let _ = self.0.cast(Message::Waiting { workflow, reason });
    }

    /// Stops a workflow, as another controller was asked to do.
    pub fn cancel(&self, workflow: WorkflowId) {
        let _ = self.0.cast(Message::Cancel(workflow));
    }

    /// Another controller took a submission whose records may still be aside.
    pub fn submitted(&self) {
        let _ = self.0.cast(Message::Submitted);
    }

    /// Tells that a workflow's status changed.
    pub fn status(&self, workflow: WorkflowId, status: Status) {
        let _ = self.0.cast(Message::Status { workflow, status });
    }

    /// Tells that a workflow ended.
    pub fn ended(&self, workflow: WorkflowId, last: Arc<Snapshot>) {
        let _ = self.0.cast(Message::Ended { workflow, last });
    }

    /// Finds a workflow.
    ///
    /// # Errors
    /// [`NoAnswer`] if the controller goes down.
    pub async fn find(&self, workflow: WorkflowId) -> Result<Option<Found>, NoAnswer> {
        let (reply, found) = oneshot::channel();
        let _ = self.0.cast(Message::Find { workflow, reply });
        answer(found).await
    }

    /// Lists workflows, newest first.
    ///
    /// # Errors
    /// [`NoAnswer`] if the controller goes down.
    pub async fn list(&self, filter: Filter) -> Result<Page, NoAnswer> {
        let (reply, page) = oneshot::channel();
        let _ = self.0.cast(Message::List { filter, reply });
        answer(page).await
    }

    /// Returns how many workflows have not ended.
    ///
    /// # Errors
    /// [`NoAnswer`] if the controller goes down.
    pub async fn unfinished(&self) -> Result<usize, NoAnswer> {
        let (reply, count) = oneshot::channel();
        let _ = self.0.cast(Message::Unfinished { reply });
        answer(count).await
    }
}

struct Workflows;

impl Actor for Workflows {
    type Msg = Message;
    type State = State;
    type Arguments = Peers;

    async fn pre_start(
        &self,
        _: ActorRef<Message>,
        peers: Peers,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State {
            peers,
            index: BTreeMap::new(),
            unfinished: 0,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Open(workflows) => {
                for opened in workflows {
                    state.open(opened, &myself).await?;
                }
            }
            Message::Said { worker, said } => state.said(worker, said),
            Message::Placed {
                workflow,
                placements,
            } => {
                if let Some(live) = state.live(&workflow) {
                    live.placed(placements);
                }
            }
            Message::Attached { worker, holding } => state.attached(worker, holding),
            Message::WorkerGone { worker, class } => {
                let live = state.all_live();
                live.for_each(|workflow| workflow.worker_gone(worker.clone(), class));
            }
            Message::Wake(workflow) => {
                if let Some(live) = state.live(&workflow) {
                    live.wake();
                }
            }
            Message::Waiting { workflow, reason } => {
                if let Some(live) = state.live(&workflow) {
                    live.waiting(reason);
                }
            }
            Message::Cancel(workflow) => state.cancel(workflow),
            Message::Submitted => state.peers.get().store.finish_submissions(),
            Message::Status { workflow, status } => {
                if let Some(entry) = state.index.get_mut(&workflow) {
                    entry.status = status;
                }
            }
            Message::Ended { workflow, last } => state.ended(&workflow, last),
            Message::Find { workflow, reply } => {
                let entry = state.index.get(&workflow);
                let _ = reply.send(entry.map(|entry| entry.place.clone()));
            }
            Message::List { filter, reply } => {
                let _ = reply.send(state.list(&filter));
            }
            Message::Unfinished { reply } => {
                let _ = reply.send(state.unfinished);
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Message>,
        event: SupervisionEvent,
        _: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        // A workflow's actor ends with its workflow. If it fails, everything starts again.
        if let SupervisionEvent::ActorFailed(_, error) = event {
            tracing::error!(%error, "the actor of a workflow failed");
            myself.stop(Some("the actor of a workflow failed".into()));
        }
        Ok(())
    }
}
