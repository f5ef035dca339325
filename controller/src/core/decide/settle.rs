//! What follows from the state alone: stages without manifest close, and what can end ends.

use common::task::Stage;
use common::workflow::Work;

use super::super::audit::to_open;
use super::super::duty::{is_all_done, is_complete};
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
    let audits = audits(state);
    if !audits.is_empty() {
        return audits;
    }
    match state.spec.work {
        Work::Probe { .. } if state.phase == Phase::Active => probe(state),
        _ => Vec::new(),
    }
}

/// Tasks that run twice do so when all of their stage are done.
fn audits(state: &WorkflowState) -> Vec<Change> {
    if state.phase != Phase::Active {
        return Vec::new();
    }
    let done = Stage::ALL
        .into_iter()
        .filter(|stage| is_all_done(state, *stage));
    let opened = done.map(|stage| {
        let indices = to_open(state, stage);
        Change::AuditOpened { stage, indices }
    });
    let opened = opened.filter(
        |change| matches!(change, Change::AuditOpened { indices, .. } if !indices.is_empty()),
    );
    opened.collect()
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
