//! Placement: ready tasks meet free workers. It acts when something changed, not on a tick; all
//! that waits in its mailbox is taken in before it places again.

mod cordon;
mod lot;
mod place;
mod seat;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::ids::{AttemptNumber, TenantId, WorkerId, WorkflowId};
use common::task::Resources;
use common::workflow::Priority;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use super::{NoAnswer, Peers, answer};
use crate::core::state::TaskKey;
use crate::scheduling::cordon::Cordons;
use crate::scheduling::problem::Candidate;
use crate::scheduling::share::Terms;
use crate::worker_info::WorkerInfo;
use lot::Lot;

/// Whether a worker gets tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    /// It does.
    Ready,
    /// It has been silent for a while.
    Suspect,
    /// It takes no more.
    Draining,
}

/// What a workflow shows the scheduler after each change.
#[derive(Debug)]
pub struct Offer {
    /// Which one.
    pub workflow: WorkflowId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Who goes first.
    pub priority: Priority,
    /// Since when it waits.
    pub accepted_at_ms: u64,
    /// Whether any of its attempts has started.
    pub has_begun: bool,
    /// Bases of the reads that it took in on the last day on which it did.
    pub bases: Option<DayBases>,
    /// How many messages of the scheduler it has handled: an offer made before the last one is old.
    pub placements: u64,
    /// Whether it is over.
    pub over: bool,
    /// Attempts that started.
    pub started: Vec<(TaskKey, AttemptNumber)>,
    /// Attempts that ended.
    pub ended: Vec<Ended>,
    /// Some of its ready tasks, the first first.
    pub candidates: Vec<Candidate>,
}

/// Bases that were taken in on a day since 1970.
pub type DayBases = (u32, u64);

/// An attempt that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Of this task.
    pub task: TaskKey,
    /// Its number.
    pub attempt: AttemptNumber,
    /// Whether its end speaks against its worker.
    pub against_worker: bool,
}

/// A worker as the scheduler sees it.
#[derive(Debug, Clone)]
pub struct Seat {
    /// What it said of itself.
    pub info: WorkerInfo,
    /// Whether it gets tasks.
    pub availability: Availability,
    /// What it runs; the number is 0 until the attempt is in the journal.
    pub running: BTreeMap<(WorkflowId, TaskKey), AttemptNumber>,
    /// What that takes.
    pub used: Resources,
    /// It gets no tasks before this time, in milliseconds since 1970, if it is to come.
    pub cordoned_until_ms: u64,
}

/// A live attempt.
#[derive(Debug, Clone)]
pub struct Running {
    /// Of this task.
    pub task: TaskKey,
    /// 0 until it is in the journal.
    pub attempt: AttemptNumber,
    /// Where it runs; the worker may be one that has yet to attach again.
    pub worker: WorkerId,
    /// What it takes.
    pub resources: Resources,
}

/// What the scheduler may be told.
enum Message {
    /// A workflow changed.
    Offer(Offer),
    /// Placements that were not taken up.
    Released {
        workflow: WorkflowId,
        tasks: Vec<TaskKey>,
    },
    /// Attempts that were live before this controller started.
    Restored {
        workflow: WorkflowId,
        running: Vec<Running>,
    },
    /// A worker attached, or its availability changed.
    WorkerChanged {
        info: WorkerInfo,
        availability: Availability,
    },
    /// A worker is gone; `orderly` if it said so before.
    WorkerGone { worker: WorkerId, orderly: bool },
    /// What a workflow that is over took in.
    Spent {
        tenant: TenantId,
        workflow: WorkflowId,
        bases: DayBases,
    },
    /// Place now.
    Place,
    /// The time has come at which something changes by itself.
    Alarm,
    /// Which workers are there?
    Observe { reply: oneshot::Sender<Vec<Seat>> },
}

/// The way to the scheduler.
#[derive(Debug, Clone)]
pub struct Handle(ActorRef<Message>);

