//! What is kept: the trait, its implementations, the keys and the stored form of facts.
//!
//! Calls block: they are made by the thread of the one writer.

use std::fmt;

use common::ids::Epoch;

pub mod conformance;
pub mod dump;
pub mod embedded;
pub mod etcd;
pub mod fact_wire;
pub mod fold;
pub mod journal;
pub mod keys;
pub mod large;
pub mod records;
pub mod schema;
pub mod snapshot;
pub mod status_wire;
#[cfg(test)]
mod tests;
pub mod usage;

/// A durable, ordered map from keys to values with compare-and-write.
pub trait StateStore: Send {
    /// Returns a value.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Returns at most `limit` records with `start` ≤ key < `end`, in order of key.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    fn range(&self, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<Record>, StoreError>;

    /// Runs transactions in order; each sees the writes of those before. What is committed is
    /// durable when this returns; a refused one writes nothing and hinders no other.
    ///
    /// # Errors
    /// [`StoreError`] if durability is not certain: none, some or all may have happened, and the
    /// caller must not go on.
    fn commit(&mut self, transactions: &[Transaction]) -> Result<Vec<Outcome>, StoreError>;

    /// Says whether a transaction is small enough for this store.
    fn takes(&self, transaction: &Transaction) -> bool;
}

/// A key with its value.
pub type Record = (Vec<u8>, Vec<u8>);

/// Writes that happen together, or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transaction {
    /// All must hold.
    pub compares: Vec<Compare>,
    /// In order.
    pub writes: Vec<Write>,
}

/// What must hold before a transaction writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compare {
    /// There is no such key.
    Absent(Vec<u8>),
    /// The key has this value.
    Equal(Vec<u8>, Vec<u8>),
    /// The leadership of this number goes on: no later one has begun.
    Leads(Epoch),
}

impl Transaction {
    /// Returns how many bytes of keys and values it writes.
    pub fn bytes(&self) -> u64 {
        let bytes = |write: &Write| match write {
            Write::Put(key, value) => key.len() + value.len(),
            Write::Delete(key) => key.len(),
        };
        self.writes.iter().map(bytes).sum::<usize>() as u64
    }
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Sets a value.
    Put(Vec<u8>, Vec<u8>),
    /// Takes a key away; no harm if it is not there.
    Delete(Vec<u8>),
}

impl Compare {
    /// Returns the key that is looked at; none for the leadership, which no transaction writes.
    pub fn key(&self) -> Option<&[u8]> {
        match self {
            Self::Absent(key) | Self::Equal(key, _) => Some(key),
            Self::Leads(_) => None,
        }
    }
}

impl Write {
    /// Returns the key that is written.
    pub fn key(&self) -> &[u8] {
        match self {
            Self::Put(key, _) | Self::Delete(key) => key,
        }
    }
}

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Durable.
    Committed,
    /// This compare, by its index, did not hold.
    Refused(usize),
}

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The medium failed.
    #[error("state store failed while {doing}")]
    Failed {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A transaction is larger than the store takes.
    #[error("a transaction of {operations} operations is too large for the state store")]
    TooLarge {
        /// Its compares and writes.
        operations: usize,
    },
    /// Written by a newer version.
    #[error("{what} has schema version {found}; this program knows up to {known}")]
    Newer {
        /// What was read.
        what: String,
        /// Its version.
        found: u32,
        /// The version of this program.
        known: u32,
    },
    /// A record is not what its key says.
    #[error("damaged record {key}: {reason}")]
    Damaged {
        /// Its key.
        key: String,
        /// What is wrong.
        reason: String,
    },
}

impl StoreError {
    pub(crate) fn damaged(key: &[u8], reason: impl fmt::Display) -> Self {
        Self::Damaged {
            key: String::from_utf8_lossy(key).into_owned(),
            reason: reason.to_string(),
        }
    }
}
