//! From the stored form to facts.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::failure::Failure;
use common::ids::{AttemptNumber, Epoch, WorkerId};
use common::s3_login::Sealed;
use common::task::{InputStamp, ObjectRef, Stage};
use common::wire::WireError;
use common::wire::failure::class;
use common::wire::task::{digest, stage};
use proto::state::v1::{self as wire, fact};
use proto::{v1, worker::v1 as worker};

use crate::core::fact::{Change, FoundResult};
use crate::core::state::{End, OutputFile, TaskKey, WorkflowFailure};
use crate::plan::dag::{InputDigests, Plan};

pub(super) fn change(fact: fact::Fact) -> Result<Change, WireError> {
    Ok(match fact {
        fact::Fact::Validated(wire) => Change::Validated(Arc::new(plan(wire)?)),
        fact::Fact::Rejected(wire::Rejected { error }) => Change::Rejected(failure(set(error)?)?),
        fact::Fact::ReadBatchCommitted(wire::ReadBatchCommitted {
            attempt,
            read_batch,
            cursor,
        }) => Change::ReadBatchCommitted {
            attempt: AttemptNumber(attempt),
            read_batch: set(read_batch)?.try_into()?,
            cursor: set(cursor)?.into(),
        },
        fact::Fact::AttemptStarted(wire) => started(wire)?,
        fact::Fact::AttemptCompleted(wire) => completed(wire)?,
        fact::Fact::AttemptFailed(wire) => attempt_failed(wire)?,
        fact::Fact::ReportRefused(wire::ReportRefused {
            stage,
            index,
            attempt,
        }) => Change::ReportRefused {
            task: task(stage, index)?,
            attempt: AttemptNumber(attempt),
        },
        fact::Fact::StageCompleted(wire::StageCompleted {
            stage: of,
            manifest,
        }) => Change::StageCompleted {
            stage: stage(of)?,
            manifest: object(manifest)?,
        },
        fact::Fact::StageReopened(wire::StageReopened { stage: of, indices }) => {
            let stage = stage(of)?;
            Change::StageReopened { stage, indices }
        }
        fact::Fact::AuditOpened(wire::AuditOpened { stage: of, indices }) => {
            let stage = stage(of)?;
            Change::AuditOpened { stage, indices }
        }
        fact::Fact::ResultsFound(wire::ResultsFound {
            stage: of,
            first,
            end,
            found: results,
        }) => Change::ResultsFound {
            stage: stage(of)?,
            tasks: first..end,
            found: results.into_iter().map(found).collect::<Result<_, _>>()?,
        },
        fact::Fact::LoginRenewed(wire::LoginRenewed { sealed }) => {
            Change::LoginRenewed(Sealed(sealed))
        }
        fact::Fact::CancelRequested(wire::CancelRequested {}) => Change::CancelRequested,
        fact::Fact::PublicationStarted(wire::PublicationStarted { targets }) => {
            let targets = output_files(targets);
            Change::PublicationStarted { targets }
        }
        fact::Fact::PublicationFailed(wire::PublicationFailed { error, retry_at_ms }) => {
            let failure = set(error)?.try_into()?;
            Change::PublicationFailed {
                failure,
                retry_at_ms,
            }
        }
        fact::Fact::Failing(wire::Failing { error }) => Change::Failing(failure(set(error)?)?),
        fact::Fact::Ended(wire::Ended { state, error }) => Change::Ended {
            end: ended(state)?,
            failure: error.map(failure).transpose()?,
        },
    })
}

fn started(wire: wire::AttemptStarted) -> Result<Change, WireError> {
    let wire::AttemptStarted {
        stage,
        index,
        attempt,
        worker_id,
        epoch,
    } = wire;
    Ok(Change::AttemptStarted {
        task: task(stage, index)?,
        attempt: AttemptNumber(attempt),
        worker: WorkerId::new(worker_id),
        epoch: Epoch(epoch),
    })
}

fn completed(wire: wire::AttemptCompleted) -> Result<Change, WireError> {
    let wire::AttemptCompleted {
        stage,
        index,
        attempt,
        manifest,
        counters,
    } = wire;
    Ok(Change::AttemptCompleted {
        task: task(stage, index)?,
        attempt: AttemptNumber(attempt),
        manifest: object(manifest)?,
        counters: counters.unwrap_or_default().into(),
    })
}

