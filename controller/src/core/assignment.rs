//! What a worker is given: derived from the state of the journaled attempt.

use std::sync::Arc;

use common::ids::AttemptNumber;
use common::task::{Assignment, AttemptId, Detail, Stage};
use common::trace::TraceContext;
use common::workflow::Work;

use super::ready::need;
use super::state::{TaskKey, WorkflowState};

/// Returns the assignment of a live attempt; `None` if it is not live.
pub fn assignment(
    state: &WorkflowState,
    task: TaskKey,
    number: AttemptNumber,
) -> Option<Assignment> {
    let lease = state.lease(task, number)?;
    let plan = state.plan.as_ref()?;
    let genome = match &state.spec.work {
        Work::Genome(genome) => Some(Arc::new(genome.as_ref().clone())),
        Work::Probe { .. } => None,
    };
    Some(Assignment {
        attempt: state.attempt_id(task, number),
        epoch: lease.epoch,
        resources: need(state, task)?.resources,
        output_prefix: output_prefix(state, task, number),
        genome,
        inputs: plan.inputs.clone(),
        upstream: Stage::ALL
            .into_iter()
            .filter_map(|stage| Some((stage, state.stage(stage).manifest.clone()?)))
            .collect(),
        detail: detail(state, task)?,
        trace: state
            .trace
            .map(|trace| attempt_span(&trace, &state.attempt_id(task, number))),
    })
}

/// Returns the span of an attempt: every leader gives it the same id.
pub fn attempt_span(trace: &TraceContext, attempt: &AttemptId) -> TraceContext {
    trace.named(&attempt.to_string())
}

/// Returns the key prefix under which an attempt alone writes.
pub fn output_prefix(state: &WorkflowState, task: TaskKey, number: AttemptNumber) -> String {
    format!("work/{}", state.attempt_id(task, number))
}

/// Returns the key of a stage manifest.
pub fn stage_manifest_key(state: &WorkflowState, stage: Stage, round: u32) -> String {
    format!("work/{}/{stage}/manifest-{round}", state.workflow)
}

fn detail(state: &WorkflowState, task: TaskKey) -> Option<Detail> {
    let index = task.index as usize;
    Some(match task.stage {
        Stage::Split => Detail::Split(state.lanes.get(index)?.cursor),
        Stage::Align => Detail::Align(state.read_batches.get(index)?.clone()),
        _ => Detail::None,
    })
}
