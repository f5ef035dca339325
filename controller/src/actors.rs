//! The actors: thin shells that keep nothing that the store does not know.
//!
//! `Root` starts `Store` and `Leadership`, and a `ControlPlane` for each epoch that the latter wins;
//! this one starts and outlives `Queue`, `Scheduler`, `Workers`, `Workflows`, `Timers` and
//! `Collector`, which know each other through [`Peers`]. Each actor is a private message enum, a
//! handle, and one file. None has a name: several controllers may live in one process.

pub mod collector;
pub mod control_plane;
pub mod leadership;
pub mod queue;
pub mod root;
pub mod scheduler;
pub mod store;
pub mod timers;
pub mod worker;
pub mod workers;
pub mod workflow;
pub mod workflows;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::ids::Epoch;
use tokio::sync::oneshot;

use crate::core::event::Now;
use crate::duties::Services;

/// How long a question to an actor may take.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// An actor is gone, or did not answer in time. The controller is going down or is overloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the controller does not answer")]
pub struct NoAnswer;

/// Waits for an answer, not for ever.
pub async fn answer<T>(reply: oneshot::Receiver<T>) -> Result<T, NoAnswer> {
    match tokio::time::timeout(ANSWER_WITHIN, reply).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) | Err(_) => Err(NoAnswer),
    }
}

/// The handles of the actors of one control plane, known to each of them once all are started.
#[derive(Debug, Clone, Default)]
pub struct Peers(Arc<OnceLock<Handles>>);

/// The handles of the actors of one control plane.
#[derive(Debug, Clone)]
pub struct Handles {
    /// Of the leader.
    pub epoch: Epoch,
    /// The only writer.
    pub store: store::Handle,
    /// The same, for what only the leader of this epoch may write.
    pub journal: store::Journal,
    /// Admission.
    pub queue: queue::Handle,
    /// Placement.
    pub scheduler: scheduler::Handle,
    /// The attached workers.
    pub workers: workers::Handle,
    /// The genomes.
    pub workflows: workflows::Handle,
    /// Deadlines.
    pub timers: timers::Handle,
    /// Garbage.
    pub collector: collector::Handle,
    /// What duties need.
    pub services: Arc<Services>,
}

impl Peers {
    /// Makes the handles known. The first call counts.
    pub fn set(&self, handles: Handles) {
        let _ = self.0.set(handles);
    }

    /// Returns the handles.
    pub fn get(&self) -> &Handles {
        self.0
            .get()
            .expect("handles are known before the first message is sent")
    }
}

/// Returns the milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    since_1970.map_or(0, |time| {
        u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
    })
}

/// Draws the moment of a decision.
pub fn now() -> Now {
    Now {
        at_ms: now_ms(),
        jitter: rand::random(),
    }
}
