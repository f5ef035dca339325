//! Garbage: takes away the objects of lost attempts and of workflows that are over, but for results that
//! are kept, and those when their time has come.
//!
//! What is garbage follows from journaled facts: an attempt failed, a workflow ended. An attempt may
//! still be writing when it is given up: its objects go when its worker has had a lease and a grace
//! to hear of it. What is lost with the mailbox goes with its workflow, at the latest when the next
//! control plane opens that.

use std::time::Duration;

use common::ids::WorkflowId;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::Peers;
use crate::core::state::WorkflowState;
use crate::guard::Guard;

/// How much longer than its lease a worker may write what does not count, at most; no longer than
/// another lease.
const GRACE: Duration = Duration::from_secs(30);

/// How often it is looked at what is kept, and when first.
const SWEEP_EVERY: Duration = Duration::from_secs(600);
const FIRST_SWEEP: Duration = Duration::from_secs(1);

/// Returns how long what a lost attempt wrote stays: its worker may still be writing.
pub(crate) fn grace(lease: Duration) -> Duration {
    match Guard::GarbageGrace.stands() {
        true => lease + GRACE.min(lease),
        false => Duration::ZERO,
    }
}

/// What the collector may be told.
enum Message {
    /// An attempt failed that wrote under this prefix.
    Attempt(String),
    /// A workflow is over; its state, if it has just ended.
    Workflow(WorkflowId, Option<Box<WorkflowState>>),
    /// What it left was taken away once.
    Collected(WorkflowId),
    /// Lease and grace have passed.
    Due(String),
    /// The same, for a workflow that is over.
    WorkflowDue(WorkflowId),
    /// Time to look at what is kept.
    Sweep,
}

/// The way to the collector.
#[derive(Debug, Clone)]
pub struct Handle(ActorRef<Message>);

impl Handle {
    /// Starts the actor.
    pub async fn start(
        lease: Duration,
        peers: Peers,
        supervisor: ractor::ActorCell,
    ) -> Result<Self, ractor::SpawnErr> {
        let arguments = (lease, peers);
        let (actor, _) = Actor::spawn_linked(None, Collector, arguments, supervisor).await?;
        Ok(Self(actor))
    }

    /// Tells of an attempt that failed, by the prefix of its objects.
    pub fn attempt(&self, prefix: String) {
        let _ = self.0.cast(Message::Attempt(prefix));
    }

    /// Tells of a workflow that is over: all its objects are garbage but the outputs, and the results
    /// that are kept if it has just ended in this state.
    pub fn workflow(&self, workflow: WorkflowId, last: Option<Box<WorkflowState>>) {
        let _ = self.0.cast(Message::Workflow(workflow, last));
    }
}

struct Collector;

struct State {
    wait: Duration,
    peers: Peers,
}

impl Actor for Collector {
    type Msg = Message;
    type State = State;
    type Arguments = (Duration, Peers);

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (lease, peers): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let wait = grace(lease);
        myself.send_after(FIRST_SWEEP, || Message::Sweep);
        myself.send_interval(SWEEP_EVERY, || Message::Sweep);
        Ok(State { wait, peers })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Attempt(prefix) => {
                myself.send_after(state.wait, move || Message::Due(prefix));
            }
            Message::Workflow(workflow, last) => {
                let id = workflow.clone();
                let done = move || {
                    let _ = myself.cast(Message::Collected(id));
                };
                state.peers.get().services.over(workflow, last, done);
            }
            // What an attempt that was given up writes later goes in the second pass.
            Message::Collected(workflow) => {
                myself.send_after(state.wait, move || Message::WorkflowDue(workflow));
            }
            Message::Due(prefix) => state.collect(prefix),
            Message::WorkflowDue(workflow) => {
                state.peers.get().services.over(workflow, None, || {});
            }
            Message::Sweep => state.peers.get().services.sweep(),
        }
        Ok(())
    }
}

impl State {
    fn collect(&self, prefix: String) {
        self.peers.get().services.collect(prefix);
    }
}
