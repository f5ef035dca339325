//! From facts to their stored form.

use common::ids::Sha256;
use common::task::{ObjectRef, Stage, TaskId};
use common::wire::failure::workflow_error;
use proto::state::v1::{self as wire, fact};
use proto::{v1, worker::v1 as worker};

use crate::core::fact::{Change, FoundResult};
use crate::core::state::{End, OutputFile, TaskKey, WorkflowFailure};
use crate::plan::dag::{InputDigests, Plan};

pub(super) fn change(change: &Change) -> Option<fact::Fact> {
    Some(match change {
        Change::Validated(found) => fact::Fact::Validated(plan(found)),
        Change::Rejected(why) => fact::Fact::Rejected(wire::Rejected {
            error: Some(failure(why)),
        }),
        Change::ReadBatchCommitted {
            attempt,
            read_batch,
            cursor,
        } => fact::Fact::ReadBatchCommitted(wire::ReadBatchCommitted {
            attempt: attempt.0,
            read_batch: Some(read_batch.into()),
            cursor: Some((*cursor).into()),
        }),
        Change::AttemptStarted { .. }
        | Change::AttemptCompleted { .. }
        | Change::AttemptFailed { .. }
        | Change::ReportRefused { .. } => attempt(change)?,
        Change::StageCompleted {
            stage: of,
            manifest,
        } => fact::Fact::StageCompleted(wire::StageCompleted {
            stage: stage(*of),
            manifest: object(manifest.as_ref()),
        }),
        Change::StageReopened { stage: of, indices } => {
            fact::Fact::StageReopened(wire::StageReopened {
                stage: stage(*of),
                indices: indices.clone(),
            })
        }
        Change::AuditOpened { stage: of, indices } => fact::Fact::AuditOpened(wire::AuditOpened {
            stage: stage(*of),
            indices: indices.clone(),
        }),
        Change::ResultsFound {
            stage: of,
            tasks,
            found: results,
        } => fact::Fact::ResultsFound(wire::ResultsFound {
            stage: stage(*of),
            first: tasks.start,
            end: tasks.end,
            found: results.iter().map(found).collect(),
        }),
        Change::LoginRenewed(login) => fact::Fact::LoginRenewed(wire::LoginRenewed {
            sealed: login.0.clone(),
        }),
        Change::CancelRequested => fact::Fact::CancelRequested(wire::CancelRequested {}),
        Change::PublicationStarted { targets } => {
            fact::Fact::PublicationStarted(wire::PublicationStarted {
                targets: targets.iter().map(output_file).collect(),
            })
        }
        Change::PublicationFailed {
            failure,
            retry_at_ms,
        } => fact::Fact::PublicationFailed(wire::PublicationFailed {
            error: Some(failure.into()),
            retry_at_ms: *retry_at_ms,
        }),
        Change::Failing(why) => fact::Fact::Failing(wire::Failing {
            error: Some(failure(why)),
        }),
        Change::Ended { end, failure: why } => fact::Fact::Ended(wire::Ended {
            state: ended(*end).into(),
            error: why.as_ref().map(failure),
        }),
        Change::Unknown => return None,
    })
}

fn attempt(change: &Change) -> Option<fact::Fact> {
    Some(match change {
        Change::AttemptStarted {
            task,
            attempt,
            worker,
            epoch,
        } => fact::Fact::AttemptStarted(wire::AttemptStarted {
            stage: stage(task.stage),
            index: task.index,
            attempt: attempt.0,
            worker_id: worker.as_str().to_owned(),
            epoch: epoch.0,
        }),
        Change::AttemptCompleted {
            task,
            attempt,
            manifest,
            counters,
        } => fact::Fact::AttemptCompleted(wire::AttemptCompleted {
            stage: stage(task.stage),
            index: task.index,
            attempt: attempt.0,
            manifest: object(manifest.as_ref()),
            counters: Some((*counters).into()),
        }),
        Change::AttemptFailed {
            task,
            attempt,
            failure,
            retry_at_ms,
        } => fact::Fact::AttemptFailed(wire::AttemptFailed {
            stage: stage(task.stage),
            index: task.index,
            attempt: attempt.0,
            error: Some(failure.into()),
            retry_at_ms: retry_at_ms.unwrap_or(0),
        }),
        Change::ReportRefused { task, attempt } => fact::Fact::ReportRefused(wire::ReportRefused {
            stage: stage(task.stage),
            index: task.index,
            attempt: attempt.0,
        }),
        _ => return None,
    })
}

pub(in crate::state) fn plan(plan: &Plan) -> wire::Validated {
    let Plan {
        lanes,
        partitions,
        stages,
        inputs,
        warnings,
        probe_tasks,
        reference_digest,
        output_versions,
        audited_ppm,
        input_digests: digests,
    } = plan;
    let versions = output_versions.iter();
    wire::Validated {
        lanes: *lanes,
        partitions: *partitions,
        stages: stages.iter().map(|needed| stage(*needed)).collect(),
        inputs: inputs.iter().map(Into::into).collect(),
        warnings: warnings.clone(),
        probe_tasks: *probe_tasks,
        reference_digest: reference_digest.map_or_else(Vec::new, |digest| digest.0.to_vec()),
        output_versions: versions
            .map(|(stage, version)| (stage.name().to_owned(), *version))
            .collect(),
        audited_ppm: *audited_ppm,
        input_digests: digests.as_ref().map(input_digests),
    }
}

fn input_digests(digests: &InputDigests) -> wire::InputDigests {
    let InputDigests {
        index,
        known_sites,
        intervals,
    } = digests;
    let all = |digests: &[Sha256]| digests.iter().map(|digest| digest.0.to_vec()).collect();
    wire::InputDigests {
        index: index.map_or_else(Vec::new, |digest| digest.0.to_vec()),
        known_sites: all(known_sites),
        intervals: all(intervals),
    }
}

fn found(result: &FoundResult) -> wire::FoundResult {
    let FoundResult {
        index,
        manifest,
        bytes,
    } = result;
    wire::FoundResult {
        index: *index,
        manifest: Some(manifest.into()),
        bytes: *bytes,
    }
}

pub(in crate::state) fn failure(failure: &WorkflowFailure) -> v1::WorkflowError {
    let task = failure.task.map(|TaskKey { stage, index }| TaskId {
        workflow: common::ids::WorkflowId::new(""),
        stage,
        index,
    });
    workflow_error(&failure.failure, task.as_ref())
}

pub(in crate::state) fn output_file(file: &OutputFile) -> v1::OutputFile {
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

pub(in crate::state) fn object(object: Option<&ObjectRef>) -> Option<worker::ObjectRef> {
    object.map(Into::into)
}

pub(in crate::state) fn stage(stage: Stage) -> i32 {
    v1::Stage::from(stage).into()
}

fn ended(end: End) -> v1::WorkflowState {
    match end {
        End::Succeeded => v1::WorkflowState::Succeeded,
        End::Rejected => v1::WorkflowState::Rejected,
        End::Failed => v1::WorkflowState::Failed,
        End::Cancelled => v1::WorkflowState::Cancelled,
    }
}