impl Handle {
    /// Starts the actor.
    pub async fn start(
        terms: Arc<Terms>,
        peers: Peers,
        supervisor: ractor::ActorCell,
    ) -> Result<Self, ractor::SpawnErr> {
        let arguments = (terms, peers);
        let (actor, _) = Actor::spawn_linked(None, Scheduler, arguments, supervisor).await?;
        Ok(Self(actor))
    }

    /// Shows a workflow's ready tasks.
    pub fn offer(&self, offer: Offer) {
        let _ = self.0.cast(Message::Offer(offer));
    }

    /// Gives back placements that were not taken up.
    pub fn released(&self, workflow: WorkflowId, tasks: Vec<TaskKey>) {
        let _ = self.0.cast(Message::Released { workflow, tasks });
    }

    /// Tells of attempts that were live before this controller started.
    pub fn restored(&self, workflow: WorkflowId, running: Vec<Running>) {
        let _ = self.0.cast(Message::Restored { workflow, running });
    }

    /// Tells that a worker attached, or that its availability changed.
    pub fn worker_changed(&self, info: WorkerInfo, availability: Availability) {
        let _ = self.0.cast(Message::WorkerChanged { info, availability });
    }

    /// Tells that a worker is gone; `orderly` if it said so before.
    pub fn worker_gone(&self, worker: WorkerId, orderly: bool) {
        let _ = self.0.cast(Message::WorkerGone { worker, orderly });
    }

    /// Tells what a workflow that is over took in.
    pub fn spent(&self, tenant: TenantId, workflow: WorkflowId, bases: DayBases) {
        let _ = self.0.cast(Message::Spent {
            tenant,
            workflow,
            bases,
        });
    }

    /// Returns the workers, in order of id.
    ///
    /// # Errors
    /// [`NoAnswer`] if the controller goes down.
    pub async fn observe(&self) -> Result<Vec<Seat>, NoAnswer> {
        let (reply, seats) = oneshot::channel();
        let _ = self.0.cast(Message::Observe { reply });
        answer(seats).await
    }
}

struct Scheduler;

struct State {
    peers: Peers,
    terms: Arc<Terms>,
    seats: BTreeMap<WorkerId, Seat>,
    /// All live attempts; the number is 0 until it is in the journal.
    running: BTreeMap<(WorkflowId, TaskKey, AttemptNumber), Running>,
    lots: BTreeMap<WorkflowId, Lot>,
    /// What workflows that are over took in.
    spent: BTreeMap<(TenantId, WorkflowId), DayBases>,
    cordons: Cordons,
    placing: bool,
    /// When it is woken next; `None`: only by news.
    alarm_ms: Option<u64>,
}

impl Actor for Scheduler {
    type Msg = Message;
    type State = State;
    type Arguments = (Arc<Terms>, Peers);

    async fn pre_start(
        &self,
        _: ActorRef<Message>,
        (terms, peers): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State {
            peers,
            terms,
            seats: BTreeMap::new(),
            running: BTreeMap::new(),
            lots: BTreeMap::new(),
            spent: BTreeMap::new(),
            cordons: Cordons::default(),
            placing: false,
            alarm_ms: None,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Offer(offer) => state.offered(offer),
            Message::Released { workflow, tasks } => {
                for task in tasks {
                    state.free(&workflow, task, AttemptNumber(0));
                }
            }
            Message::Restored { workflow, running } => {
                for attempt in running {
                    state.occupy(&workflow, attempt);
                }
            }
            Message::WorkerChanged { info, availability } => state.changed(info, availability),
            Message::WorkerGone { worker, orderly } => state.gone(&worker, orderly),
            Message::Spent {
                tenant,
                workflow,
                bases,
            } => state.spent(tenant, workflow, bases),
            Message::Place => {
                state.placing = false;
                state.place(&myself);
                return Ok(());
            }
            Message::Alarm => state.alarm_ms = None,
            Message::Observe { reply } => {
                let _ = reply.send(state.seats.values().cloned().collect());
                return Ok(());
            }
        }
        // What waits in the mailbox now is taken in first.
        if !state.placing {
            state.placing = true;
            myself.cast(Message::Place)?;
        }
        Ok(())
    }
}
