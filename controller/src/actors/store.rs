//! The only writer of the state. It has a thread of its own; what waits for it is written together,
//! and answers come after durability.
//!
//! When the store of one machine fails this ends, and with it the controller. The store of a cluster
//! may fail for a while: then nobody gets an answer, nothing more is written for the leader of that
//! epoch, who stops leading, and submissions go on.

mod writer;

use std::sync::Arc;

use common::ids::{BatchId, Epoch, IdempotencyToken, TenantId, WorkflowId};
use ractor::thread_local::{ThreadLocalActor, ThreadLocalActorSpawner};
use ractor::{ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use super::workflow::Snapshot;
use super::workflows::Opened;
use super::{NoAnswer, answer};
use crate::core::fact::Fact;
use crate::leader::StateLock;
use crate::objects::Fetcher;
use crate::state::journal::Ending;
use crate::state::records::{Accepted, SnapshotPointer, Token};
use crate::state::{StateStore, Transaction, Write, journal, keys};
use writer::State;

/// What is done once a transaction is durable.
type Done = Box<dyn FnOnce() + Send>;

/// What the store may be told.
enum Message {
    /// Facts of a workflow.
    Append {
        transactions: Vec<Transaction>,
        epoch: Epoch,
        done: Done,
    },
    /// Something that any controller may write, whoever leads.
    Write {
        write: Write,
        reply: oneshot::Sender<()>,
    },
    /// A snapshot of a workflow, written as an object.
    Install {
        workflow: WorkflowId,
        pointer: SnapshotPointer,
        /// How it ended, if it is over.
        ending: Option<Ending>,
        epoch: Epoch,
        done: Done,
    },
    /// The number of a new leadership.
    NextEpoch { reply: oneshot::Sender<Epoch> },
    /// A submission.
    Submit {
        submission: Submission,
        reply: oneshot::Sender<Submitted>,
    },
    /// Finish submissions that were interrupted.
    FinishSubmissions,
    /// All workflows, as they are now.
    LoadAll { reply: oneshot::Sender<Vec<Opened>> },
    /// One workflow that is over.
    Load {
        workflow: WorkflowId,
        reply: oneshot::Sender<Option<Snapshot>>,
    },
    /// What workflows that are over took in on a day since 1970.
    Spent {
        day: u32,
        reply: oneshot::Sender<Vec<(TenantId, WorkflowId, u64)>>,
    },
    /// Write what has gathered.
    Flush,
}

/// A submission with its idempotency token.
#[derive(Debug)]
pub struct Submission {
    /// What the client chose.
    pub name: IdempotencyToken,
    /// What it stands for.
    pub token: Token,
    /// The workflows.
    pub workflows: Vec<Accepted>,
}

/// What became of a submission.
#[derive(Debug, PartialEq, Eq)]
pub enum Submitted {
    /// It is durable.
    Accepted,
    /// It was durable before.
    Known(BatchId, Vec<WorkflowId>),
    /// Another submission has the token.
    Conflict,
    /// The store does not take so much at once.
    TooLarge,
}

/// What becomes of the actor when the store fails or refuses the leader.
pub enum OnFailure {
    /// It ends.
    End,
    /// It goes on, and tells that the leader has to stop leading.
    Tell(Box<dyn Fn() + Send>),
}

/// The way to the store.
#[derive(Debug, Clone)]
pub struct Handle(ActorRef<Message>);

/// The way to the store of a leader: what it writes is refused once another one leads.
#[derive(Debug, Clone)]
pub struct Journal {
    store: Handle,
    epoch: Epoch,
}

impl Journal {
    /// Journals facts, the first with this sequence number; `done` is called when they are durable.
    pub fn append(&self, workflow: &WorkflowId, first: u64, facts: &[Fact], done: Done) {
        let message = Message::Append {
            transactions: journal::append(self.epoch, workflow, first, facts),
            epoch: self.epoch,
            done,
        };
        let _ = self.store.0.cast(message);
    }

    /// Makes a written snapshot count; `done` is called when that is durable. If it is the last one,
    /// of a workflow with this `ending`, nothing else is read of it any more.
    pub fn install_snapshot(
        &self,
        (workflow, ending): (WorkflowId, Option<Ending>),
        pointer: SnapshotPointer,
        done: Done,
    ) {
        let message = Message::Install {
            workflow,
            pointer,
            ending,
            epoch: self.epoch,
            done,
        };
        let _ = self.store.0.cast(message);
    }
}

/// An open store.
pub struct Open {
    /// The store.
    pub store: Box<dyn StateStore>,
    /// What keeps other processes from opening it, if that must be.
    pub lock: Option<Arc<StateLock>>,
    /// What to do when it fails.
    pub on_failure: OnFailure,
}

impl Handle {
    /// Starts the actor over an open store. Snapshots are read from `objects`.
    pub async fn start(
        open: Open,
        objects: Fetcher,
        supervisor: ractor::ActorCell,
    ) -> Result<Self, ractor::SpawnErr> {
        let spawner = ThreadLocalActorSpawner::new();
        let arguments = (open, objects);
        let (actor, _) = Store::spawn_linked(None, arguments, supervisor, spawner).await?;
        Ok(Self(actor))
    }

    /// Returns the way for the leader of an epoch.
    pub fn led_in(&self, epoch: Epoch) -> Journal {
        let store = self.clone();
        Journal { store, epoch }
    }

    /// Takes the next epoch: every earlier leader is fenced off.
    ///
    /// # Errors
    /// [`NoAnswer`] if the store failed.
    pub async fn next_epoch(&self) -> Result<Epoch, NoAnswer> {
        let (reply, epoch) = oneshot::channel();
        let _ = self.0.cast(Message::NextEpoch { reply });
        epoch.await.map_err(|_| NoAnswer)
    }

    /// Makes the wish to stop a workflow durable: whoever leads will see it.
    ///
    /// # Errors
    /// [`NoAnswer`] if the store failed.
    pub async fn wish_cancel(&self, workflow: &WorkflowId) -> Result<(), NoAnswer> {
        self.write(Write::Put(keys::cancel(workflow), Vec::new()))
            .await
    }

    /// Takes the wish away once it has been fulfilled.
    ///
    /// # Errors
    /// [`NoAnswer`] if the store failed.
    pub async fn forget_cancel(&self, workflow: &WorkflowId) -> Result<(), NoAnswer> {
        self.write(Write::Delete(keys::cancel(workflow))).await
    }

    async fn write(&self, write: Write) -> Result<(), NoAnswer> {
        let (reply, written) = oneshot::channel();
        let _ = self.0.cast(Message::Write { write, reply });
        answer(written).await
    }

    /// Ends the actor without writing what has gathered.
    pub fn stop(&self) {
        self.0.get_cell().kill();
    }

    /// Makes a submission durable.
    ///
    /// # Errors
    /// [`NoAnswer`] if the controller goes down: it may be durable or not.
    pub async fn submit(&self, submission: Submission) -> Result<Submitted, NoAnswer> {
        let (reply, submitted) = oneshot::channel();
        let _ = self.0.cast(Message::Submit { submission, reply });
        answer(submitted).await
    }

    /// Finishes what a controller that is gone may have left of a large submission.
    pub fn finish_submissions(&self) {
        let _ = self.0.cast(Message::FinishSubmissions);
    }

    /// Returns all workflows, in order of acceptance.
    ///
    /// # Errors
    /// [`NoAnswer`] if the store failed.
    pub async fn load_all(&self) -> Result<Vec<Opened>, NoAnswer> {
        let (reply, all) = oneshot::channel();
        let _ = self.0.cast(Message::LoadAll { reply });
        all.await.map_err(|_| NoAnswer)
    }

    /// Returns what workflows that are over took in on a day since 1970.
    ///
    /// # Errors
    /// [`NoAnswer`] if the store failed.
    pub async fn spent(&self, day: u32) -> Result<Vec<(TenantId, WorkflowId, u64)>, NoAnswer> {
        let (reply, spent) = oneshot::channel();
        let _ = self.0.cast(Message::Spent { day, reply });
        answer(spent).await
    }

    /// Returns how a workflow ended.
    ///
    /// # Errors
    /// [`NoAnswer`] if the store failed.
    pub async fn load(&self, workflow: WorkflowId) -> Result<Option<Snapshot>, NoAnswer> {
        let (reply, found) = oneshot::channel();
        let _ = self.0.cast(Message::Load { workflow, reply });
        answer(found).await
    }
}

#[derive(Default)]
struct Store;

/// The store refused a leader's write: another one came, or wrote the same facts.
#[derive(Debug, thiserror::Error)]
#[error("another controller wrote to the state")]
pub struct Fenced;

impl ThreadLocalActor for Store {
    type Msg = Message;
    type State = State;
    type Arguments = (Open, Fetcher);

    async fn pre_start(
        &self,
        _: ActorRef<Message>,
        (open, objects): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State::new(open, objects))
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match state.act(&myself, message) {
            Err(error) => state.fail(error),
            Ok(()) => Ok(()),
        }
    }
}
