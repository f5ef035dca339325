//! Placement: ready tasks meet free workers. It acts when something changed, not on a tick; all
//! that waits in its mailbox is taken in before it places again.

mod place;

use std::collections::BTreeMap;

use common::ids::{AttemptNumber, WorkerId, WorkflowId};
use common::task::Resources;
use common::workflow::Priority;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use super::{NoAnswer, Peers, answer};
use crate::core::state::TaskKey;
use crate::scheduling::problem::Candidate;
use crate::worker_info::WorkerInfo;

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
    /// Who goes first.
    pub priority: Priority,
    /// How many messages of the scheduler it has handled: an offer made before the last one is old.
    pub placements: u64,
    /// Whether it is over.
    pub over: bool,
    /// Attempts that started.
    pub started: Vec<(TaskKey, AttemptNumber)>,
    /// Tasks whose attempt ended.
    pub ended: Vec<TaskKey>,
    /// Some of its ready tasks, the first first.
    pub candidates: Vec<Candidate>,
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
    /// A worker is gone.
    WorkerGone(WorkerId),
    /// Place now.
    Place,
    /// Which workers are there?
    Observe { reply: oneshot::Sender<Vec<Seat>> },
}

/// The way to the scheduler.
#[derive(Debug, Clone)]
pub struct Handle(ActorRef<Message>);

impl Handle {
    /// Starts the actor.
    pub async fn start(
        peers: Peers,
        supervisor: ractor::ActorCell,
    ) -> Result<Self, ractor::SpawnErr> {
        let (actor, _) = Actor::spawn_linked(None, Scheduler, peers, supervisor).await?;
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

    /// Tells that a worker is gone.
    pub fn worker_gone(&self, worker: WorkerId) {
        let _ = self.0.cast(Message::WorkerGone(worker));
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
    seats: BTreeMap<WorkerId, Seat>,
    /// All live attempts.
    running: BTreeMap<(WorkflowId, TaskKey), Running>,
    lots: BTreeMap<(Priority, WorkflowId), Lot>,
    placing: bool,
}

/// The ready tasks of one workflow.
#[derive(Debug, Default)]
struct Lot {
    candidates: Vec<Candidate>,
    /// Messages that were sent to the workflow.
    sent: u64,
    /// What the workflow was told about its waiting.
    told: String,
}

impl Actor for Scheduler {
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
            seats: BTreeMap::new(),
            running: BTreeMap::new(),
            lots: BTreeMap::new(),
            placing: false,
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
            Message::Released { workflow, tasks } => state.free(&workflow, tasks),
            Message::Restored { workflow, running } => {
                for attempt in running {
                    state.occupy(&workflow, attempt);
                }
            }
            Message::WorkerChanged { info, availability } => state.changed(info, availability),
            Message::WorkerGone(worker) => {
                state.seats.remove(&worker);
                state.running.retain(|_, attempt| attempt.worker != worker);
            }
            Message::Place => {
                state.placing = false;
                state.place();
                return Ok(());
            }
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

impl State {
    fn offered(&mut self, offer: Offer) {
        let Offer {
            workflow,
            priority,
            placements,
            over,
            started,
            ended,
            candidates,
        } = offer;
        self.number(&workflow, started);
        self.free(&workflow, ended);
        let key = (priority, workflow);
        if over {
            self.lots.remove(&key);
            return;
        }
        let lot = self.lots.entry(key).or_default();
        if placements >= lot.sent {
            lot.candidates = candidates;
        }
    }

    fn changed(&mut self, info: WorkerInfo, availability: Availability) {
        let of_this_worker = self
            .running
            .iter()
            .filter(|(_, attempt)| attempt.worker == info.id);
        let mut seat = Seat {
            info: info.clone(),
            availability,
            running: BTreeMap::new(),
            used: Resources::default(),
        };
        for (task, attempt) in of_this_worker {
            seat.running.insert(task.clone(), attempt.attempt);
            seat.used = sum(seat.used, attempt.resources);
        }
        self.seats.insert(info.id, seat);
    }

    fn occupy(&mut self, workflow: &WorkflowId, attempt: Running) {
        let task = (workflow.clone(), attempt.task);
        if let Some(seat) = self.seats.get_mut(&attempt.worker) {
            seat.running.insert(task.clone(), attempt.attempt);
            seat.used = sum(seat.used, attempt.resources);
        }
        self.running.insert(task, attempt);
    }

    /// Takes in which number a placed attempt got.
    fn number(&mut self, workflow: &WorkflowId, started: Vec<(TaskKey, AttemptNumber)>) {
        for (task, number) in started {
            let task = (workflow.clone(), task);
            let Some(attempt) = self.running.get_mut(&task) else {
                continue;
            };
            attempt.attempt = number;
            if let Some(seat) = self.seats.get_mut(&attempt.worker) {
                seat.running.insert(task, number);
            }
        }
    }

    fn free(&mut self, workflow: &WorkflowId, tasks: Vec<TaskKey>) {
        for task in tasks {
            let task = (workflow.clone(), task);
            let Some(attempt) = self.running.remove(&task) else {
                continue;
            };
            if let Some(seat) = self.seats.get_mut(&attempt.worker) {
                seat.running.remove(&task);
                seat.used = rest(seat.used, attempt.resources);
            }
        }
    }

    /// Takes in that a worker is about to have the reference of a workflow.
    fn fetches(&mut self, workflow: &WorkflowId, worker: &WorkerId) {
        let mut lots = self.lots.iter();
        let lot = lots.find(|((_, of), _)| of == workflow).map(|(_, lot)| lot);
        let candidate = lot.and_then(|lot| lot.candidates.first());
        let reference = candidate.and_then(|candidate| candidate.need.reference.clone());
        if let (Some(reference), Some(seat)) = (reference, self.seats.get_mut(worker)) {
            seat.info.references.insert(reference);
        }
    }

    fn place(&mut self) {
        let mut placed: BTreeMap<WorkflowId, Vec<(TaskKey, WorkerId)>> = BTreeMap::new();
        for (workflow, task, worker, resources) in place::place(&self.seats, &self.lots) {
            self.fetches(&workflow, &worker);
            let attempt = Running {
                task,
                attempt: AttemptNumber(0),
                worker: worker.clone(),
                resources,
            };
            self.occupy(&workflow, attempt);
            placed.entry(workflow).or_default().push((task, worker));
        }
        let handles = self.peers.get();
        for ((_, workflow), lot) in &mut self.lots {
            if let Some(placements) = placed.remove(workflow) {
                lot.sent += 1;
                lot.candidates.clear();
                lot.told.clear();
                handles.workflows.placed(workflow.clone(), placements);
            } else if let Some(candidate) = lot.candidates.first() {
                let reason = place::why_waiting(&self.seats, candidate);
                if reason != lot.told {
                    lot.told.clone_from(&reason);
                    handles.workflows.waiting(workflow.clone(), reason);
                }
            }
        }
    }
}

fn sum(a: Resources, b: Resources) -> Resources {
    Resources {
        cores: a.cores + b.cores,
        memory_bytes: a.memory_bytes.saturating_add(b.memory_bytes),
    }
}

fn rest(whole: Resources, part: Resources) -> Resources {
    Resources {
        cores: whole.cores.saturating_sub(part.cores),
        memory_bytes: whole.memory_bytes.saturating_sub(part.memory_bytes),
    }
}
