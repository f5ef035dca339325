//! The spans of a workflow, from what its facts say: each leader makes the same ones.

use common::ids::WorkerId;
use common::task::{AttemptId, Stage};
use common::telemetry::{Made, Value};
use common::trace::TraceContext;

use super::Told;
use crate::core::assignment::attempt_span;
use crate::core::state::WorkflowState;

/// The whole way of a workflow.
pub(super) fn workflow(state: &WorkflowState, end_ms: u64, status: &'static str) -> Option<Told> {
    let submission = state.trace?;
    let mut made = made(state, "workflow", (state.accepted_at_ms, end_ms))?;
    made.context = of_workflow(state, &submission);
    made.parent = Some(submission);
    made.fault = (status != "succeeded").then_some(status);
    made.attributes.push(("spindle.outcome", text(status)));
    Some(Told::Span(Box::new(made)))
}

/// From acceptance to validation.
pub(super) fn admission(
    state: &WorkflowState,
    end_ms: u64,
    fault: Option<&'static str>,
) -> Option<Told> {
    let mut made = made(state, "admission", (state.accepted_at_ms, end_ms))?;
    made.fault = fault;
    Some(Told::Span(Box::new(made)))
}

/// One attempt, from its placement to its report.
pub(super) fn attempt(
    state: &WorkflowState,
    attempt: AttemptId,
    times: (u64, u64),
    (worker, fault): (WorkerId, Option<&'static str>),
) -> Option<Told> {
    let mut made = made(state, "attempt", times)?;
    made.context = attempt_span(&made.context, &attempt);
    made.fault = fault;
    made.attributes.extend([
        ("spindle.stage", text(attempt.task.stage.name())),
        (
            "spindle.task.index",
            Value::Number(attempt.task.index.into()),
        ),
        ("spindle.attempt", Value::Number(attempt.number.0.into())),
        ("spindle.worker.id", text(worker.as_str())),
        ("spindle.outcome", text(fault.unwrap_or("completed"))),
    ]);
    Some(Told::Span(Box::new(made)))
}

/// From the end of the last stage to that of the workflow, if files were to appear.
pub(super) fn publication(state: &WorkflowState, end_ms: u64) -> Option<Told> {
    state.publication.as_ref()?;
    let gathered = state.stage(Stage::Gather).ended_at_ms;
    let made = made(state, "publication", (gathered.unwrap_or(end_ms), end_ms))?;
    Some(Told::Span(Box::new(made)))
}

fn of_workflow(state: &WorkflowState, submission: &TraceContext) -> TraceContext {
    submission.named(state.workflow.as_str())
}

/// Makes a part of the workflow's span.
fn made(state: &WorkflowState, name: &'static str, (begin_ms, end_ms): (u64, u64)) -> Option<Made> {
    let submission = state.trace.filter(TraceContext::is_sampled)?;
    let part = format!("{}/{name}", state.workflow);
    Some(Made {
        context: submission.named(&part),
        parent: Some(of_workflow(state, &submission)),
        cause: None,
        name,
        begin_ms,
        end_ms,
        attributes: vec![
            ("spindle.workflow.id", text(state.workflow.as_str())),
            ("spindle.batch.id", text(state.batch.as_str())),
            ("spindle.tenant", text(state.tenant.as_str())),
        ],
        fault: None,
    })
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}
