//! The thread of the store: gathers transactions, writes them together, tells who waits.

use std::sync::Arc;

use common::ids::{Epoch, IdempotencyToken, Sha256, WorkflowId};
use common::task::ObjectRef;
use ractor::{ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use super::{Done, Fenced, Message, OnFailure, Open, Submission, Submitted};
use crate::actors::workflow::Snapshot;
use crate::actors::workflows::Opened;
use crate::core::state::WorkflowState;
use crate::leader::StateLock;
use crate::metrics::{COMMIT_SECONDS, COMMITTED_BYTES, STORE_FAILURES};
use crate::objects::Fetcher;
use crate::state::records::{Token, accept};
use crate::state::{
    Outcome, StateStore, StoreError, Transaction, journal, keys, large, schema, usage,
};

/// How many transactions are written together at most.
const GROUP: usize = 64;

pub(super) struct State {
    store: Box<dyn StateStore>,
    objects: Fetcher,
    /// Dropped after the store: who gets it next finds the store closed.
    _lock: Option<Arc<StateLock>>,
    on_failure: OnFailure,
    /// Of the last leader that wrote, and of the last one that may not write any more.
    epoch: Epoch,
    over: Option<Epoch>,
    transactions: Vec<Transaction>,
    waiting: Vec<Waiting>,
}

/// Who waits for a transaction.
enum Waiting {
    /// The next transaction is the last of its kind.
    Nobody,
    Facts(Done),
    Writer(oneshot::Sender<()>),
    Client {
        name: IdempotencyToken,
        body: Sha256,
        reply: oneshot::Sender<Submitted>,
    },
}

impl State {
    pub(super) fn new(open: Open, objects: Fetcher) -> Self {
        let Open {
            store,
            lock,
            on_failure,
        } = open;
        Self {
            store,
            objects,
            _lock: lock,
            on_failure,
            epoch: Epoch::default(),
            over: None,
            transactions: Vec::new(),
            waiting: Vec::new(),
        }
    }

    pub(super) fn act(
        &mut self,
        myself: &ActorRef<Message>,
        message: Message,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Append {
                transactions,
                epoch,
                done,
            } => self.append(myself, transactions, epoch, done)?,
            Message::Install {
                workflow,
                pointer,
                ending,
                epoch,
                done,
            } => {
                // The facts in the snapshot are durable before it counts.
                self.flush()?;
                let store = &*self.store;
                let install = journal::install_snapshot(store, epoch, &workflow, &pointer)?;
                let install = journal::with_end(install, &workflow, ending);
                self.append(myself, install, epoch, done)?;
            }
            Message::Write { write, reply } => {
                let transaction = Transaction {
                    compares: Vec::new(),
                    writes: vec![write],
                };
                self.add(myself, transaction, Waiting::Writer(reply))?;
            }
            Message::NextEpoch { reply } => {
                let _ = reply.send(schema::next_epoch(&mut *self.store)?);
            }
            Message::Submit { submission, reply } => self.submit(myself, submission, reply)?,
            Message::FinishSubmissions => large::finish_all(&mut *self.store)?,
            Message::LoadAll { reply } => {
                self.flush()?;
                let _ = reply.send(self.load_all()?);
            }
            Message::Load { workflow, reply } => {
                let found = self.load(&workflow)?;
                let _ = reply.send(found.as_ref().map(Snapshot::of));
            }
            Message::Spent { day, reply } => {
                let _ = reply.send(usage::of_day(&*self.store, day)?);
            }
            Message::Flush => self.flush()?,
        }
        Ok(())
    }

    /// Keeps facts for the next group, unless their leader is over: what it writes after something
    /// that is in doubt could leave a gap.
    fn append(
        &mut self,
        myself: &ActorRef<Message>,
        transactions: Vec<Transaction>,
        epoch: Epoch,
        done: Done,
    ) -> Result<(), ActorProcessingErr> {
        if self.over.is_some_and(|over| epoch <= over) {
            return Ok(());
        }
        self.epoch = epoch;
        let mut done = Some(done);
        let last = transactions.len().saturating_sub(1);
        for (index, transaction) in transactions.into_iter().enumerate() {
            let waiting = match done.take_if(|_| index == last) {
                Some(done) => Waiting::Facts(done),
                None => Waiting::Nobody,
            };
            self.add(myself, transaction, waiting)?;
        }
        Ok(())
    }

    fn submit(
        &mut self,
        myself: &ActorRef<Message>,
        submission: Submission,
        reply: oneshot::Sender<Submitted>,
    ) -> Result<(), ActorProcessingErr> {
        let Submission {
            name,
            token,
            workflows,
        } = submission;
        let transaction = accept(Some((&name, &token)), &workflows);
        let body = token.body;
        if !self.store.takes(&transaction) {
            self.flush()?;
            let submitted = match large::submit(&mut *self.store, &token.batch, &transaction)? {
                Some(Outcome::Committed) => Submitted::Accepted,
                Some(Outcome::Refused(_)) => known(&*self.store, &name, body)?,
                None => Submitted::TooLarge,
            };
            let _ = reply.send(submitted);
            return Ok(());
        }
        self.add(myself, transaction, Waiting::Client { name, body, reply })
    }

    /// Ends, or goes on without those who wait; the leader stops if it is in doubt what became of its
    /// facts.
    pub(super) fn fail(&mut self, error: ActorProcessingErr) -> Result<(), ActorProcessingErr> {
        let OnFailure::Tell(tell) = &self.on_failure else {
            return Err(error);
        };
        tracing::warn!(%error, "the state store failed");
        STORE_FAILURES.inc();
        let facts = |waiting: &Waiting| matches!(waiting, Waiting::Facts(_) | Waiting::Nobody);
        let in_doubt = error.is::<Fenced>() || self.waiting.iter().any(facts);
        self.transactions.clear();
        self.waiting.clear();
        if in_doubt && self.over < Some(self.epoch) {
            self.over = Some(self.epoch);
            tell();
        }
        Ok(())
    }

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
        let timer = COMMIT_SECONDS.start_timer();
        let outcomes = self.store.commit(&self.transactions)?;
        timer.observe_duration();
        COMMITTED_BYTES.inc_by(self.transactions.iter().map(Transaction::bytes).sum());
        self.transactions.clear();
        for (waiting, outcome) in self.waiting.drain(..).zip(outcomes) {
            match (waiting, outcome) {
                (Waiting::Facts(done), Outcome::Committed) => done(),
                (Waiting::Nobody, Outcome::Committed) => {}
                (Waiting::Writer(reply), Outcome::Committed) => {
                    let _ = reply.send(());
                }
                (Waiting::Facts(_) | Waiting::Nobody, Outcome::Refused(_)) => {
                    return Err(Fenced.into());
                }
                (Waiting::Writer(_), Outcome::Refused(_)) => {}
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
            if let Some(status) = journal::ended(&*self.store, &accepted.workflow)? {
                opened.push(Opened::over(&accepted, status));
            } else if let Some(state) = self.load(&accepted.workflow)? {
                opened.push(Opened::of(state));
            }
        }
        Ok(opened)
    }

    fn load(&self, workflow: &WorkflowId) -> Result<Option<WorkflowState>, StoreError> {
        journal::load(&*self.store, workflow, |object| self.fetch(object))
    }

    fn fetch(&self, object: &ObjectRef) -> Result<Vec<u8>, StoreError> {
        let bytes = self.objects.read(&object.key);
        bytes.map_err(|source| StoreError::Failed {
            doing: "reading a snapshot",
            source: Box::new(source),
        })
    }
}

/// Answers a submission whose token, or one of whose new ids, is taken.
fn known(
    store: &dyn StateStore,
    name: &IdempotencyToken,
    body: Sha256,
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
