//! The store of a cluster: etcd. Every controller has one; only the leader's writes carry its fence.
//!
//! Calls block the thread that makes them; what they wait for runs on a runtime of its own.

mod address;
mod connection;
pub mod election;
mod packing;
mod request;
pub mod watch;

use std::ops::Range;

pub use address::{Address, InvalidAddress};
pub use connection::Connection;

use super::{Outcome, Record, StateStore, StoreError, Transaction, schema};
use request::{Answer, Asked};

/// The state in an etcd cluster.
#[derive(Debug, Clone)]
pub struct EtcdStore {
    connection: Connection,
}

impl EtcdStore {
    /// Opens the state over a connection.
    ///
    /// # Errors
    /// [`StoreError`] if etcd does not answer, or a newer program wrote the state.
    pub fn open(connection: Connection) -> Result<Self, StoreError> {
        let mut store = Self { connection };
        schema::check(&mut store)?;
        Ok(store)
    }

    /// Opens the state for reading: nothing is checked or written.
    pub fn read(connection: Connection) -> Self {
        Self { connection }
    }

    /// Runs neighbours that go together. Those of a request that is refused are asked for in halves,
    /// until it is known which one is refused.
    fn run(&self, asked: Asked<'_>, outcomes: &mut Vec<Outcome>) -> Result<(), StoreError> {
        let Asked { transactions, .. } = asked;
        match self
            .connection
            .wait(request::run(&self.connection, asked))?
        {
            Answer::Committed => outcomes.extend(transactions.iter().map(|_| Outcome::Committed)),
            Answer::Refused { compare, .. } if transactions.len() == 1 => {
                outcomes.push(Outcome::Refused(compare));
            }
            Answer::Refused { in_doubt, .. } => {
                let (first, second) = transactions.split_at(transactions.len() / 2);
                for transactions in [first, second] {
                    let half = Asked {
                        transactions,
                        in_doubt,
                    };
                    self.run(half, outcomes)?;
                }
            }
        }
        Ok(())
    }
}

impl StateStore for EtcdStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.connection.wait(self.connection.get(key.to_vec()))
    }

    fn range(&self, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<Record>, StoreError> {
        if start >= end || limit == 0 {
            return Ok(Vec::new());
        }
        let range = Range {
            start: start.to_vec(),
            end: end.to_vec(),
        };
        let page = self.connection.range(range, limit, None);
        Ok(self.connection.wait(page)?.records)
    }

    fn commit(&mut self, transactions: &[Transaction]) -> Result<Vec<Outcome>, StoreError> {
        if let Some(large) = transactions.iter().find(|one| !self.takes(one)) {
            let operations = large.compares.len() + large.writes.len();
            return Err(StoreError::TooLarge { operations });
        }
        let mut outcomes = Vec::with_capacity(transactions.len());
        for group in packing::pack(transactions) {
            let asked = Asked {
                transactions: &transactions[group],
                in_doubt: false,
            };
            self.run(asked, &mut outcomes)?;
        }
        Ok(outcomes)
    }

    fn takes(&self, transaction: &Transaction) -> bool {
        packing::fits(transaction)
    }
}
