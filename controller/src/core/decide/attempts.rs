//! The life of an attempt: placed, reported, lost.

use common::failure::{Failure, FailureClass};
use common::ids::{AttemptNumber, Epoch, WorkerId};
use common::task::{Counters, Outcome, Stage};

use super::super::event::Now;
use super::super::fact::Change;
use super::super::ready::is_ready;
use super::super::state::{TaskKey, WorkflowFailure, WorkflowState};
use super::super::straggler::straggler;
use super::super::verdict::{self, Verdict};
use super::{lineage, read_batches, retry, when};

pub(super) fn placed(
    state: &WorkflowState,
    task: TaskKey,
    (worker, epoch): (WorkerId, Epoch),
    now: Now,
) -> Vec<Change> {
    let attempts = state.task(task).map_or(0, |task| task.attempts);
    let first = straggler(state, task, now.at_ms);
    let is_second = first.is_some_and(|lease| lease.worker != worker);
    let started = Change::AttemptStarted {
        task,
        attempt: AttemptNumber(attempts + 1),
        worker,
        epoch,
    };
    when(is_ready(state, task, now.at_ms) || is_second, started)
}

/// A report counts if its attempt is live in the journal, whichever leader assigned it.
pub(super) fn reported(
    state: &WorkflowState,
    (task, attempt): (TaskKey, AttemptNumber),
    (counters, outcome): (Counters, Outcome),
    now: Now,
) -> Vec<Change> {
    match verdict::report(state, task, attempt, &outcome) {
        Verdict::Known => return Vec::new(),
        Verdict::Refused => return vec![Change::ReportRefused { task, attempt }],
        Verdict::Counts => {}
    }
    let failure = match outcome {
        Outcome::Completed(manifest) => {
            let fault = completion_fault(state, task, manifest.is_some());
            let completed = Change::AttemptCompleted {
                task,
                attempt,
                manifest,
                counters,
            };
            match fault {
                None => {
                    let mut changes = overtaken(state, task, attempt);
                    changes.push(completed);
                    return changes;
                }
                Some(failure) => failure,
            }
        }
        Outcome::Failed(failure) => failure,
        Outcome::HandedBack => Failure::new(FailureClass::Preempted, "handed back by the worker"),
    };
    failed(state, (task, attempt), failure, now)
}

/// The other attempt of a task, of which one completes, is over.
fn overtaken(state: &WorkflowState, task: TaskKey, winner: AttemptNumber) -> Vec<Change> {
    let other = state.leases(task).and_then(|leases| leases.beside(winner));
    let message = || format!("attempt {} was first", winner.0);
    let lost = other.map(|lease| Change::AttemptFailed {
        task,
        attempt: lease.attempt,
        failure: Failure::new(FailureClass::Cancelled, message()),
        retry_at_ms: None,
    });
    lost.into_iter().collect()
}

pub(super) fn lost(
    state: &WorkflowState,
    attempts: &[(TaskKey, AttemptNumber)],
    failure: &Failure,
    now: Now,
) -> Vec<Change> {
    let live = attempts
        .iter()
        .filter(|(task, attempt)| state.lease(*task, *attempt).is_some());
    live.flat_map(|attempt| failed(state, *attempt, failure.clone(), now))
        .collect()
}

/// What follows from the failure of a live attempt.
pub(super) fn failed(
    state: &WorkflowState,
    (task, attempt): (TaskKey, AttemptNumber),
    failure: Failure,
    now: Now,
) -> Vec<Change> {
    let ended = |failure, retry_at_ms| Change::AttemptFailed {
        task,
        attempt,
        failure,
        retry_at_ms,
    };
    if state.is_ending() {
        return vec![ended(failure, None)];
    }
    let (failure, lost) = lineage::judge(state, failure);
    let trouble = state.task(task).and_then(|task| task.trouble.as_deref());
    let next = retry::next(trouble, &failure, now).filter(|_| lost.can_be_remade());
    let other = state.leases(task).and_then(|leases| leases.beside(attempt));
    // The other attempt may do what this one could not.
    let other_may = other.is_some() && retry::is_tried_again(failure.class);
    let reopened = match next {
        Some(_) => lost.reopen(),
        None if other_may && lost.can_be_remade() => None,
        None => Some(Change::Failing(WorkflowFailure {
            failure: failure.clone(),
            task: Some(task),
        })),
    };
    let mut changes = vec![ended(failure, next.filter(|_| other.is_none()))];
    changes.extend(reopened);
    changes
}

/// Says why a completion is not valid, if it is not.
fn completion_fault(state: &WorkflowState, task: TaskKey, has_manifest: bool) -> Option<Failure> {
    if task.stage != Stage::Probe && !has_manifest {
        let message = format!("{task} completed without a manifest");
        return Some(Failure::new(FailureClass::Internal, message));
    }
    match task.stage {
        Stage::Split => read_batches::lane_fault(state, task.index),
        _ => None,
    }
}
