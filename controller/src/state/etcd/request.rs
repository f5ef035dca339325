//! One request: several transactions as one of etcd's, tried until it is certain what became of it.
//!
//! An answer that gets lost leaves it open whether the writes happened. The request is made again;
//! if it is refused then, the writes happened the first time exactly if all of them are there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use common::ids::Epoch;
use etcd_client::{Compare as Wire, CompareOp, Error, KeyValue, Txn, TxnOp, TxnOpResponse};

use super::connection::{Connection, failed, is_passing, once};
use super::{election, packing};
use crate::metrics::{ETCD_FAILURES, ETCD_RETRIES};
use crate::state::{Compare, StoreError, Transaction, Write};

/// How long a request is tried again, and the pause before each try.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// They may all be asked for at once.
    pub transactions: &'a [Transaction],
    /// Whether they were asked for before, and the answer got lost.
    pub in_doubt: bool,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Committed,
    Refused {
        /// The first compare that does not hold, of all.
        compare: usize,
        /// Whether an answer got lost on the way.
        in_doubt: bool,
    },
}

/// What a key holds: its value and the revision of its making.
type Held = BTreeMap<Vec<u8>, (Vec<u8>, i64)>;

/// Makes a request until it is answered.
pub(super) fn run(
    connection: &Connection,
    asked: Asked<'_>,
) -> impl Future<Output = Result<Answer, StoreError>> + Send + use<> {
    let request = Request::new(connection, asked.transactions);
    let (mut kv, mut in_doubt) = (connection.kv(), asked.in_doubt);
    async move {
        if request.is_empty() {
            return Ok(Answer::Committed);
        }
        let begun = Instant::now();
        loop {
            let error = match once(kv.txn(request.txn.clone())).await {
                Ok(answer) if answer.succeeded() => return Ok(Answer::Committed),
                Ok(answer) => {
                    let held = held(answer.op_responses());
                    return Ok(request.refused(&held, in_doubt));
                }
                Err(error) => error,
            };
            in_doubt |= may_have_happened(&error);
            if !is_passing(&error) || begun.elapsed() >= PATIENCE {
                ETCD_FAILURES.inc();
                return Err(failed("committing")(error));
            }
            ETCD_RETRIES.inc();
            tracing::debug!(%error, "a request to etcd is made again");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// The transactions as one, by full keys.
struct Request {
    txn: Txn,
    compares: Vec<Compare>,
    writes: Vec<Write>,
    leader: Vec<u8>,
}

impl Request {
    fn new(connection: &Connection, transactions: &[Transaction]) -> Self {
        let full = |key: &[u8]| connection.full(key);
        let compares = packing::compares(transactions).into_iter();
        let compares: Vec<_> = compares
            .map(|compare| match compare {
                Compare::Absent(key) => Compare::Absent(full(key)),
                Compare::Equal(key, value) => Compare::Equal(full(key), value.clone()),
                Compare::Leads(epoch) => Compare::Leads(*epoch),
            })
            .collect();
        let writes = packing::writes(transactions).into_iter();
        let writes: Vec<_> = writes
            .map(|write| match write {
                Write::Put(key, value) => Write::Put(full(key), value.clone()),
                Write::Delete(key) => Write::Delete(full(key)),
            })
            .collect();
        let leader = full(election::LEADER);
        let looks: BTreeSet<_> = compares
            .iter()
            .map(|compare| compare.key().unwrap_or(&leader))
            .chain(writes.iter().map(Write::key))
            .collect();
        let reads: Vec<_> = looks.iter().map(|key| TxnOp::get(*key, None)).collect();
        let conditions: Vec<_> = compares.iter().map(|one| condition(one, &leader)).collect();
        let operations: Vec<_> = writes.iter().map(operation).collect();
        let txn = Txn::new()
            .when(conditions)
            .and_then(operations)
            .or_else(reads);
        Self {
            txn,
            compares,
            writes,
            leader,
        }
    }

    fn is_empty(&self) -> bool {
        self.compares.is_empty() && self.writes.is_empty()
    }

    fn refused(&self, held: &Held, in_doubt: bool) -> Answer {
        let happened = |write: &Write| match write {
            Write::Put(key, value) => held.get(key).is_some_and(|(found, _)| found == value),
            Write::Delete(key) => !held.contains_key(key),
        };
        if in_doubt && !self.writes.is_empty() && self.writes.iter().all(happened) {
            return Answer::Committed;
        }
        let fails = |compare: &Compare| match compare {
            Compare::Absent(key) => held.contains_key(key),
            Compare::Equal(key, value) => held.get(key).is_none_or(|(found, _)| found != value),
            Compare::Leads(epoch) => held
                .get(&self.leader)
                .is_none_or(|(_, made)| Epoch(made.cast_unsigned()) != *epoch),
        };
        Answer::Refused {
            compare: self.compares.iter().position(fails).unwrap_or(0),
            in_doubt,
        }
    }
}

fn condition(compare: &Compare, leader: &[u8]) -> Wire {
    match compare {
        Compare::Absent(key) => Wire::create_revision(key.as_slice(), CompareOp::Equal, 0),
        Compare::Equal(key, value) => {
            Wire::value(key.as_slice(), CompareOp::Equal, value.as_slice())
        }
        Compare::Leads(epoch) => {
            Wire::create_revision(leader, CompareOp::Equal, epoch.0.cast_signed())
        }
    }
}

fn operation(write: &Write) -> TxnOp {
    match write {
        Write::Put(key, value) => TxnOp::put(key.as_slice(), value.as_slice(), None),
        Write::Delete(key) => TxnOp::delete(key.as_slice(), None),
    }
}

fn held(responses: Vec<TxnOpResponse>) -> Held {
    let found = responses.into_iter().filter_map(|response| match response {
        TxnOpResponse::Get(mut found) => Some(found.take_kvs()),
        _ => None,
    });
    let entry = |kv: KeyValue| {
        let made = kv.create_revision();
        let (key, value) = kv.into_key_value();
        (key, (value, made))
    };
    found.flatten().map(entry).collect()
}

/// A connection that was refused carried nothing; of anything else it is not known.
fn may_have_happened(error: &Error) -> bool {
    !matches!(
        error,
        Error::InvalidArgs(_) | Error::InvalidUri(_) | Error::EndpointError(_)
    )
}
