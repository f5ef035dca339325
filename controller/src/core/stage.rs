//! One stage's progress, and that of its tasks.

use std::collections::{BTreeMap, BTreeSet};

use common::failure::{Failure, FailureClass};
use common::ids::{AttemptNumber, Epoch, WorkerId};
use common::task::ObjectRef;

use super::durations::Durations;
use super::task_set::TaskSet;

/// One stage's progress. Sums and sets are derived from `tasks` as facts are applied.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StageProgress {
    /// All tasks known so far.
    pub tasks: Vec<TaskState>,
    /// Tasks that wait for a worker, and for no time.
    pub waiting: TaskSet,
    /// Tasks with a live attempt.
    pub live: BTreeSet<u32>,
    /// Number of tasks that are done.
    pub done: u32,
    /// Attempts started.
    pub attempts: u64,
    /// The largest number of attempts of one task.
    pub most_attempts: u32,
    /// Reads of completed attempts.
    pub reads: u64,
    /// Bases of completed attempts.
    pub bases: u64,
    /// CPU time of completed attempts.
    pub cpu_ms: u64,
    /// How long completed attempts took.
    pub durations: Durations,
    /// How many tasks each worker completed.
    pub completed_by: BTreeMap<WorkerId, u32>,
    /// Whether all tasks are done and the stage manifest is journaled.
    pub closed: bool,
    /// The stage manifest of a closed stage; a probe has none.
    pub manifest: Option<ObjectRef>,
    /// How often tasks were run again because their outputs were lost.
    pub rounds: u32,
    /// Tasks before this one were looked for among kept results.
    pub looked_up: u32,
    /// Number of tasks that were done by a kept result.
    pub cached: u32,
    /// Start of the first attempt.
    pub started_at_ms: Option<u64>,
    /// When it was closed.
    pub ended_at_ms: Option<u64>,
}

/// One task's progress; 100,000 of them are ordinary.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskState {
    /// Number of the last attempt; 0: none yet.
    pub attempts: u32,
    /// Where it stands.
    pub status: TaskStatus,
    /// What went wrong so far.
    pub trouble: Option<Box<Trouble>>,
    /// Its first result, if it runs twice.
    pub audited: Option<Box<Audited>>,
}

/// The first result of a task that runs twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// The attempt.
    pub attempt: AttemptNumber,
    /// Its manifest.
    pub manifest: Option<ObjectRef>,
}

/// Where a task stands.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskStatus {
    /// For a worker, or for a time: then it is in `WorkflowState::delayed` under that time.
    Waiting {
        /// 0: for a worker only.
        not_before_ms: u64,
    },
    /// An attempt is out, or two.
    Live(Box<Leases>),
    /// Its result is journaled.
    Done {
        /// The attempt whose result counts; 0: of another workflow.
        attempt: AttemptNumber,
        /// Its manifest; `None` for a probe.
        manifest: Option<Box<ObjectRef>>,
    },
    /// It is not tried again.
    Failed,
}

impl Default for TaskStatus {
    fn default() -> Self {
        Self::Waiting { not_before_ms: 0 }
    }
}

/// A worker's hold on an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The attempt.
    pub attempt: AttemptNumber,
    /// Who has it.
    pub worker: WorkerId,
    /// Of the leader that placed it.
    pub epoch: Epoch,
    /// When.
    pub started_at_ms: u64,
}

/// The holds on a task's live attempts: of two the first that completes wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leases {
    /// The earlier one.
    pub first: Lease,
    /// The second attempt of a straggler, on another worker.
    pub second: Option<Lease>,
}

impl Leases {
    /// Returns all, the earlier one first.
    pub fn iter(&self) -> impl Iterator<Item = &Lease> {
        std::iter::once(&self.first).chain(&self.second)
    }

    /// Returns the hold on an attempt.
    pub fn get(&self, attempt: AttemptNumber) -> Option<&Lease> {
        self.iter().find(|lease| lease.attempt == attempt)
    }

    /// Returns the hold on the attempt beside this one.
    pub fn beside(&self, attempt: AttemptNumber) -> Option<&Lease> {
        self.iter().find(|lease| lease.attempt != attempt)
    }
}

impl From<Lease> for Leases {
    fn from(first: Lease) -> Self {
        let second = None;
        Self { first, second }
    }
}

/// What went wrong with a task so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trouble {
    /// Failed attempts by class.
    pub failures: BTreeMap<FailureClass, u32>,
    /// The worker of the last failed attempt.
    pub last_worker: Option<WorkerId>,
    /// The last failure.
    pub last: Option<Failure>,
}

impl StageProgress {
    /// Says whether every task known so far is done.
    pub fn all_done(&self) -> bool {
        self.done as usize == self.tasks.len()
    }
}

impl Trouble {
    /// Returns how many attempts failed by this class.
    pub fn count(&self, class: FailureClass) -> u32 {
        self.failures.get(&class).copied().unwrap_or(0)
    }
}
