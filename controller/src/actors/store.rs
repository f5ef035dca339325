//! The only writer of the state. It has a thread of its own; what waits for it is written together,
//! and answers come after durability. When the store fails it ends, and with it the controller.

use std::path::PathBuf;
use std::sync::Arc;

use common::ids::{BatchId, Epoch, IdempotencyToken, WorkflowId};
use common::task::ObjectRef;
use common::workflow::Work;
use ractor::thread_local::{ThreadLocalActor, ThreadLocalActorSpawner};
use ractor::{ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use super::workflow::Snapshot;
use super::workflows::{Opened, Place};
use super::{NoAnswer, answer};
use crate::core::fact::Fact;
use crate::core::state::WorkflowState;
use crate::core::view;
use crate::leader::StateLock;
use crate::state::records::{Accepted, SnapshotPointer, Token, accept};
use crate::state::{Outcome, StateStore, StoreError, Transaction, journal, keys, schema};

/// How many transactions are written together at most.
const GROUP: usize = 64;

/// What is done once a transaction is durable.
type Done = Box<dyn FnOnce() + Send>;

/// What the store may be told.
enum Message {
    /// Facts of a workflow.
    Append {
        transaction: Transaction,
        done: Done,
    },
    /// A snapshot of a workflow, written as an object.
    Install {
        workflow: WorkflowId,
        pointer: SnapshotPointer,
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
    /// All workflows, as they are now.
    LoadAll { reply: oneshot::Sender<Vec<Opened>> },
    /// One workflow that is over.
    Load {
        workflow: WorkflowId,
        reply: oneshot::Sender<Option<Snapshot>>,
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
        let transaction = journal::append(self.epoch, workflow, first, facts);
        let _ = self.store.0.cast(Message::Append { transaction, done });
    }

    /// Makes a written snapshot count; `done` is called when that is durable.
    pub fn install_snapshot(&self, workflow: WorkflowId, pointer: SnapshotPointer, done: Done) {
        let message = Message::Install {
            workflow,
            pointer,
            epoch: self.epoch,
            done,
        };
        let _ = self.store.0.cast(message);
    }
}

impl Handle {
    /// Starts the actor over an open store. Snapshots are read from `objects`.
    pub async fn start(
        store: Box<dyn StateStore>,
        lock: Arc<StateLock>,
        objects: PathBuf,
        supervisor: ractor::ActorCell,
    ) -> Result<Self, ractor::SpawnErr> {
        let spawner = ThreadLocalActorSpawner::new();
        let arguments = (store, lock, objects);
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

    /// Returns all workflows, in order of acceptance.
    ///
    /// # Errors
    /// [`NoAnswer`] if the store failed.
    pub async fn load_all(&self) -> Result<Vec<Opened>, NoAnswer> {
        let (reply, all) = oneshot::channel();
        let _ = self.0.cast(Message::LoadAll { reply });
        all.await.map_err(|_| NoAnswer)
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

struct State {
    store: Box<dyn StateStore>,
    objects: PathBuf,
    /// Dropped after the store: who gets it next finds the store closed.
    _lock: Arc<StateLock>,
    transactions: Vec<Transaction>,
    waiting: Vec<Waiting>,
}

/// Who waits for a transaction.
enum Waiting {
    Facts(Done),
    Client {
        name: IdempotencyToken,
        body: common::ids::Sha256,
        reply: oneshot::Sender<Submitted>,
    },
}

/// The store refused a leader's write: another one came, or wrote the same facts.
#[derive(Debug, thiserror::Error)]
#[error("another controller wrote to the state")]
pub struct Fenced;

impl ThreadLocalActor for Store {
    type Msg = Message;
    type State = State;
    type Arguments = (Box<dyn StateStore>, Arc<StateLock>, PathBuf);

    async fn pre_start(
        &self,
        _: ActorRef<Message>,
        (store, lock, objects): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State {
            store,
            objects,
            _lock: lock,
            transactions: Vec::new(),
            waiting: Vec::new(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Append { transaction, done } => {
                state.add(&myself, transaction, Waiting::Facts(done))?;
            }
            Message::Install {
                workflow,
                pointer,
                epoch,
                done,
            } => {
                // The facts in the snapshot are durable before it counts.
                state.flush()?;
                let store = &*state.store;
                let transaction = journal::install_snapshot(store, epoch, &workflow, &pointer)?;
                state.add(&myself, transaction, Waiting::Facts(done))?;
            }
            Message::NextEpoch { reply } => {
                let _ = reply.send(schema::next_epoch(&mut *state.store)?);
            }
            Message::Submit { submission, reply } => {
                let Submission {
                    name,
                    token,
                    workflows,
                } = submission;
                let transaction = accept(Some((&name, &token)), &workflows);
                let body = token.body;
                state.add(&myself, transaction, Waiting::Client { name, body, reply })?;
            }
            Message::LoadAll { reply } => {
                state.flush()?;
                let _ = reply.send(state.load_all()?);
            }
            Message::Load { workflow, reply } => {
                let found = state.load(&workflow)?;
                let _ = reply.send(found.as_ref().map(Snapshot::of));
            }
            Message::Flush => state.flush()?,
        }
        Ok(())
    }
}

impl State {
    /// Keeps a transaction for the next group. The flush comes after all that waits in the mailbox
    /// now, and at once when nothing does.
    fn add(
        &mut self,
        myself: &ActorRef<Message>,
        transaction: Transaction,
        waiting: Waiting,
    ) -> Result<(), ActorProcessingErr> {
        if self.transactions.is_empty() {
            myself.cast(Message::Flush)?;
        }
        self.transactions.push(transaction);
        self.waiting.push(waiting);
        if self.transactions.len() >= GROUP {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ActorProcessingErr> {
        if self.transactions.is_empty() {
            return Ok(());
        }
        let outcomes = self.store.commit(&self.transactions)?;
        self.transactions.clear();
        for (waiting, outcome) in self.waiting.drain(..).zip(outcomes) {
            match (waiting, outcome) {
                (Waiting::Facts(done), Outcome::Committed) => done(),
                (Waiting::Facts(_), Outcome::Refused(_)) => return Err(Fenced.into()),
                (Waiting::Client { reply, .. }, Outcome::Committed) => {
                    let _ = reply.send(Submitted::Accepted);
                }
                (Waiting::Client { name, body, reply }, Outcome::Refused(_)) => {
                    let _ = reply.send(known(&*self.store, &name, body)?);
                }
            }
        }
        Ok(())
    }

    fn load_all(&self) -> Result<Vec<Opened>, StoreError> {
        let mut opened = Vec::new();
        for accepted in journal::accepted(&*self.store)? {
            if let Some(state) = self.load(&accepted.workflow)? {
                opened.push(Opened::of(state));
            }
        }
        Ok(opened)
    }

    fn load(&self, workflow: &WorkflowId) -> Result<Option<WorkflowState>, StoreError> {
        journal::load(&*self.store, workflow, |object| self.fetch(object))
    }

    fn fetch(&self, object: &ObjectRef) -> Result<Vec<u8>, StoreError> {
        let bytes = std::fs::read(self.objects.join(&object.key));
        bytes.map_err(|source| StoreError::Failed {
            doing: "reading a snapshot",
            source: Box::new(source),
        })
    }
}

impl Opened {
    /// Keeps of a workflow that is over what a list of workflows needs.
    pub fn of(state: WorkflowState) -> Self {
        let sample = match &state.spec.work {
            Work::Genome(genome) => genome.sample.clone(),
            Work::Probe { .. } => String::new(),
        };
        Self {
            workflow: state.workflow.clone(),
            batch: state.batch.clone(),
            tenant: state.tenant.clone(),
            sample,
            status: view::status(&state),
            place: match state.is_ended() {
                true => Place::Over,
                false => Place::OnItsWay(Box::new(state)),
            },
        }
    }
}

/// Answers a submission whose token, or one of whose new ids, is taken.
fn known(
    store: &dyn StateStore,
    name: &IdempotencyToken,
    body: common::ids::Sha256,
) -> Result<Submitted, StoreError> {
    let key = keys::token(name);
    let Some(value) = store.get(&key)? else {
        return Ok(Submitted::Conflict);
    };
    let token = Token::decode(&key, &value)?;
    Ok(match token.body == body {
        true => Submitted::Known(token.batch, token.workflows),
        false => Submitted::Conflict,
    })
}
