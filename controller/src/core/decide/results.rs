//! Results of other workflows: a task that waits for its first attempt is done by one.

use std::ops::Range;

use common::task::Stage;

use super::super::fact::{Change, FoundResult};
use super::super::state::{TaskKey, TaskStatus, WorkflowState};
use super::{goes_on, when};

/// What was looked up counts once, and only for tasks that nobody has begun.
pub(super) fn looked_up(
    state: &WorkflowState,
    stage: Stage,
    tasks: Range<u32>,
    mut found: Vec<FoundResult>,
) -> Vec<Change> {
    let is_news = tasks.start == state.stage(stage).looked_up && !tasks.is_empty();
    found.retain(|result| {
        let index = result.index;
        let task = state.task(TaskKey { stage, index });
        let waits = task.is_some_and(|task| {
            task.attempts == 0 && matches!(task.status, TaskStatus::Waiting { .. })
        });
        waits && tasks.contains(&index)
    });
    found.sort_by_key(|result| result.index);
    found.dedup_by_key(|result| result.index);
    let change = Change::ResultsFound {
        stage,
        tasks,
        found,
    };
    when(goes_on(state) && is_news, change)
}