fn attempt_failed(wire: wire::AttemptFailed) -> Result<Change, WireError> {
    let wire::AttemptFailed {
        stage,
        index,
        attempt,
        error,
        retry_at_ms,
    } = wire;
    Ok(Change::AttemptFailed {
        task: task(stage, index)?,
        attempt: AttemptNumber(attempt),
        failure: set(error)?.try_into()?,
        retry_at_ms: (retry_at_ms != 0).then_some(retry_at_ms),
    })
}

pub(in crate::state) fn plan(wire: wire::Validated) -> Result<Plan, WireError> {
    let wire::Validated {
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
    } = wire;
    let known = !reference_digest.is_empty();
    let reference_digest = known.then(|| digest("reference_digest", &reference_digest));
    let stamps = inputs.into_iter().map(InputStamp::try_from);
    Ok(Plan {
        lanes,
        partitions,
        stages: stages.into_iter().map(stage).collect::<Result<_, _>>()?,
        inputs: stamps.collect::<Result<Arc<[_]>, _>>()?,
        warnings,
        probe_tasks,
        reference_digest: reference_digest.transpose()?,
        output_versions: versions(output_versions)?,
        audited_ppm,
        input_digests: digests.map(input_digests).transpose()?,
    })
}

fn input_digests(wire: wire::InputDigests) -> Result<InputDigests, WireError> {
    let wire::InputDigests {
        index,
        known_sites,
        intervals,
    } = wire;
    let all = |digests: Vec<Vec<u8>>| {
        let read = digests.iter().map(|bytes| digest("input_digests", bytes));
        read.collect::<Result<Vec<_>, _>>()
    };
    Ok(InputDigests {
        index: match index.is_empty() {
            true => None,
            false => Some(digest("index", &index)?),
        },
        known_sites: all(known_sites)?,
        intervals: all(intervals)?,
    })
}

fn found(wire: wire::FoundResult) -> Result<FoundResult, WireError> {
    let wire::FoundResult {
        index,
        manifest,
        bytes,
    } = wire;
    Ok(FoundResult {
        index,
        manifest: set(manifest)?.try_into()?,
        bytes,
    })
}

fn versions(wire: BTreeMap<String, u32>) -> Result<BTreeMap<Stage, u32>, WireError> {
    let of_name = |(name, version): (String, u32)| {
        let mut stages = Stage::ALL.into_iter();
        let stage = stages.find(|stage| stage.name() == name);
        let unknown = || WireError::new("output_versions", format!("{name} is no stage"));
        Ok((stage.ok_or_else(unknown)?, version))
    };
    wire.into_iter().map(of_name).collect()
}

pub(in crate::state) fn failure(wire: v1::WorkflowError) -> Result<WorkflowFailure, WireError> {
    let v1::WorkflowError {
        error_class,
        message,
        file,
        record,
        stage,
        task_index,
    } = wire;
    let in_task = stage != 0;
    Ok(WorkflowFailure {
        failure: Failure {
            class: class(error_class)?,
            message,
            file: (!file.is_empty()).then_some(file),
            record: (record != 0).then_some(record),
        },
        task: in_task.then(|| task(stage, task_index)).transpose()?,
    })
}

pub(in crate::state) fn output_files(wire: Vec<v1::OutputFile>) -> Vec<OutputFile> {
    let file = |wire| {
        let v1::OutputFile {
            name,
            uri,
            size_bytes,
            sha256,
        } = wire;
        OutputFile {
            name,
            uri,
            size_bytes,
            sha256,
        }
    };
    wire.into_iter().map(file).collect()
}

pub(in crate::state) fn object(
    wire: Option<worker::ObjectRef>,
) -> Result<Option<ObjectRef>, WireError> {
    wire.map(ObjectRef::try_from).transpose()
}

fn task(of: i32, index: u32) -> Result<TaskKey, WireError> {
    let stage = stage(of)?;
    Ok(TaskKey { stage, index })
}

fn ended(wire: i32) -> Result<End, WireError> {
    match v1::WorkflowState::try_from(wire) {
        Ok(v1::WorkflowState::Succeeded) => Ok(End::Succeeded),
        Ok(v1::WorkflowState::Rejected) => Ok(End::Rejected),
        Ok(v1::WorkflowState::Failed) => Ok(End::Failed),
        Ok(v1::WorkflowState::Cancelled) => Ok(End::Cancelled),
        _ => Err(WireError::new("state", format!("{wire} is no end"))),
    }
}

/// Takes a field that a fact cannot do without.
fn set<T>(field: Option<T>) -> Result<T, WireError> {
    field.ok_or_else(|| WireError::new("fact", "a message in it must be set"))
}
