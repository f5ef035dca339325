//! Audits: a share of tasks runs twice, on different workers where there are several, and both outputs
//! have to be the same.

use common::ids::Sha256;
use common::task::{ObjectRef, Stage};

use super::state::{TaskKey, TaskStatus, WorkflowState};

/// A share of one in [`MILLION`] is the smallest.
pub const MILLION: u32 = 1_000_000;

/// Two results of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The task.
    pub task: TaskKey,
    /// The manifests of its two attempts.
    pub manifests: [ObjectRef; 2],
}

/// Returns the tasks of a stage that are done once and are to run again.
pub fn to_open(state: &WorkflowState, stage: Stage) -> Vec<u32> {
    let tasks = (0..).zip(&state.stage(stage).tasks);
    let once = tasks.filter(|(_, task)| {
        task.audited.is_none() && matches!(task.status, TaskStatus::Done { .. })
    });
    let indices = once.map(|(index, _)| index);
    indices
        .filter(|&index| is_chosen(state, TaskKey { stage, index }))
        .collect()
}

/// Returns what is to be compared before a stage counts as complete.
pub fn pairs(state: &WorkflowState, stage: Stage) -> Vec<Pair> {
    let tasks = (0..).zip(&state.stage(stage).tasks);
    let pair = |(index, task): (u32, &super::state::TaskState)| {
        let first = task.audited.as_ref()?.manifest.clone()?;
        let TaskStatus::Done { manifest, .. } = &task.status else {
            return None;
        };
        let second = manifest.as_deref()?.clone();
        Some(Pair {
            task: TaskKey { stage, index },
            manifests: [first, second],
        })
    };
    tasks.filter_map(pair).collect()
}

/// Says whether a task is among those that run twice: drawn by its name, so that all controllers agree.
pub fn is_chosen(state: &WorkflowState, task: TaskKey) -> bool {
    let ppm = state.plan.as_ref().map_or(0, |plan| plan.audited_ppm);
    if ppm == 0 || !may_run_twice(task.stage) {
        return false;
    }
    let name = state.task_id(task).to_string();
    let Sha256(digest) = Sha256::of(name.as_bytes());
    let drawn = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    let below = (u64::from(drawn) * u64::from(MILLION)) >> u32::BITS;
    below < u64::from(ppm)
}

/// `split` checks by itself that its batches are what they were; an index and the final files are the
/// largest outputs, and follow from what was checked.
const fn may_run_twice(stage: Stage) -> bool {
    match stage {
        Stage::Align | Stage::Duplicates | Stage::Merge | Stage::Recalibrate | Stage::Call => true,
        Stage::Index | Stage::Split | Stage::Gather | Stage::Probe => false,
    }
}
