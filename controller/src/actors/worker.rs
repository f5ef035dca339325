//! One attached worker: its stream, its liveness. It decides when the worker is suspect or lost.

mod liveness;

use std::time::{Duration, Instant};

use common::ids::{Epoch, WorkerId, WorkflowId};
use common::task::{Assignment, AttemptId};
use common::wire::WireError;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::Peers;
use super::scheduler::Availability;
use super::workflow::Said;
use crate::worker_info::WorkerInfo;
use liveness::suspect_after;

/// The stream to a worker; an error ends it.
pub type Outbox = mpsc::Sender<Result<ToWorker, WireError>>;

/// What a worker is told.
#[derive(Debug, Clone, PartialEq)]
pub enum ToWorker {
    /// The first message.
    Welcome {
        /// Of the leader.
        epoch: Epoch,
        /// Time after which a silent worker is given up.
        lease: Duration,
    },
    /// An attempt to run.
    Assignment(Box<Assignment>),
    /// An attempt to end.
    Cancel(AttemptId),
    /// Take no more.
    Drain,
    /// A report is durable, or refused for good.
    Ack {
        /// Of this attempt.
        attempt: AttemptId,
        /// Whether it counted.
        accepted: bool,
    },
    /// A read batch is durable, or refused for good.
    ReadBatchAck {
        /// Of this attempt.
        attempt: AttemptId,
        /// Index of the batch in its lane.
        index: u32,
        /// Whether it counted.
        accepted: bool,
    },
}

/// What a worker says.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "almost every message is of the large variant"
)]
pub enum FromWorker {
    /// About an attempt.
    Said(WorkflowId, Said),
    /// It will take no more, and has handed back what it could not finish.
    Drained,
    /// It takes this many attempts at the same time from now on.
    Credits(u32),
}

/// What a worker's actor may be told.
enum Message {
    /// It attached, perhaps again.
    Attached {
        info: WorkerInfo,
        outbox: Outbox,
        session: u64,
        epoch: Epoch,
    },
    /// It said something. The permit bounds what waits here.
    Received {
        messages: Vec<Result<FromWorker, WireError>>,
        session: u64,
        permit: OwnedSemaphorePermit,
    },
    /// Its stream ended.
    Detached { session: u64 },
    /// It is alive, says this connection.
    Heartbeat { connection: u64 },
    /// Its heartbeat's connection ended.
    HeartbeatEnded { connection: u64 },
    /// It was cut off a while ago; signs of life before.
    Abandon { signs: u64 },
    /// Something for it.
    Send(Vec<ToWorker>),
    /// It shall take no more.
    Drain,
    /// Look at the time.
    Check,
}

/// The way to one worker.
#[derive(Debug, Clone)]
pub struct Handle(ActorRef<Message>);

impl Handle {
    /// Starts the actor of a worker that is about to attach.
    pub async fn start(
        id: WorkerId,
        lease: Duration,
        peers: Peers,
        supervisor: ractor::ActorCell,
    ) -> Result<Self, ractor::SpawnErr> {
        let arguments = (id, lease, peers);
        let (actor, _) = Actor::spawn_linked(None, Worker, arguments, supervisor).await?;
        Ok(Self(actor))
    }

    /// Tells it that the worker attached.
    pub fn attached(&self, info: WorkerInfo, outbox: Outbox, session: u64, epoch: Epoch) {
        let _ = self.0.cast(Message::Attached {
            info,
            outbox,
            session,
            epoch,
        });
    }

    /// Hands on what the worker said.
    pub fn received(
        &self,
        messages: Vec<Result<FromWorker, WireError>>,
        session: u64,
        permit: OwnedSemaphorePermit,
    ) {
        let _ = self.0.cast(Message::Received {
            messages,
            session,
            permit,
        });
    }

    /// Tells it that the stream of a session ended.
    pub fn detached(&self, session: u64) {
        let _ = self.0.cast(Message::Detached { session });
    }

    /// Tells it that the worker is alive.
    pub fn heartbeat(&self, connection: u64) {
        let _ = self.0.cast(Message::Heartbeat { connection });
    }

    /// Tells it that a heartbeat's connection ended.
    pub fn heartbeat_ended(&self, connection: u64) {
        let _ = self.0.cast(Message::HeartbeatEnded { connection });
    }

    /// Sends messages to the worker, in order.
    pub fn send(&self, messages: Vec<ToWorker>) {
        let _ = self.0.cast(Message::Send(messages));
    }

    /// Asks the worker to take no more.
    pub fn drain(&self) {
        let _ = self.0.cast(Message::Drain);
    }

    /// Ends the actor.
    pub fn stop(&self) {
        self.0.stop(None);
    }
}

struct Worker;

