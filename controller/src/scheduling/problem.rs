//! What placement is computed from, and what comes out.

use std::collections::{BTreeMap, BTreeSet};

use common::ids::{TenantId, WorkerId, WorkflowId};
use common::task::{Resources, Stage};
use common::workflow::Priority;

use super::share::{Denial, Tenant};
use crate::core::ready::Need;
use crate::core::state::TaskKey;

/// Free workers and ready tasks.
#[derive(Debug, Clone, Default)]
pub struct Problem<'a> {
    /// All attached workers.
    pub workers: Vec<Worker<'a>>,
    /// All workflows with ready tasks.
    pub workflows: Vec<Waiting<'a>>,
    /// The tenants that hold something, or are entitled to something of their own.
    pub tenants: BTreeMap<&'a TenantId, Tenant>,
}

/// A worker as placement sees it.
#[derive(Debug, Clone, Copy)]
pub struct Worker<'a> {
    /// Which one.
    pub id: &'a WorkerId,
    /// All it has.
    pub total: Resources,
    /// What no attempt holds.
    pub free: Resources,
    /// Attempts that it takes beside those that it holds.
    pub credits: u32,
    /// Whether it gets tasks: false while it is suspect or draining.
    pub takes_tasks: bool,
    /// The stages that it runs.
    pub output_versions: &'a BTreeMap<Stage, u32>,
    /// The kept references in its cache.
    pub references: &'a BTreeSet<String>,
}

/// The ready tasks of a workflow.
#[derive(Debug, Clone, Copy)]
pub struct Waiting<'a> {
    /// Which one.
    pub workflow: &'a WorkflowId,
    /// Whose it is.
    pub tenant: &'a TenantId,
    /// Who goes first, as it has become by waiting.
    pub priority: Priority,
    /// Whether any of its tasks was ever placed.
    pub has_begun: bool,
    /// Its tasks that may start, the first first.
    pub candidates: &'a [Candidate],
}

/// A task that may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The task.
    pub task: TaskKey,
    /// What it needs.
    pub need: Need,
}

/// A task given to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement<'a> {
    /// The workflow.
    pub workflow: &'a WorkflowId,
    /// Its task.
    pub task: TaskKey,
    /// The worker.
    pub worker: &'a WorkerId,
    /// What it may use there.
    pub resources: Resources,
}

/// Why a task was not placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hindrance {
    /// No worker is attached that takes tasks.
    NoWorker,
    /// Workers that could run it are busy.
    Busy,
    /// No worker is large enough, or none offers the output version.
    NoneFits,
    /// A quota of its tenant is reached.
    Quota(Denial),
}

impl Worker<'_> {
    /// Says whether the worker has a free core and a credit.
    pub fn has_room(&self) -> bool {
        self.free.cores > 0 && self.credits > 0
    }

    /// Says whether the worker could run the task if it were idle.
    pub fn could_run(&self, candidate: &Candidate) -> bool {
        let version = self.output_versions.get(&candidate.task.stage);
        self.takes_tasks
            && candidate.need.never_on.as_ref() != Some(self.id)
            && version == Some(&candidate.need.output_version)
            && covers(self.total, candidate.need.resources)
    }
}

impl Worker<'_> {
    /// Says whether the worker would have to fetch the reference of a task.
    pub fn lacks_reference(&self, candidate: &Candidate) -> bool {
        let reference = candidate.need.reference.as_ref();
        reference.is_some_and(|reference| !self.references.contains(reference))
    }
}

/// Says whether `have` is enough for `need`.
pub fn covers(have: Resources, need: Resources) -> bool {
    have.cores >= need.cores && have.memory_bytes >= need.memory_bytes
}
