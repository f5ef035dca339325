//! What has to hold when all is over.

use std::collections::{BTreeMap, BTreeSet};

use common::ids::{AttemptNumber, WorkflowId};
use common::task::{AttemptId, ObjectRef, TaskId};

use super::TOKENS;
use super::world::{violated, with};
use crate::core::fact::Change;
use crate::core::state::{End, Phase, TaskKey, TaskStatus, WorkflowState};
use crate::state::fold::{Fold, Folded};
use crate::state::keys::{self, Meaning};
use crate::state::{Record, StateStore, journal};

fn records() -> Vec<Record> {
    with(|world| world.store.range(b"", &[u8::MAX], usize::MAX)).expect("memory does not fail")
}

fn no_snapshot(_: &ObjectRef) -> Result<Vec<u8>, crate::state::StoreError> {
    unreachable!("there are no snapshots")
}

fn states() -> Option<BTreeMap<WorkflowId, WorkflowState>> {
    let fold = match Fold::of(&records(), &no_snapshot) {
        Ok(fold) => fold,
        Err(error) => {
            violated(format!("a journal has a gap: {error}"));
            return None;
        }
    };
    let open = |(id, folded)| match folded {
        Folded::Open(state) => Some((id, *state)),
        Folded::Archived(_) => None,
    };
    Some(fold.workflows.into_iter().filter_map(open).collect())
}

/// Says whether everything was submitted and has ended.
pub(super) fn all_over() -> bool {
    let submitted = with(|world| world.submitted.len());
    let over =
        |states: BTreeMap<WorkflowId, WorkflowState>| states.values().all(WorkflowState::is_ended);
    submitted == TOKENS.len() && states().is_some_and(over)
}

/// Looks at everything.
pub(super) fn check(over: bool) {
    if !over {
        violated("a workflow that was accepted does not end".to_owned());
    }
    let Some(states) = states() else { return };
    if states.len() != TOKENS.len() && over {
        violated(format!(
            "{} workflows of {} tokens",
            states.len(),
            TOKENS.len()
        ));
    }
    let won = states.keys().flat_map(winners).collect();
    acknowledged_is_there(&won);
    for state in states.values() {
        ended_well(state);
    }
    let left = with(|world| {
        world
            .objects
            .keys()
            .find(|key| key.starts_with("work/"))
            .cloned()
    });
    if let (Some(key), true) = (left, over) {
        violated(format!("garbage stays: {key}"));
    }
}

/// Replays a journal: no gap, no overlap, no task with two results. Returns who ever won.
fn winners(workflow: &WorkflowId) -> Vec<AttemptId> {
    let records = records();
    let batches = records
        .iter()
        .filter(|(key, _)| matches!(keys::meaning(key), Meaning::Journal(of) if of == *workflow));
    let (mut next, mut won) = (1, Vec::new());
    let mut live: BTreeSet<(TaskKey, AttemptNumber)> = BTreeSet::new();
    let mut done: BTreeSet<TaskKey> = BTreeSet::new();
    for (key, value) in batches {
        let (first, facts) = journal::unpack(key, value).expect("it was folded");
        if first != next {
            violated(format!(
                "{workflow}: facts from {first} follow on {}",
                next - 1
            ));
        }
        next = first + facts.len() as u64;
        for fact in &facts {
            match &fact.change {
                Change::AttemptStarted { task, attempt, .. } => {
                    live.insert((*task, *attempt));
                }
                Change::AttemptFailed { task, attempt, .. } => {
                    live.remove(&(*task, *attempt));
                }
                Change::AttemptCompleted { task, attempt, .. } => {
                    if !live.remove(&(*task, *attempt)) {
                        violated(format!("{workflow}: {task} won by what was not live"));
                    }
                    if !done.insert(*task) {
                        violated(format!("{workflow}: {task} has two results"));
                    }
                    let task = TaskId {
                        workflow: workflow.clone(),
                        stage: task.stage,
                        index: task.index,
                    };
                    let number = *attempt;
                    won.push(AttemptId { task, number });
                }
                Change::StageReopened { stage, .. } => {
                    violated(format!("{workflow}: {stage} was opened again"));
                }
                _ => {}
            }
        }
    }
    won
}

/// A result that was acknowledged is in the journal.
fn acknowledged_is_there(won: &BTreeSet<AttemptId>) {
    let lost = with(|world| {
        let acknowledged = world.acknowledged.iter();
        let lost = acknowledged.filter(|(attempt, _)| !won.contains(attempt));
        lost.map(|(attempt, _)| attempt.clone()).next()
    });
    if let Some(attempt) = lost {
        violated(format!("{attempt} was acknowledged and is lost"));
    }
}

/// It has all its files, and they are what its results say.
fn ended_well(state: &WorkflowState) {
    if state.phase != Phase::Ended(End::Succeeded) {
        return;
    }
    let results = state.stages.iter().flat_map(|stage| &stage.tasks);
    if !results
        .clone()
        .all(|task| matches!(task.status, TaskStatus::Done { .. }))
    {
        violated(format!("{} ended before its tasks", state.workflow));
    }
    let Some(publication) = &state.publication else {
        return;
    };
    for file in &publication.targets {
        let place = (state.workflow.to_string(), file.name.clone());
        let found = with(|world| world.published.get(&place).cloned());
        if found.as_ref() != Some(&file.sha256) {
            violated(format!("{place:?} is not what was promised"));
        }
    }
}
