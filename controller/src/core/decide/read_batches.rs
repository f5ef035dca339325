//! Read batches: each a commit of its own, so that a retry of `split` goes on where the last one is.

use common::failure::{Failure, FailureClass};
use common::ids::AttemptNumber;
use common::task::{ReadBatch, SplitCursor, Stage};

use super::super::fact::Change;
use super::super::state::{TaskKey, WorkflowFailure, WorkflowState};
use super::super::verdict::{self, Verdict};

pub(super) fn committed(
    state: &WorkflowState,
    attempt: AttemptNumber,
    read_batch: ReadBatch,
    cursor: SplitCursor,
) -> Vec<Change> {
    let task = TaskKey {
        stage: Stage::Split,
        index: read_batch.lane,
    };
    match verdict::read_batch(state, attempt, &read_batch) {
        Verdict::Known => return Vec::new(),
        Verdict::Refused => return vec![Change::ReportRefused { task, attempt }],
        Verdict::Counts => {}
    }
    if let Some(failure) = contradiction(state, &read_batch) {
        return terminal(task, attempt, failure);
    }
    let committed = Change::ReadBatchCommitted {
        attempt,
        read_batch,
        cursor,
    };
    vec![committed]
}

/// Says why a lane cannot be complete, if it cannot: it was cut into more batches before.
pub(super) fn lane_fault(state: &WorkflowState, lane: u32) -> Option<Failure> {
    let progress = state.lanes.get(lane as usize)?;
    let known = progress.align_tasks.len();
    let now = progress.cursor.next_batch as usize;
    (now < known).then(|| {
        let message = format!("lane {lane} gave {now} read batches after {known} before");
        Failure::new(FailureClass::Nondeterminism, message)
    })
}

/// A batch that is written again must be what it was.
fn contradiction(state: &WorkflowState, batch: &ReadBatch) -> Option<Failure> {
    let lane = state.lanes.get(batch.lane as usize)?;
    let known = lane.align_tasks.get(batch.index as usize)?;
    let before = state.read_batches.get(*known as usize)?;
    let cut = |batch: &ReadBatch| (batch.first_ordinal, batch.reads, batch.bases, batch.paired);
    (cut(before) != cut(batch)).then(|| {
        let message = format!(
            "read batch {} of lane {} was cut elsewhere before",
            batch.index, batch.lane
        );
        Failure::new(FailureClass::Nondeterminism, message)
    })
}

fn terminal(task: TaskKey, attempt: AttemptNumber, failure: Failure) -> Vec<Change> {
    let reason = WorkflowFailure {
        failure: failure.clone(),
        task: Some(task),
    };
    let ended = Change::AttemptFailed {
        task,
        attempt,
        failure,
        retry_at_ms: None,
    };
    vec![ended, Change::Failing(reason)]
}
