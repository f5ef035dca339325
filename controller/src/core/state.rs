//! What the facts of one workflow add up to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use common::failure::Failure;
use common::ids::{AttemptNumber, BatchId, TenantId, WorkflowId};
use common::s3_login::{S3Access, Sealed};
use common::task::{AttemptId, ReadBatch, SplitCursor, Stage, TaskId};
use common::trace::TraceContext;
use common::workflow::{Work, WorkflowSpec};

pub use super::stage::{Audited, Lease, Leases, StageProgress, TaskState, TaskStatus, Trouble};
use crate::plan::dag::Plan;

/// One workflow's progress.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowState {
    /// Which one.
    pub workflow: WorkflowId,
    /// The submission that it came with.
    pub batch: BatchId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Where it belongs in a trace, if anybody records it.
    pub trace: Option<TraceContext>,
    /// What was asked for.
    pub spec: Arc<WorkflowSpec>,
    /// When it became durable.
    pub accepted_at_ms: u64,
    /// How far it is.
    pub phase: Phase,
    /// Fixed by admission; `None` before.
    pub plan: Option<Arc<Plan>>,
    /// By [`Stage`], in the order of [`Stage::ALL`].
    pub stages: [StageProgress; Stage::ALL.len()],
    /// How far each lane is cut.
    pub lanes: Vec<LaneProgress>,
    /// The read batch of each `align` task, in order of commit.
    pub read_batches: Vec<ReadBatch>,
    /// Bases of read batches by the day since 1970 on which they were first written.
    pub bases_by_day: BTreeMap<u32, u64>,
    /// Tasks that wait for a time: time, task.
    pub delayed: BTreeSet<(u64, TaskKey)>,
    /// When cancellation was asked for.
    pub cancel_requested_at_ms: Option<u64>,
    /// The first failure that will not be tried again.
    pub failure: Option<WorkflowFailure>,
    /// The appearance of files under their final names.
    pub publication: Option<Publication>,
    /// The login to S3 that took the place of the one in the spec as it was submitted.
    pub renewed_login: Option<Sealed>,
    /// When the first attempt started.
    pub started_at_ms: Option<u64>,
    /// When it ended.
    pub ended_at_ms: Option<u64>,
    /// Reports of attempts that no longer counted.
    pub stale_reports: u64,
    /// Number of facts applied: the sequence number of the last one.
    pub revision: u64,
    /// Facts of a newer schema as stored: not understood, never dropped.
    pub unknown_facts: Vec<Arc<[u8]>>,
}

/// How far a workflow is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Durable; not validated.
    Accepted,
    /// Planned; tasks run.
    Active,
    /// All tasks are done; the list of targets is durable.
    Publishing,
    /// Over.
    Ended(End),
}

/// How a workflow ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Published.
    Succeeded,
    /// Validation failed.
    Rejected,
    /// A task failed for good.
    Failed,
    /// On request.
    Cancelled,
}

/// A task within its workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskKey {
    /// The stage.
    pub stage: Stage,
    /// Within the stage, from 0.
    pub index: u32,
}

impl fmt::Display for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.stage, self.index)
    }
}

/// How far a lane is cut into read batches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LaneProgress {
    /// Where `split` goes on.
    pub cursor: SplitCursor,
    /// The `align` task of each read batch, by its index in the lane. Where outputs of `split` were
    /// lost, the cursor is back before batches that are known: they are written again.
    pub align_tasks: Vec<u32>,
}

/// Why a workflow cannot succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowFailure {
    /// What went wrong.
    pub failure: Failure,
    /// In which task.
    pub task: Option<TaskKey>,
}

/// A file that appears under its final name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    /// File name.
    pub name: String,
    /// Where: `root:NAME/dir/file`; empty when it stays with the server.
    pub uri: String,
    /// Its size.
    pub size_bytes: u64,
    /// Lower-case hexadecimal digest.
    pub sha256: String,
}

/// The appearance of files under their final names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Publication {
    /// What appears, in order.
    pub targets: Vec<OutputFile>,
    /// Tries that failed.
    pub failures: u32,
    /// The next try, not before this time.
    pub retry_at_ms: u64,
    /// Why the last try failed.
    pub last: Option<Failure>,
}

impl WorkflowState {
    /// Makes the state of a workflow that was just accepted.
    pub fn accepted(
        workflow: WorkflowId,
        batch: BatchId,
        spec: Arc<WorkflowSpec>,
        accepted_at_ms: u64,
    ) -> Self {
        Self {
            workflow,
            batch,
            tenant: TenantId::default(),
            trace: None,
            spec,
            accepted_at_ms,
            phase: Phase::Accepted,
            plan: None,
            stages: Default::default(),
            lanes: Vec::new(),
            read_batches: Vec::new(),
            bases_by_day: BTreeMap::new(),
            delayed: BTreeSet::new(),
            cancel_requested_at_ms: None,
            failure: None,
            publication: None,
            renewed_login: None,
            started_at_ms: None,
            ended_at_ms: None,
            stale_reports: 0,
            revision: 0,
            unknown_facts: Vec::new(),
        }
    }

