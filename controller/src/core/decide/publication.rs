//! Publication: the targets are durable before the first file appears.

use common::failure::{Failure, FailureClass};

use super::super::event::Now;
use super::super::fact::Change;
use super::super::state::{End, OutputFile, Phase, WorkflowFailure, WorkflowState};
use super::{goes_on, lineage, retry, when};

pub(super) fn started(state: &WorkflowState, targets: Vec<OutputFile>) -> Vec<Change> {
    let plan = state.plan.as_ref();
    let closed = plan.is_some_and(|plan| {
        let mut stages = plan.stages.iter();
        stages.all(|stage| state.stage(*stage).closed)
    });
    when(
        goes_on(state) && closed,
        Change::PublicationStarted { targets },
    )
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
