//! Whether what a worker says still counts: the answer to be acknowledged once the facts are durable.

use common::ids::{AttemptNumber, WorkerId};
use common::task::{ObjectRef, Outcome, ReadBatch, Stage};

use super::state::{TaskKey, TaskStatus, WorkflowState};
use crate::guard::Guard;

/// Whether what a worker says counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The attempt is live: it counts.
    Counts,
    /// It was said before, and counted.
    Known,
    /// The attempt is not live: its outputs are garbage.
    Refused,
}

impl Verdict {
    /// Returns what is acknowledged.
    pub fn accepted(self) -> bool {
        self != Self::Refused
    }
}

/// Judges a report before it is decided upon.
pub fn report(
    state: &WorkflowState,
    task: TaskKey,
    number: AttemptNumber,
    outcome: &Outcome,
) -> Verdict {
    let status = state.task(task).map(|task| &task.status);
    match (status, outcome) {
        (Some(TaskStatus::Live(leases)), _)
            if leases.get(number).is_some() || !Guard::Attempt.stands() =>
        {
            Verdict::Counts
        }
        (Some(TaskStatus::Done { attempt, manifest }), Outcome::Completed(reported))
            if *attempt == number && manifest.as_deref() == reported.as_ref() =>
        {
            Verdict::Known
        }
        (Some(TaskStatus::Done { .. }), Outcome::Completed(_))
            if !Guard::FirstCompletion.stands() =>
        {
            Verdict::Counts
        }
        (Some(_), Outcome::Completed(reported)) if was_first(state, task, number, reported) => {
            Verdict::Known
        }
        // It gives nothing, and nobody waits for it: the other attempt of its task was first.
        (Some(_), Outcome::HandedBack) => Verdict::Known,
        _ => Verdict::Refused,
    }
}

/// Says whether this was the first result of a task that runs twice.
fn was_first(
    state: &WorkflowState,
    task: TaskKey,
    number: AttemptNumber,
    reported: &Option<ObjectRef>,
) -> bool {
    let first = state.task(task).and_then(|task| task.audited.as_deref());
    first.is_some_and(|first| first.attempt == number && first.manifest == *reported)
}

/// Says whether a worker may go on with an attempt, or has yet to be told that it counted.
pub fn may_hold(
    state: &WorkflowState,
    (task, number): (TaskKey, AttemptNumber),
    worker: &WorkerId,
) -> bool {
    let Some(held) = state.task(task) else {
        return false;
    };
    let was_first = held
        .audited
        .as_ref()
        .is_some_and(|first| first.attempt == number);
    was_first
        || match &held.status {
            TaskStatus::Live(leases) => {
                let lease = leases.get(number);
                lease.is_some_and(|lease| lease.worker == *worker)
            }
            TaskStatus::Done { attempt, .. } => *attempt == number,
            TaskStatus::Waiting { .. } | TaskStatus::Failed => false,
        }
}

/// Judges a read batch before it is decided upon.
pub fn read_batch(state: &WorkflowState, number: AttemptNumber, batch: &ReadBatch) -> Verdict {
    let task = TaskKey {
        stage: Stage::Split,
        index: batch.lane,
    };
    let Some(lane) = state.lanes.get(batch.lane as usize) else {
        return Verdict::Refused;
    };
    let next = lane.cursor.next_batch;
    if state.lease(task, number).is_some() && next == batch.index {
        return Verdict::Counts;
    }
    let known = lane.align_tasks.get(batch.index as usize);
    let same = known.is_some_and(|&index| state.read_batches[index as usize] == *batch);
    if same && batch.index < next {
        return Verdict::Known;
    }
    Verdict::Refused
}
