//! Letters between hosts, each a datagram of turmoil's network: it may be late, overtaken or lost.
//!
//! A datagram carries the number of a letter; the letters themselves stay in this process.

use std::cell::RefCell;
use std::io;

use common::failure::Failure;
use common::ids::{Epoch, IdempotencyToken, WorkerId};
use common::task::{Assignment, AttemptId, ReadBatchCommit, Report};
use common::workflow::WorkflowSpec;
use turmoil::net::UdpSocket;

use crate::state::{Outcome, Record, Transaction};

/// What hosts write to each other.
#[derive(Debug, Clone)]
pub(super) enum Letter {
    /// To the store; answers carry the same number.
    Ask(u64, Question),
    /// From the store.
    Answer(u64, Answer),
    /// A client submits.
    Submit(IdempotencyToken, Box<WorkflowSpec>),
    /// That is durable.
    Submitted(IdempotencyToken),
    /// A worker is there, and holds these attempts.
    Alive(WorkerId, Vec<AttemptId>),
    /// An attempt ended.
    Report(Report),
    /// A read batch is written.
    ReadBatch(ReadBatchCommit),
    /// An attempt to run.
    Assign(Box<Assignment>),
    /// An attempt to end, says the leader of this epoch.
    Cancel(AttemptId, Epoch),
    /// A report is durable, or refused for good.
    Ack(AttemptId, Epoch),
    /// A read batch is durable, or refused.
    BatchAck(AttemptId, u32, bool, Epoch),
}

/// What the store is asked.
#[derive(Debug, Clone)]
pub(super) enum Question {
    /// To lead, if nobody does.
    Campaign,
    /// To lead for longer.
    Renew(Epoch),
    /// To write.
    Commit(Vec<Transaction>),
    /// For everything.
    List,
}

/// What the store answers.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Leads(Option<Epoch>),
    Renewed(bool),
    Outcomes(Vec<Outcome>),
    Records(Vec<Record>),
}

thread_local! {
    static LETTERS: RefCell<Vec<Letter>> = const { RefCell::new(Vec::new()) };
}

/// Forgets all letters.
pub(super) fn clear() {
    LETTERS.with_borrow_mut(Vec::clear);
}

/// Where letters come in.
pub(super) const MAIL: u16 = 7400;

/// A host's letter box.
pub(super) struct Post(UdpSocket);

impl Post {
    pub(super) async fn open(port: u16) -> io::Result<Self> {
        Ok(Self(UdpSocket::bind(("0.0.0.0", port)).await?))
    }

    pub(super) async fn send(&self, host: &str, port: u16, letter: Letter) {
        let number = LETTERS.with_borrow_mut(|letters| {
            letters.push(letter);
            letters.len() as u64 - 1
        });
        // A host that is down hears nothing.
        let _ = self.0.send_to(&number.to_be_bytes(), (host, port)).await;
    }

    /// Returns the next letter, with host and port of its sender.
    pub(super) async fn receive(&self) -> (String, u16, Letter) {
        let mut number = [0; 8];
        let (_, from) = self.0.recv_from(&mut number).await.expect("it is bound");
        let host = turmoil::reverse_lookup(from.ip()).expect("hosts have names");
        let number = u64::from_be_bytes(number) as usize;
        let letter = LETTERS.with_borrow(|letters| letters[number].clone());
        (host, from.port(), letter)
    }
}

/// A fault that passes.
pub(super) fn passing() -> Failure {
    use common::failure::FailureClass;
    Failure::new(FailureClass::StorageTransient, "simulated")
}
