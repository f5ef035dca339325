//! All policy: what follows from an event. Changes nothing.

mod attempts;
mod lineage;
mod publication;
mod read_batches;
mod results;
mod retry;
mod settle;

use std::sync::Arc;

use common::failure::Failure;

use super::duty::is_complete;
use super::event::{Event, Now};
use super::fact::{Change, Fact};
use super::state::{Phase, WorkflowFailure, WorkflowState};
use crate::plan::dag::Plan;

/// Returns the facts that follow from an event at once; [`super::advance()`] adds what follows from those.
pub fn decide(state: &WorkflowState, event: Event, now: Now) -> Vec<Fact> {
    let changes = changes(state, event, now);
    let fact = |change| Fact::new(now.at_ms, change);
    changes.into_iter().map(fact).collect()
}

fn changes(state: &WorkflowState, event: Event, now: Now) -> Vec<Change> {
    match event {
        Event::Validated(plan) => validated(state, plan),
        Event::Rejected(failure) => rejected(state, failure),
        Event::Placed {
            task,
            worker,
            epoch,
        } => attempts::placed(state, task, (worker, epoch), now),
        Event::ReadBatchCommitted {
            attempt,
            read_batch,
            cursor,
        } => read_batches::committed(state, attempt, read_batch, cursor),
        Event::Reported {
            task,
            attempt,
            counters,
            outcome,
        } => attempts::reported(state, (task, attempt), (counters, outcome), now),
        Event::AttemptsLost { attempts, failure } => {
            attempts::lost(state, &attempts, &failure, now)
        }
        Event::StageManifestWritten {
            stage,
            round,
            manifest,
        } => {
            let progress = state.stage(stage);
            let due = goes_on(state) && is_complete(state, stage) && progress.rounds == round;
            let manifest = Some(manifest);
            when(due, Change::StageCompleted { stage, manifest })
        }
        Event::IntermediateLost { key } => {
            let reopened = lineage::found_lost(state, &key);
            match reopened.is_empty() {
                true => publication::lost(state, key, now),
                false => reopened,
            }
        }
        Event::OutputsDiffer { task, failure } => {
            let task = Some(task);
            let failing = Change::Failing(WorkflowFailure { failure, task });
            when(goes_on(state), failing)
        }
        Event::ResultsLookedUp {
            stage,
            tasks,
            found,
        } => results::looked_up(state, stage, tasks, found),
        Event::LoginRenewed(login) => {
            let takes = state.spec.work.has_login() && !state.is_ending();
            when(takes, Change::LoginRenewed(login))
        }
        Event::CancelRequested => {
            let late = state.is_ending() || state.phase == Phase::Publishing;
            when(!late, Change::CancelRequested)
        }
        Event::PublicationStarted { targets } => publication::started(state, targets),
        Event::PublicationDone => publication::done(state),
        Event::PublicationFailed(failure) => publication::failed(state, failure, now),
        Event::TimePassed => settle::settle(state),
    }
}

fn validated(state: &WorkflowState, plan: Plan) -> Vec<Change> {
    when(awaits_validation(state), Change::Validated(Arc::new(plan)))
}

fn rejected(state: &WorkflowState, failure: Failure) -> Vec<Change> {
    let task = None;
    let change = Change::Rejected(WorkflowFailure { failure, task });
    when(awaits_validation(state), change)
}

fn awaits_validation(state: &WorkflowState) -> bool {
    state.phase == Phase::Accepted && !state.is_ending()
}

fn goes_on(state: &WorkflowState) -> bool {
    state.phase == Phase::Active && !state.is_ending()
}

fn when(condition: bool, change: Change) -> Vec<Change> {
    condition.then_some(change).into_iter().collect()
}
