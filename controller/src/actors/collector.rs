//! Garbage: takes away the objects of lost attempts and of workflows that are over.
//!
//! What is garbage follows from journaled facts: an attempt failed, a workflow ended. An attempt may
//! still be writing when it is given up: its objects go when its worker has had a lease and a grace
//! to hear of it. What is lost with the mailbox goes with its workflow, at the latest when the next
//! control plane opens that.

use std::time::Duration;

use common::ids::WorkflowId;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::Peers;
use crate::guard::Guard;

/// How much longer than its lease a worker may write what does not count, at most; no longer than
/// another lease.
const GRACE: Duration = Duration::from_secs(30);

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
    /// A workflow is over.
    Workflow(WorkflowId),
    /// Lease and grace have passed.
    Due(String),
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

    /// Tells of a workflow that is over: all its objects but the outputs are garbage.
    pub fn workflow(&self, workflow: WorkflowId) {
        let _ = self.0.cast(Message::Workflow(workflow));
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
        _: ActorRef<Message>,
        (lease, peers): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let wait = grace(lease);
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
            Message::Workflow(workflow) => {
                // Nothing of it is read again; what an attempt that was given up writes later goes
                // in the second pass.
                let prefix = format!("work/{workflow}");
                state.collect(prefix.clone());
                myself.send_after(state.wait, move || Message::Due(prefix));
            }
            Message::Due(prefix) => state.collect(prefix),
        }
        Ok(())
    }
}

impl State {
    fn collect(&self, prefix: String) {
        self.peers.get().services.collect(prefix);
    }
}
