//! From a snapshot to the state; what is derived is derived again.

use std::sync::Arc;

use common::failure::Failure;
use common::ids::{AttemptNumber, Epoch, WorkerId};
use common::s3_login::Sealed;
use common::task::ReadBatch;
use common::wire::WireError;
use common::wire::failure::class;
use common::wire::task::stage;
use proto::state::v1 as wire;

use super::super::fact_wire::{decode_failure, decode_object, decode_plan, output_files};
use crate::core::durations::Durations;
use crate::core::state::{
    Audited, End, LaneProgress, Lease, Phase, Publication, TaskKey, TaskState, TaskStatus, Trouble,
    WorkflowState,
};

pub(super) fn restore(
    mut state: WorkflowState,
    snapshot: wire::Snapshot,
) -> Result<WorkflowState, WireError> {
    let wire::Snapshot {
        schema_version: _,
        workflow_id: _,
        last_sequence,
        phase: at,
        plan,
        stages,
        lanes,
        read_batches,
        cancel_requested_at_ms,
        failure,
        publication: published,
        started_at_ms,
        ended_at_ms,
        stale_reports,
        unknown_facts,
        bases_by_day,
        renewed_login,
    } = snapshot;
    state.revision = last_sequence;
    state.phase = phase(at)?;
    state.plan = plan.map(decode_plan).transpose()?.map(Arc::new);
    for stage in stages {
        restore_stage(&mut state, stage)?;
    }
    state.lanes = lanes.into_iter().map(lane).collect();
    let read_batches = read_batches.into_iter().map(ReadBatch::try_from);
    state.read_batches = read_batches.collect::<Result<_, _>>()?;
    state.cancel_requested_at_ms = time(cancel_requested_at_ms);
    state.failure = failure.map(decode_failure).transpose()?;
    state.publication = published.map(publication).transpose()?;
    state.started_at_ms = time(started_at_ms);
    state.ended_at_ms = time(ended_at_ms);
    state.stale_reports = stale_reports;
    state.unknown_facts = unknown_facts.into_iter().map(Into::into).collect();
    state.bases_by_day = bases_by_day;
    if !renewed_login.is_empty() {
        state.take_login(&Sealed(renewed_login));
    }
    Ok(state)
}

fn phase(wire: i32) -> Result<Phase, WireError> {
    Ok(match wire::SnapshotPhase::try_from(wire) {
        Ok(wire::SnapshotPhase::Accepted) => Phase::Accepted,
        Ok(wire::SnapshotPhase::Active) => Phase::Active,
        Ok(wire::SnapshotPhase::Publishing) => Phase::Publishing,
        Ok(wire::SnapshotPhase::Succeeded) => Phase::Ended(End::Succeeded),
        Ok(wire::SnapshotPhase::Rejected) => Phase::Ended(End::Rejected),
        Ok(wire::SnapshotPhase::Failed) => Phase::Ended(End::Failed),
        Ok(wire::SnapshotPhase::Cancelled) => Phase::Ended(End::Cancelled),
        Ok(wire::SnapshotPhase::Unspecified) | Err(_) => {
            return Err(WireError::new("phase", format!("{wire} is no phase")));
        }
    })
}

fn lane(wire: wire::LaneSnapshot) -> LaneProgress {
    let wire::LaneSnapshot {
        cursor,
        align_tasks,
    } = wire;
    LaneProgress {
        cursor: cursor.unwrap_or_default().into(),
        align_tasks,
    }
}

fn publication(wire: wire::PublicationSnapshot) -> Result<Publication, WireError> {
    let wire::PublicationSnapshot {
        targets,
        failures,
        retry_at_ms,
        last,
    } = wire;
    Ok(Publication {
        targets: output_files(targets),
        failures,
        retry_at_ms,
        last: last.map(Failure::try_from).transpose()?,
    })
}

