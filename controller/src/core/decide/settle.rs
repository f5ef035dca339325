//! What follows from the state alone: stages without manifest close, and what can end ends.

use common::task::Stage;
use common::workflow::Work;

use super::super::duty::is_complete;
use super::super::fact::Change;
use super::super::state::{End, Phase, WorkflowState};
use super::when;

pub(super) fn settle(state: &WorkflowState) -> Vec<Change> {
    if state.is_ended() {
        return Vec::new();
    }
    if state.is_ending() {
        let end = match state.cancel_requested_at_ms {
            Some(_) => End::Cancelled,
            None => End::Failed,
        };
        let failure = state.failure.clone();
        return when(!state.any_live(), Change::Ended { end, failure });
    }
    match state.spec.work {
        Work::Probe { .. } if state.phase == Phase::Active => probe(state),
        _ => Vec::new(),
    }
}

fn probe(state: &WorkflowState) -> Vec<Change> {
    if is_complete(state, Stage::Probe) {
        return vec![Change::StageCompleted {
            stage: Stage::Probe,
            manifest: None,
        }];
    }
    let ended = Change::Ended {
        end: End::Succeeded,
        failure: None,
    };
    when(state.stage(Stage::Probe).closed, ended)
}
