//! Whether what a worker says still counts: the answer to be acknowledged once the facts are durable.

use common::ids::AttemptNumber;
use common::task::{Outcome, ReadBatch, Stage};

use super::state::{TaskKey, TaskStatus, WorkflowState};

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
        (Some(TaskStatus::Live(lease)), _) if lease.attempt == number => Verdict::Counts,
        (Some(TaskStatus::Done { attempt, manifest }), Outcome::Completed(reported))
            if *attempt == number && manifest.as_deref() == reported.as_ref() =>
        {
            Verdict::Known
        }
        _ => Verdict::Refused,
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
