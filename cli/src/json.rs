//! What queries print with `--json`: one object a line, stable keys.

use proto::v1::{self, WorkflowState};
use serde_json::{Value, json};

use crate::text;

/// Returns a workflow as JSON.
pub fn workflow(workflow: &v1::Workflow) -> Value {
    json!({
        "workflow_id": workflow.workflow_id,
        "batch_id": workflow.batch_id,
        "tenant": workflow.tenant,
        "sample": sample(workflow),
        "state": text::state(workflow.state()),
        "state_reason": workflow.state_reason,
        "stages": workflow.stages.iter().map(stage).collect::<Vec<_>>(),
        "error": workflow.error.as_ref().map(error),
        "outputs": workflow.outputs.iter().map(output).collect::<Vec<_>>(),
        "warnings": workflow.warnings,
        "stale_reports": workflow.stale_reports,
        "created_at": workflow.created_at.as_ref().map(ToString::to_string),
        "started_at": workflow.started_at.as_ref().map(ToString::to_string),
        "ended_at": workflow.ended_at.as_ref().map(ToString::to_string),
        "final": text::is_final(workflow.state()),
        "succeeded": workflow.state() == WorkflowState::Succeeded,
    })
}

/// Returns the sample of a workflow, empty for other work.
pub fn sample(workflow: &v1::Workflow) -> &str {
    match workflow.spec.as_ref().and_then(|spec| spec.work.as_ref()) {
        Some(v1::workflow_spec::Work::Genome(genome)) => &genome.sample,
        _ => "",
    }
}

fn stage(stage: &v1::StageStatus) -> Value {
    let share = |share: &v1::WorkerShare| (share.worker_id.clone(), json!(share.tasks));
    json!({
        "stage": text::stage(stage.stage()),
        "state": text::stage_state(stage.state()),
        "tasks": stage.tasks,
        "running": stage.running,
        "done": stage.done,
        "attempts": stage.attempts,
        "most_attempts": stage.most_attempts,
        "reads": stage.reads,
        "bases": stage.bases,
        "cpu_ms": stage.cpu_ms,
        "cached": stage.cached,
        "started_at": stage.started_at.as_ref().map(ToString::to_string),
        "ended_at": stage.ended_at.as_ref().map(ToString::to_string),
        "completed_by": stage.completed_by.iter().map(share).collect::<serde_json::Map<_, _>>(),
    })
}

fn error(error: &v1::WorkflowError) -> Value {
    json!({
        "class": error.error_class().as_str_name().trim_start_matches("ERROR_CLASS_"),
        "message": error.message,
        "file": error.file,
        "record": error.record,
        "stage": text::stage(error.stage()),
        "task_index": error.task_index,
    })
}

fn output(output: &v1::OutputFile) -> Value {
    json!({
        "name": output.name,
        "uri": output.uri,
        "size_bytes": output.size_bytes,
        "sha256": output.sha256,
    })
}

/// Returns a worker as JSON.
pub fn worker(worker: &v1::WorkerStatus) -> Value {
    let running = |task: &v1::RunningTask| {
        json!({
            "workflow_id": task.workflow_id,
            "stage": text::stage(task.stage()),
            "task_index": task.task_index,
            "attempt": task.attempt,
        })
    };
    json!({
        "worker_id": worker.worker_id,
        "host": worker.host,
        "state": worker_state(worker.state()),
        "cores": worker.cores,
        "cores_used": worker.cores_used,
        "memory_bytes": worker.memory_bytes,
        "memory_used_bytes": worker.memory_used_bytes,
        "running": worker.running.iter().map(running).collect::<Vec<_>>(),
        "cordoned_until": worker.cordoned_until.as_ref().map(ToString::to_string),
    })
}

/// Returns the word of a worker's state.
pub const fn worker_state(state: v1::WorkerState) -> &'static str {
    match state {
        v1::WorkerState::Unspecified => "unknown",
        v1::WorkerState::Ready => "ready",
        v1::WorkerState::Suspect => "suspect",
        v1::WorkerState::Draining => "draining",
        v1::WorkerState::Cordoned => "cordoned",
    }
}