    /// Takes a login to S3 in the place of the one before.
    pub(crate) fn take_login(&mut self, login: &Sealed) {
        if let Work::Genome(genome) = &mut Arc::make_mut(&mut self.spec).work {
            genome.s3 = S3Access::Sealed(login.clone());
        }
        self.renewed_login = Some(login.clone());
    }

    /// Returns a stage's progress.
    pub fn stage(&self, stage: Stage) -> &StageProgress {
        &self.stages[stage as usize]
    }

    pub(crate) fn stage_mut(&mut self, stage: Stage) -> &mut StageProgress {
        &mut self.stages[stage as usize]
    }

    /// Returns a task's progress, if the task exists.
    pub fn task(&self, task: TaskKey) -> Option<&TaskState> {
        self.stage(task.stage).tasks.get(task.index as usize)
    }

    /// Returns the holds on a task's live attempts.
    pub fn leases(&self, task: TaskKey) -> Option<&Leases> {
        match &self.task(task)?.status {
            TaskStatus::Live(leases) => Some(leases),
            _ => None,
        }
    }

    pub(crate) fn leases_mut(&mut self, task: TaskKey) -> Option<&mut Leases> {
        let progress = self.stage_mut(task.stage);
        match &mut progress.tasks.get_mut(task.index as usize)?.status {
            TaskStatus::Live(leases) => Some(leases),
            _ => None,
        }
    }

    /// Returns the hold on this attempt, if it is live.
    pub fn lease(&self, task: TaskKey, attempt: AttemptNumber) -> Option<&Lease> {
        self.leases(task)?.get(attempt)
    }

    /// Returns all live attempts.
    pub fn live_attempts(&self) -> impl Iterator<Item = (TaskKey, &Lease)> {
        let stages = Stage::ALL.into_iter();
        stages.flat_map(|stage| self.live_in(stage))
    }

    /// Returns the live attempts of a stage.
    pub fn live_in(&self, stage: Stage) -> impl Iterator<Item = (TaskKey, &Lease)> {
        self.stage(stage).live.iter().flat_map(move |&index| {
            let task = TaskKey { stage, index };
            let leases = self.leases(task).into_iter().flat_map(Leases::iter);
            leases.map(move |lease| (task, lease))
        })
    }

    /// Says whether any attempt is live.
    pub fn any_live(&self) -> bool {
        self.stages.iter().any(|stage| !stage.live.is_empty())
    }

    /// Says whether the plan has this stage.
    pub fn has_stage(&self, stage: Stage) -> bool {
        self.plan
            .as_ref()
            .is_some_and(|plan| plan.stages.contains(&stage))
    }

    /// Says whether no attempt may start any more: it is ending or over.
    pub fn is_ending(&self) -> bool {
        self.cancel_requested_at_ms.is_some() || self.failure.is_some() || self.is_ended()
    }

    /// Says whether it is over.
    pub fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended(_))
    }

    /// Moves a task to another status; keeps the sets and sums that are derived from it.
    pub(crate) fn set_status(&mut self, task: TaskKey, status: TaskStatus) {
        let progress = &mut self.stages[task.stage as usize];
        let Some(held) = progress.tasks.get_mut(task.index as usize) else {
            return;
        };
        match std::mem::replace(&mut held.status, status) {
            TaskStatus::Waiting { not_before_ms: 0 } => {
                progress.waiting.remove(task.index);
            }
            TaskStatus::Waiting { not_before_ms } => {
                self.delayed.remove(&(not_before_ms, task));
            }
            TaskStatus::Live(_) => {
                progress.live.remove(&task.index);
            }
            TaskStatus::Done { .. } => progress.done -= 1,
            TaskStatus::Failed => {}
        }
        match held.status {
            TaskStatus::Waiting { not_before_ms: 0 } => progress.waiting.insert(task.index),
            TaskStatus::Waiting { not_before_ms } => {
                self.delayed.insert((not_before_ms, task));
            }
            TaskStatus::Live(_) => {
                progress.live.insert(task.index);
            }
            TaskStatus::Done { .. } => progress.done += 1,
            TaskStatus::Failed => {}
        }
    }

    /// Adds tasks at the end of a stage; they wait for a worker.
    pub(crate) fn add_tasks(&mut self, stage: Stage, count: u32) {
        let progress = self.stage_mut(stage);
        let first = progress.tasks.len() as u32;
        progress
            .tasks
            .resize_with((first + count) as usize, TaskState::default);
        (first..first + count).for_each(|index| progress.waiting.insert(index));
    }

    /// Returns the full id of a task.
    pub fn task_id(&self, task: TaskKey) -> TaskId {
        TaskId {
            workflow: self.workflow.clone(),
            stage: task.stage,
            index: task.index,
        }
    }

    /// Returns the full id of an attempt.
    pub fn attempt_id(&self, task: TaskKey, number: AttemptNumber) -> AttemptId {
        AttemptId {
            task: self.task_id(task),
            number,
        }
    }
}