fn restore_stage(state: &mut WorkflowState, wire: wire::StageSnapshot) -> Result<(), WireError> {
    let wire::StageSnapshot {
        stage: of,
        tasks,
        attempts,
        most_attempts,
        reads,
        bases,
        cpu_ms,
        completed_by,
        closed,
        manifest,
        rounds,
        started_at_ms,
        ended_at_ms,
        durations,
        looked_up,
        cached,
    } = wire;
    let stage = stage(of)?;
    let shares = completed_by.into_iter();
    let progress = state.stage_mut(stage);
    progress.attempts = attempts;
    progress.most_attempts = most_attempts;
    progress.reads = reads;
    progress.bases = bases;
    progress.cpu_ms = cpu_ms;
    progress.durations = Durations::from_counts(durations);
    progress.completed_by = shares
        .map(|(worker, tasks)| (WorkerId::new(worker), tasks))
        .collect();
    progress.closed = closed;
    progress.manifest = decode_object(manifest)?;
    progress.rounds = rounds;
    progress.looked_up = looked_up;
    progress.cached = cached;
    progress.started_at_ms = time(started_at_ms);
    progress.ended_at_ms = time(ended_at_ms);
    state.add_tasks(stage, tasks.len() as u32);
    for (index, task) in (0..).zip(tasks) {
        restore_task(state, TaskKey { stage, index }, task)?;
    }
    Ok(())
}

fn restore_task(
    state: &mut WorkflowState,
    key: TaskKey,
    wire: wire::TaskSnapshot,
) -> Result<(), WireError> {
    let wire::TaskSnapshot {
        attempts,
        status: at,
        failures,
        last_worker,
        last_failure,
        second_live,
        audited,
    } = wire;
    let mut trouble = Trouble {
        last_worker: (!last_worker.is_empty()).then(|| WorkerId::new(last_worker)),
        last: last_failure.map(Failure::try_from).transpose()?,
        ..Trouble::default()
    };
    for wire::FailureCount {
        error_class,
        attempts,
    } in failures
    {
        trouble.failures.insert(class(error_class)?, attempts);
    }
    let held = TaskState {
        attempts,
        status: TaskStatus::default(),
        trouble: (trouble != Trouble::default()).then(|| Box::new(trouble)),
        audited: audited.map(first_result).transpose()?,
    };
    state.stage_mut(key.stage).tasks[key.index as usize] = held;
    state.set_status(key, status(at)?);
    if let (Some(second), Some(leases)) = (second_live, state.leases_mut(key)) {
        leases.second = Some(lease(second));
    }
    Ok(())
}

fn status(wire: Option<wire::task_snapshot::Status>) -> Result<TaskStatus, WireError> {
    use wire::task_snapshot::Status;
    Ok(match wire {
        None => return Err(WireError::new("status", "must be set")),
        Some(Status::Waiting(not_before_ms)) => TaskStatus::Waiting { not_before_ms },
        Some(Status::Live(first)) => TaskStatus::Live(Box::new(lease(first).into())),
        Some(Status::Done(wire::DoneSnapshot { attempt, manifest })) => TaskStatus::Done {
            attempt: AttemptNumber(attempt),
            manifest: decode_object(manifest)?.map(Box::new),
        },
        Some(Status::Failed(wire::FailedSnapshot {})) => TaskStatus::Failed,
    })
}

fn first_result(wire: wire::DoneSnapshot) -> Result<Box<Audited>, WireError> {
    let wire::DoneSnapshot { attempt, manifest } = wire;
    Ok(Box::new(Audited {
        attempt: AttemptNumber(attempt),
        manifest: decode_object(manifest)?,
    }))
}

fn lease(wire: wire::LeaseSnapshot) -> Lease {
    let wire::LeaseSnapshot {
        attempt,
        worker_id,
        epoch,
        started_at_ms,
    } = wire;
    Lease {
        attempt: AttemptNumber(attempt),
        worker: WorkerId::new(worker_id),
        epoch: Epoch(epoch),
        started_at_ms,
    }
}

/// Zero stands for no time.
fn time(wire: u64) -> Option<u64> {
    (wire != 0).then_some(wire)
}
