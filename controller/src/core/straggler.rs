//! Stragglers: late in a stage, a task that runs far longer than the others gets a second attempt.
//!
//! The first attempt that completes wins; outputs are the same whichever it is.

use common::task::Stage;

use super::ready::is_open;
use super::stage::Lease;
use super::state::{TaskKey, WorkflowState};

/// A stage is late when all its tasks have started and one in so many is done.
const LATE: usize = 2;

/// How many times the median of its stage a straggler runs.
const FAR_LONGER: u64 = 2;

/// No task that takes less time than this is a straggler: a second attempt would not save any.
const LEAST_MS: u64 = 1000;

/// Returns the tasks that may have a second attempt now, each with the hold on its first.
pub fn stragglers(
    state: &WorkflowState,
    now_ms: u64,
) -> impl Iterator<Item = (TaskKey, &Lease)> + '_ {
    let single = Stage::ALL.into_iter().flat_map(|stage| due(state, stage));
    single
        .filter(move |(_, _, due_ms)| *due_ms <= now_ms)
        .map(|(task, lease, _)| (task, lease))
}

/// Returns the hold on the first attempt of a task that may have a second one now.
pub fn straggler(state: &WorkflowState, task: TaskKey, now_ms: u64) -> Option<&Lease> {
    let patience_ms = patience_ms(state, task.stage)?;
    let leases = state.leases(task)?;
    let due_ms = leases.first.started_at_ms.saturating_add(patience_ms);
    (leases.second.is_none() && due_ms <= now_ms).then_some(&leases.first)
}

/// Returns the first time after now at which a task becomes a straggler if it goes on.
pub fn next_straggler_ms(state: &WorkflowState, now_ms: u64) -> Option<u64> {
    let all = Stage::ALL.into_iter().flat_map(|stage| due(state, stage));
    let later = all.map(|(_, _, due_ms)| due_ms);
    later.filter(|due_ms| *due_ms > now_ms).min()
}

/// Returns the tasks of a stage with a single attempt, and when each becomes a straggler.
fn due(state: &WorkflowState, stage: Stage) -> impl Iterator<Item = (TaskKey, &Lease, u64)> + '_ {
    let patience_ms = patience_ms(state, stage);
    let live = patience_ms.map(|patience_ms| {
        let live = state.stage(stage).live.iter();
        live.filter_map(move |&index| {
            let task = TaskKey { stage, index };
            let leases = state
                .leases(task)
                .filter(|leases| leases.second.is_none())?;
            let lease = &leases.first;
            Some((task, lease, lease.started_at_ms.saturating_add(patience_ms)))
        })
    });
    live.into_iter().flatten()
}

/// Returns how long a task may run before it is a straggler; `None` while its stage is not late.
fn patience_ms(state: &WorkflowState, stage: Stage) -> Option<u64> {
    let progress = state.stage(stage);
    let no_more = stage != Stage::Align || state.stage(Stage::Split).closed;
    let started = no_more && progress.waiting.is_empty();
    let late = started && progress.done as usize * LATE >= progress.tasks.len();
    if !late || progress.live.is_empty() || !may_have_two(stage) || !is_open(state, stage) {
        return None;
    }
    let median_ms = progress.durations.median_ms()?;
    Some(median_ms.saturating_mul(FAR_LONGER).max(LEAST_MS))
}

/// `split` commits as it goes on, and `gather` writes the most: neither is worth a second time.
const fn may_have_two(stage: Stage) -> bool {
    match stage {
        Stage::Split | Stage::Gather => false,
        Stage::Index
        | Stage::Align
        | Stage::Duplicates
        | Stage::Merge
        | Stage::Recalibrate
        | Stage::Call
        | Stage::Probe => true,
    }
}
