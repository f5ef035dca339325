//! Results of workflows that are over, kept for later ones that ask for the same.
//!
//! A result is known by a digest over all that its bytes follow from ([`question`]). All is beside the
//! results among the objects: `cache/kept/WORKFLOW` says what a workflow left, and
//! `cache/results/TENANT/GROUP/WORKFLOW` by which digests it is found. What cannot be read is a miss,
//! never a failure; a result that goes while somebody uses it is made again as any lost intermediate.

mod find;
mod keep;
pub mod question;
mod record;
mod sweep;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use common::ids::{TenantId, WorkflowId};
use common::wire::WireError;
use object_store::{InvalidKey, Key, Stat};
use tokio::sync::RwLock;

use self::question::Digest;
use self::record::KeptObject;
use crate::objects::Objects;

/// First words of what workflows left.
const KEPT: &str = "cache/kept/";

/// First words of results by their digests.
const RESULTS: &str = "cache/results/";

/// Requests to the store side by side.
const AT_ONCE: usize = 32;

/// How long results are kept, and how much of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// After its last use; zero: nothing is kept, and what was kept goes.
    pub keep: Duration,
    /// Of all objects together: those that were not used for the longest time go first.
    pub bytes: u64,
}

impl Terms {
    /// Nothing is kept.
    pub const OFF: Self = Self {
        keep: Duration::ZERO,
        bytes: 0,
    };
}

/// The results that are kept.
#[derive(Debug, Clone)]
pub struct Cache {
    objects: Objects,
    terms: Terms,
    /// Nothing goes while it is looked at.
    looks: Arc<RwLock<()>>,
}

/// Why kept results could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store's answer.
    #[error("{0}")]
    Store(#[from] object_store::Error),
    /// A record is not one.
    #[error("{key} is damaged")]
    Damaged {
        /// Its key.
        key: String,
        /// What is wrong.
        source: WireError,
    },
    /// It was written by a newer version.
    #[error("{0} is of a newer version")]
    Newer(String),
}

impl Cache {
    /// Keeps results among these objects.
    pub fn new(objects: Objects, terms: Terms) -> Self {
        Self {
            objects,
            terms,
            looks: Arc::default(),
        }
    }

    /// Says whether anything is kept at all.
    pub const fn is_on(&self) -> bool {
        !self.terms.keep.is_zero() && self.terms.bytes > 0
    }

    async fn stat(&self, key: &str) -> Result<Stat, Error> {
        Ok(self.objects.store().stat(&parsed(key)?).await?)
    }

    /// Says whether an object is there as it was written.
    async fn is_whole(&self, object: &KeptObject) -> bool {
        let stat = self.stat(&object.key).await;
        stat.is_ok_and(|stat| {
            (stat.size_bytes, stat.modified_ns) == (object.size_bytes, object.modified_ns)
        })
    }
}

fn parsed(key: &str) -> Result<Key, Error> {
    let invalid = |error: InvalidKey| Error::Store(error.into());
    key.parse().map_err(invalid)
}

/// Says whether there is no such object.
fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Store(object_store::Error::NotFound { .. }))
}

/// Returns the key of what a workflow left.
fn kept(workflow: &WorkflowId) -> String {
    format!("{KEPT}{workflow}")
}

/// Returns the folder of the results of a group: every tenant has its own, whatever its name.
fn group(tenant: &TenantId, group: Digest) -> String {
    let tenant = Digest::of(tenant.as_str().as_bytes());
    format!("{RESULTS}{tenant}/{group}/")
}

/// Returns the key prefix of all that a workflow wrote.
fn written_by(workflow: &WorkflowId) -> String {
    format!("work/{workflow}/")
}