struct State {
    id: WorkerId,
    lease: Duration,
    peers: Peers,
    stream: Option<Stream>,
    info: Option<WorkerInfo>,
    last_heard: Instant,
    detached_at: Option<Instant>,
    /// The connection of the last heartbeat, until it ends.
    beating: Option<u64>,
    /// Signs of life so far.
    signs: u64,
    availability: Availability,
    drained: bool,
}

struct Stream {
    session: u64,
    outbox: Outbox,
}

impl Actor for Worker {
    type Msg = Message;
    type State = State;
    type Arguments = (WorkerId, Duration, Peers);

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (id, lease, peers): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        myself.send_after(suspect_after(lease), || Message::Check);
        Ok(State {
            id,
            lease,
            peers,
            stream: None,
            info: None,
            last_heard: Instant::now(),
            detached_at: None,
            beating: None,
            signs: 0,
            availability: Availability::Ready,
            drained: false,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Attached {
                info,
                outbox,
                session,
                epoch,
            } => {
                state.attach(info, Stream { session, outbox }, epoch);
            }
            Message::Received {
                messages,
                session,
                permit,
            } => {
                if state
                    .stream
                    .as_ref()
                    .is_some_and(|stream| stream.session == session)
                {
                    state.receive(messages);
                }
                drop(permit);
            }
            Message::Detached { session } => {
                state.detach(session);
                state.fear(&myself);
            }
            Message::Heartbeat { connection } => {
                state.beating = Some(connection);
                state.heard();
            }
            Message::HeartbeatEnded { connection } => {
                if state.beating == Some(connection) {
                    state.beating = None;
                    state.fear(&myself);
                }
            }
            Message::Abandon { signs } => state.abandon(signs),
            Message::Send(messages) => state.send(messages),
            Message::Drain => state.drain(),
            Message::Check => {
                if let Some(wait) = state.check() {
                    myself.send_after(wait, || Message::Check);
                }
            }
        }
        Ok(())
    }
}

impl State {
    fn attach(&mut self, info: WorkerInfo, stream: Stream, epoch: Epoch) {
        self.stream = Some(stream);
        self.detached_at = None;
        self.last_heard = Instant::now();
        self.signs += 1;
        self.drained = false;
        if self.availability == Availability::Suspect {
            self.availability = Availability::Ready;
        }
        let lease = self.lease;
        self.send(vec![ToWorker::Welcome { epoch, lease }]);
        let holding = info.holding.clone();
        self.info = Some(info);
        let handles = self.peers.get();
        handles.workflows.attached(self.id.clone(), holding);
        if self.availability == Availability::Draining {
            self.send(vec![ToWorker::Drain]);
        }
        self.announce();
    }

    fn receive(&mut self, messages: Vec<Result<FromWorker, WireError>>) {
        self.heard();
        let mut said: Vec<(WorkflowId, Said)> = Vec::with_capacity(messages.len());
        for message in messages {
            match message {
                Ok(FromWorker::Said(workflow, what)) => said.push((workflow, what)),
                Ok(FromWorker::Drained) => self.drained = true,
                Ok(FromWorker::Credits(attempts)) => self.credit(attempts),
                Err(error) => {
                    tracing::warn!(worker = %self.id, %error, "worker sent what it must not");
                    self.refuse(error);
                    return;
                }
            }
        }
        if !said.is_empty() {
            self.peers.get().workflows.said(self.id.clone(), said);
        }
        if self.drained && self.availability != Availability::Draining {
            self.availability = Availability::Draining;
            self.announce();
        }
    }

    fn credit(&mut self, attempts: u32) {
        if let Some(info) = &mut self.info {
            info.credits = attempts;
            self.announce();
        }
    }

    fn refuse(&mut self, error: WireError) {
        if let Some(stream) = self.stream.take() {
            let _ = stream.outbox.try_send(Err(error));
            self.lose_stream();
        }
    }

    fn detach(&mut self, session: u64) {
        if self
            .stream
            .as_ref()
            .is_some_and(|stream| stream.session == session)
        {
            self.stream = None;
            self.lose_stream();
        }
    }

    fn lose_stream(&mut self) {
        self.detached_at = Some(Instant::now());
        if self.drained {
            self.peers.get().workers.gone(self.id.clone(), true);
            return;
        }
        self.suspect();
    }

    fn drain(&mut self) {
        self.availability = Availability::Draining;
        self.send(vec![ToWorker::Drain]);
        self.announce();
    }

    /// Puts messages into the stream. A worker that reads too slowly loses it.
    fn send(&mut self, messages: Vec<ToWorker>) {
        let Some(stream) = &self.stream else { return };
        for message in messages {
            if stream.outbox.try_send(Ok(message)).is_err() {
                tracing::warn!(worker = %self.id, "worker does not read its stream");
                self.stream = None;
                self.lose_stream();
                return;
            }
        }
    }

    fn announce(&self) {
        if let Some(info) = &self.info {
            let scheduler = &self.peers.get().scheduler;
            scheduler.worker_changed(info.clone(), self.availability);
        }
    }
}
