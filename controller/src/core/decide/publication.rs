//! Publication: the targets are durable before the first file appears.

use common::failure::{Failure, FailureClass};

use super::super::event::Now;
use super::super::fact::Change;
use super::super::state::{End, OutputFile, Phase, WorkflowFailure, WorkflowState};
use super::{goes_on, lineage, retry, when};

pub(super) fn started(state: &WorkflowState, targets: Vec<OutputFile>) -> Vec<Change> {
    when(is_planned(state), Change::PublicationStarted { targets })
}

/// An object that counts no longer was missed: what was read of it is read again, after a while.
pub(super) fn lost(state: &WorkflowState, key: String, now: Now) -> Vec<Change> {
    if !is_publishing(state) && !is_planned(state) {
        return Vec::new();
    }
    let message = "an object that counts no longer was missed";
    let mut failure = Failure::new(FailureClass::IntermediateLost, message);
    failure.file = Some(key);
    failed(state, failure, now)
}

/// Says whether all is there, so that the targets are being found out.
fn is_planned(state: &WorkflowState) -> bool {
    let plan = state.plan.as_ref();
    let closed = plan.is_some_and(|plan| {
        let mut stages = plan.stages.iter();
        stages.all(|stage| state.stage(*stage).closed)
    });
    goes_on(state) && closed
}

pub(super) fn done(state: &WorkflowState) -> Vec<Change> {
    let ended = Change::Ended {
        end: End::Succeeded,
        failure: None,
    };
    when(is_publishing(state), ended)
}

pub(super) fn failed(state: &WorkflowState, failure: Failure, now: Now) -> Vec<Change> {
    // Before the targets are known, the same failure speaks about finding them.
    let planning = goes_on(state);
    if !is_publishing(state) && !planning {
        return Vec::new();
    }
    if failure.class == FailureClass::IntermediateLost {
        let key = failure.file.as_deref().unwrap_or_default();
        let reopened = lineage::found_lost(state, key);
        if !reopened.is_empty() {
            return reopened;
        }
    }
    let publication = state.publication.as_ref();
    let before = publication.map_or(0, |publication| publication.failures);
    match retry::after(before, failure.class, now) {
        Some(retry_at_ms) => when(
            true,
            Change::PublicationFailed {
                failure,
                retry_at_ms,
            },
        ),
        None => {
            let task = None;
            when(true, Change::Failing(WorkflowFailure { failure, task }))
        }
    }
}

fn is_publishing(state: &WorkflowState) -> bool {
    state.phase == Phase::Publishing && !state.is_ending()
}
