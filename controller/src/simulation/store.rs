//! The store that all controllers share: it keeps everything, and grants the lead by a lease.

use std::time::Duration;

use common::ids::Epoch;

use super::net::{Answer, Letter, MAIL, Post, Question};
use super::world::{elapsed, violated, with};
use crate::core::fact::Change;
use crate::state::keys::{self, Meaning};
use crate::state::{StateStore, Transaction, Write, journal, schema};

/// Name of the host.
pub(super) const HOST: &str = "store";

/// Time after which a silent leader is replaced.
pub(super) const LEADER_LEASE: Duration = Duration::from_millis(1500);

/// How long a controller waits for an answer.
const PATIENCE: Duration = Duration::from_millis(400);

/// Answers until the end.
pub(super) async fn run() -> turmoil::Result {
    let post = Post::open(MAIL).await?;
    loop {
        let (host, port, letter) = post.receive().await;
        if let Letter::Ask(number, question) = letter {
            let answer = answer(question);
            post.send(&host, port, Letter::Answer(number, answer)).await;
        }
    }
}

fn answer(question: Question) -> Answer {
    match question {
        Question::Campaign => Answer::Leads(campaign()),
        Question::Renew(epoch) => Answer::Renewed(renew(epoch)),
        Question::Commit(transactions) => {
            let before = with(|world| world.highest);
            let outcomes = with(|world| world.store.commit(&transactions));
            let outcomes = outcomes.expect("memory does not fail");
            let committed = transactions.iter().zip(&outcomes);
            let committed = committed.filter(|(_, it)| **it == crate::state::Outcome::Committed);
            committed.for_each(|(transaction, _)| watch_epochs(transaction, before));
            Answer::Outcomes(outcomes)
        }
        Question::List => {
            let records = with(|world| world.store.range(b"", &[u8::MAX], usize::MAX));
            Answer::Records(records.expect("memory does not fail"))
        }
    }
}

fn campaign() -> Option<Epoch> {
    let now = elapsed();
    with(|world| {
        if world.leader.is_some_and(|(_, until)| until > now) {
            return None;
        }
        let epoch = schema::next_epoch(&mut world.store).expect("memory does not fail");
        world.leader = Some((epoch.0, now + LEADER_LEASE));
        Some(epoch)
    })
}

fn renew(epoch: Epoch) -> bool {
    let now = elapsed();
    with(|world| {
        let held = world.leader.as_mut();
        let held = held.filter(|(leader, until)| *leader == epoch.0 && *until > now);
        held.map(|held| held.1 = now + LEADER_LEASE).is_some()
    })
}

/// Once a leader has started an attempt, no earlier leader does.
fn watch_epochs(transaction: &Transaction, before: u64) {
    let journals = transaction.writes.iter().filter_map(|write| match write {
        Write::Put(key, value) => match keys::meaning(key) {
            Meaning::Journal(_) => journal::unpack(key, value).ok(),
            _ => None,
        },
        Write::Delete(_) => None,
    });
    for fact in journals.flat_map(|(_, facts)| facts) {
        if let Change::AttemptStarted { epoch, task, .. } = fact.change {
            with(|world| world.highest = world.highest.max(epoch.0));
            if epoch.0 < before {
                violated(format!(
                    "epoch {epoch:?} started {task} after epoch {before}"
                ));
            }
        }
    }
}

/// A controller's way to the store.
pub(super) struct Line {
    post: Post,
    asked: u64,
}

/// The port on which answers come in.
const ANSWERS: u16 = 7401;

impl Line {
    pub(super) async fn open() -> std::io::Result<Self> {
        let post = Post::open(ANSWERS).await?;
        Ok(Self { post, asked: 0 })
    }

    /// Asks once; without an answer it is in doubt what became of it.
    pub(super) async fn ask(&mut self, question: Question) -> Option<Answer> {
        self.asked += 1;
        let number = self.asked;
        let letter = Letter::Ask(number, question);
        self.post.send(HOST, MAIL, letter).await;
        let answer = async {
            loop {
                // Late answers to earlier questions are passed over.
                if let (_, _, Letter::Answer(to, answer)) = self.post.receive().await
                    && to == number
                {
                    return answer;
                }
            }
        };
        tokio::time::timeout(PATIENCE, answer).await.ok()
    }
}
