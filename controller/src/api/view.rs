//! Workflows as clients see them.

use common::failure::Failure;
use common::workflow::WorkflowSpec;
use prost_types::Timestamp;
use proto::v1;

use crate::actors::workflow::Snapshot;
use crate::core::state::{OutputFile, WorkflowFailure};
use crate::core::view::{StageStatus, StageView, WorkflowView};
use crate::state::status_wire::state_of;

impl From<&Snapshot> for v1::Workflow {
    fn from(snapshot: &Snapshot) -> Self {
        let Snapshot {
            workflow,
            batch,
            tenant,
            spec,
            view,
            work: _,
        } = snapshot;
        let WorkflowView {
            status,
            reason,
            stages,
            failure,
            outputs,
            created_at_ms,
            started_at_ms,
            ended_at_ms,
            revision,
            stale_reports,
            warnings,
        } = view;
        Self {
            workflow_id: workflow.as_str().to_owned(),
            batch_id: batch.as_str().to_owned(),
            tenant: tenant.as_str().to_owned(),
            state: state_of(*status).into(),
            state_reason: reason.clone(),
            spec: Some(shown(spec)),
            stages: stages.iter().map(stage).collect(),
            error: failure.as_ref().map(error),
            outputs: outputs.iter().map(output).collect(),
            created_at: Some(timestamp(*created_at_ms)),
            started_at: started_at_ms.map(timestamp),
            ended_at: ended_at_ms.map(timestamp),
            revision: *revision,
            stale_reports: *stale_reports,
            warnings: warnings.clone(),
        }
    }
}

/// What is sealed is nobody's concern.
fn shown(spec: &WorkflowSpec) -> v1::WorkflowSpec {
    let mut shown = v1::WorkflowSpec::from(spec);
    if let Some(v1::workflow_spec::Work::Genome(genome)) = &mut shown.work {
        genome.sealed_s3_login.clear();
    }
    shown
}

fn stage(view: &StageView) -> v1::StageStatus {
    let StageView {
        stage,
        status,
        tasks,
        running,
        done,
        attempts,
        most_attempts,
        reads,
        bases,
        cpu_ms,
        started_at_ms,
        ended_at_ms,
        cached,
        completed_by,
    } = view;
    let share = |(worker, tasks): &(common::ids::WorkerId, u32)| v1::WorkerShare {
        worker_id: worker.as_str().to_owned(),
        tasks: *tasks,
    };
    let state = match status {
        StageStatus::Waiting => v1::StageState::Waiting,
        StageStatus::Running => v1::StageState::Running,
        StageStatus::Done => v1::StageState::Done,
        StageStatus::Skipped => v1::StageState::Skipped,
    };
    v1::StageStatus {
        stage: v1::Stage::from(*stage).into(),
        state: state.into(),
        tasks: *tasks,
        running: *running,
        done: *done,
        attempts: u32::try_from(*attempts).unwrap_or(u32::MAX),
        most_attempts: *most_attempts,
        reads: *reads,
        bases: *bases,
        cpu_ms: *cpu_ms,
        started_at: started_at_ms.map(timestamp),
        ended_at: ended_at_ms.map(timestamp),
        completed_by: completed_by.iter().map(share).collect(),
        cached: *cached,
    }
}

fn error(failure: &WorkflowFailure) -> v1::WorkflowError {
    let WorkflowFailure { failure, task } = failure;
    let Failure {
        class,
        message,
        file,
        record,
    } = failure;
    let stage = task.map_or(v1::Stage::Unspecified, |task| task.stage.into());
    v1::WorkflowError {
        error_class: v1::ErrorClass::from(*class).into(),
        message: message.clone(),
        file: file.clone().unwrap_or_default(),
        record: record.unwrap_or_default(),
        stage: stage.into(),
        task_index: task.map_or(0, |task| task.index),
    }
}

fn output(file: &OutputFile) -> v1::OutputFile {
    let OutputFile {
        name,
        uri,
        size_bytes,
        sha256,
    } = file;
    v1::OutputFile {
        name: name.clone(),
        uri: uri.clone(),
        size_bytes: *size_bytes,
        sha256: sha256.clone(),
    }
}

/// Returns a time in milliseconds since 1970 as it is sent.
pub(super) fn timestamp(ms: u64) -> Timestamp {
    Timestamp {
        seconds: i64::try_from(ms / 1000).unwrap_or(i64::MAX),
        nanos: (ms % 1000) as i32 * 1_000_000,
    }
}
