//! The attached workers: finds them by id, gives their sessions numbers, tells who is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::failure::FailureClass;
use common::ids::WorkerId;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use super::worker::{self, Outbox, ToWorker};
use super::{NoAnswer, Peers, answer};
use crate::worker_info::WorkerInfo;

/// Messages to one worker.
pub type Post = (WorkerId, Vec<ToWorker>);

/// What the registry may be told.
enum Message {
    /// A worker attached.
    Attach {
        info: WorkerInfo,
        outbox: Outbox,
        reply: oneshot::Sender<Session>,
    },
    /// The journal holds live attempts of these workers: they have one lease to attach.
    Expect(BTreeSet<WorkerId>),
    /// That lease has passed.
    GiveUp(BTreeSet<WorkerId>),
    /// A worker is alive, says this connection.
    Heartbeat { worker: WorkerId, connection: u64 },
    /// A heartbeat's connection ended.
    HeartbeatEnded { worker: WorkerId, connection: u64 },
    /// Messages to workers.
    Send(Vec<Post>),
    /// A worker shall take no more.
    Drain {
        worker: WorkerId,
        reply: oneshot::Sender<bool>,
    },
    /// A worker is gone; `orderly` if it said so before.
    Gone { worker: WorkerId, orderly: bool },
}

/// One stream of a worker.
#[derive(Debug)]
pub struct Session {
    /// The worker.
    pub worker: worker::Handle,
    /// Its number.
    pub number: u64,
}

/// The way to the registry of workers.
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
        let (actor, _) = Actor::spawn_linked(None, Workers, arguments, supervisor).await?;
        Ok(Self(actor))
    }

    /// Attaches a worker: its welcome is the first message in the outbox.
    ///
    /// # Errors
    /// [`NoAnswer`] if the controller goes down.
    pub async fn attach(&self, info: WorkerInfo, outbox: Outbox) -> Result<Session, NoAnswer> {
        let (reply, session) = oneshot::channel();
        let _ = self.0.cast(Message::Attach {
            info,
            outbox,
            reply,
        });
        answer(session).await
    }

    /// Gives workers, whose attempts are live in the journal, one lease to attach.
    pub fn expect(&self, workers: BTreeSet<WorkerId>) {
        let _ = self.0.cast(Message::Expect(workers));
    }

    /// Tells that a worker is alive; each connection of a heartbeat has its number.
    pub fn heartbeat(&self, worker: WorkerId, connection: u64) {
        let _ = self.0.cast(Message::Heartbeat { worker, connection });
    }

    /// Tells that a heartbeat's connection ended.
    pub fn heartbeat_ended(&self, worker: WorkerId, connection: u64) {
        let _ = self.0.cast(Message::HeartbeatEnded { worker, connection });
    }

    /// Sends messages. Assignments that no worker is there for are told to be lost.
    pub fn send(&self, posts: Vec<Post>) {
        let _ = self.0.cast(Message::Send(posts));
    }

    /// Asks a worker to take no more; says whether it is attached.
    ///
    /// # Errors
    /// [`NoAnswer`] if the controller goes down.
    pub async fn drain(&self, worker: WorkerId) -> Result<bool, NoAnswer> {
        let (reply, known) = oneshot::channel();
        let _ = self.0.cast(Message::Drain { worker, reply });
        answer(known).await
    }

    /// Tells that a worker is gone.
    pub fn gone(&self, worker: WorkerId, orderly: bool) {
        let _ = self.0.cast(Message::Gone { worker, orderly });
    }
}

struct Workers;

struct State {
    lease: Duration,
    peers: Peers,
    workers: BTreeMap<WorkerId, worker::Handle>,
    sessions: u64,
}

impl Actor for Workers {
    type Msg = Message;
    type State = State;
    type Arguments = (Duration, Peers);

    async fn pre_start(
        &self,
        _: ActorRef<Message>,
        (lease, peers): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State {
            lease,
            peers,
            workers: BTreeMap::new(),
            sessions: 0,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Attach {
                info,
                outbox,
                reply,
            } => {
                state.sessions += 1;
                let number = state.sessions;
                let worker = state.worker(&info.id, &myself).await?;
                worker.attached(info, outbox, number, state.peers.get().epoch);
                let _ = reply.send(Session { worker, number });
            }
            Message::Expect(workers) => {
                myself.send_after(state.lease, move || Message::GiveUp(workers));
            }
            Message::GiveUp(workers) => state.give_up(workers),
            Message::Heartbeat { worker, connection } => {
                if let Some(worker) = state.workers.get(&worker) {
                    worker.heartbeat(connection);
                }
            }
            Message::HeartbeatEnded { worker, connection } => {
                if let Some(worker) = state.workers.get(&worker) {
                    worker.heartbeat_ended(connection);
                }
            }
            Message::Send(posts) => posts.into_iter().for_each(|post| state.send(post)),
            Message::Drain { worker, reply } => {
                let worker = state.workers.get(&worker);
                if let Some(worker) = worker {
                    worker.drain();
                }
                let _ = reply.send(worker.is_some());
            }
            Message::Gone { worker, orderly } => {
                if let Some(handle) = state.workers.remove(&worker) {
                    handle.stop();
                }
                state.gone(worker, orderly);
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Message>,
        event: ractor::SupervisionEvent,
        _: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        // A worker's actor ends when the worker is gone. If it fails, everything starts again.
        if let ractor::SupervisionEvent::ActorFailed(_, error) = event {
            tracing::error!(%error, "the actor of a worker failed");
            myself.stop(Some("the actor of a worker failed".into()));
        }
        Ok(())
    }
}

impl State {
    async fn worker(
        &mut self,
        id: &WorkerId,
        myself: &ActorRef<Message>,
    ) -> Result<worker::Handle, ractor::SpawnErr> {
        if let Some(worker) = self.workers.get(id) {
            return Ok(worker.clone());
        }
        let (peers, supervisor) = (self.peers.clone(), myself.get_cell());
        let worker = worker::Handle::start(id.clone(), self.lease, peers, supervisor).await?;
        self.workers.insert(id.clone(), worker.clone());
        Ok(worker)
    }

    fn send(&self, (worker, messages): Post) {
        if let Some(worker) = self.workers.get(&worker) {
            worker.send(messages);
            return;
        }
        let assigned = messages
            .iter()
            .any(|message| matches!(message, ToWorker::Assignment(_)));
        if assigned {
            self.gone(worker, false);
        }
    }

    fn give_up(&self, workers: BTreeSet<WorkerId>) {
        for worker in workers {
            if !self.workers.contains_key(&worker) {
                tracing::warn!(%worker, "worker did not come back");
                self.gone(worker, false);
            }
        }
    }

    fn gone(&self, worker: WorkerId, orderly: bool) {
        let handles = self.peers.get();
        handles.scheduler.worker_gone(worker.clone(), orderly);
        let class = match orderly {
            true => FailureClass::Preempted,
            false => FailureClass::WorkerLost,
        };
        handles.workflows.worker_gone(worker, class);
    }
}
