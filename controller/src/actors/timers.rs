//! Deadlines of workflows: backoff and retries. Nothing is lost with it: each workflow asks again
//! for its next deadline when it starts.

use std::collections::BTreeMap;
use std::time::Duration;

use common::ids::WorkflowId;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::{Peers, now_ms};

/// What the timers may be told.
enum Message {
    /// Wake a workflow at a time, in milliseconds since 1970.
    Wake { workflow: WorkflowId, at_ms: u64 },
    /// A time has come.
    Due { workflow: WorkflowId, at_ms: u64 },
}

/// The way to the timers.
#[derive(Debug, Clone)]
pub struct Handle(ActorRef<Message>);

impl Handle {
    /// Starts the actor.
    pub async fn start(
        peers: Peers,
        supervisor: ractor::ActorCell,
    ) -> Result<Self, ractor::SpawnErr> {
        let (actor, _) = Actor::spawn_linked(None, Timers, peers, supervisor).await?;
        Ok(Self(actor))
    }

    /// Asks to wake a workflow at a time; an earlier wish stands.
    pub fn wake(&self, workflow: WorkflowId, at_ms: u64) {
        let _ = self.0.cast(Message::Wake { workflow, at_ms });
    }
}

struct Timers;

struct State {
    peers: Peers,
    /// The earliest time that was asked for, of each workflow.
    wishes: BTreeMap<WorkflowId, u64>,
}

impl Actor for Timers {
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
            wishes: BTreeMap::new(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Wake { workflow, at_ms } => {
                let earlier = state.wishes.get(&workflow);
                if earlier.is_none_or(|&earlier| at_ms < earlier) {
                    state.wishes.insert(workflow.clone(), at_ms);
                    let wait = Duration::from_millis(at_ms.saturating_sub(now_ms()));
                    myself.send_after(wait, move || Message::Due { workflow, at_ms });
                }
            }
            Message::Due { workflow, at_ms } => {
                if state.wishes.get(&workflow) == Some(&at_ms) {
                    state.wishes.remove(&workflow);
                    state.peers.get().workflows.wake(workflow);
                }
            }
        }
        Ok(())
    }
}
