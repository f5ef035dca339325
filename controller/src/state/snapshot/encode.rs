//! From a state to its snapshot.

use common::task::Stage;
use proto::state::v1 as wire;
use proto::v1;

use super::super::fact_wire::{
    encode_failure, encode_object, encode_plan, encode_stage, output_file,
};
use crate::core::state::{
    End, LaneProgress, Lease, Phase, Publication, StageProgress, TaskState, TaskStatus, Trouble,
    WorkflowState,
};

pub(super) fn snapshot(state: &WorkflowState) -> wire::Snapshot {
    let WorkflowState {
        workflow,
        batch: _,
        tenant: _,
        trace: _,
        spec: _,
        accepted_at_ms: _,
        phase: at,
        plan,
        stages,
        lanes,
        read_batches,
        bases_by_day,
        // Derived from the tasks.
        delayed: _,
        cancel_requested_at_ms,
        failure,
        publication: published,
        renewed_login,
        started_at_ms,
        ended_at_ms,
        stale_reports,
        revision,
        unknown_facts,
    } = state;
    let stages = Stage::ALL.into_iter().zip(stages);
    wire::Snapshot {
        schema_version: super::keys::SCHEMA_VERSION,
        workflow_id: workflow.as_str().to_owned(),
        last_sequence: *revision,
        phase: phase(*at).into(),
        plan: plan.as_deref().map(encode_plan),
        stages: stages
            .filter(|(_, progress)| **progress != StageProgress::default())
            .map(|(stage, progress)| stage_snapshot(stage, progress))
            .collect(),
        lanes: lanes.iter().map(lane).collect(),
        read_batches: read_batches.iter().map(Into::into).collect(),
        cancel_requested_at_ms: cancel_requested_at_ms.unwrap_or(0),
        failure: failure.as_ref().map(encode_failure),
        publication: published.as_ref().map(publication),
        started_at_ms: started_at_ms.unwrap_or(0),
        ended_at_ms: ended_at_ms.unwrap_or(0),
        stale_reports: *stale_reports,
        unknown_facts: unknown_facts.iter().map(|stored| stored.to_vec()).collect(),
        bases_by_day: bases_by_day.clone(),
        renewed_login: renewed_login
            .as_ref()
            .map_or_else(Vec::new, |login| login.0.clone()),
    }
}

fn phase(phase: Phase) -> wire::SnapshotPhase {
    match phase {
        Phase::Accepted => wire::SnapshotPhase::Accepted,
        Phase::Active => wire::SnapshotPhase::Active,
        Phase::Publishing => wire::SnapshotPhase::Publishing,
        Phase::Ended(End::Succeeded) => wire::SnapshotPhase::Succeeded,
        Phase::Ended(End::Rejected) => wire::SnapshotPhase::Rejected,
        Phase::Ended(End::Failed) => wire::SnapshotPhase::Failed,
        Phase::Ended(End::Cancelled) => wire::SnapshotPhase::Cancelled,
    }
}

fn lane(lane: &LaneProgress) -> wire::LaneSnapshot {
    wire::LaneSnapshot {
        cursor: Some(lane.cursor.into()),
        align_tasks: lane.align_tasks.clone(),
    }
}

fn publication(publication: &Publication) -> wire::PublicationSnapshot {
    let Publication {
        targets,
        failures,
        retry_at_ms,
        last,
    } = publication;
    wire::PublicationSnapshot {
        targets: targets.iter().map(output_file).collect(),
        failures: *failures,
        retry_at_ms: *retry_at_ms,
        last: last.as_ref().map(Into::into),
    }
}

fn stage_snapshot(stage: Stage, progress: &StageProgress) -> wire::StageSnapshot {
    let StageProgress {
        tasks,
        // Derived from the tasks.
        waiting: _,
        live: _,
        done: _,
        attempts,
        most_attempts,
        reads,
        bases,
        cpu_ms,
        durations,
        completed_by,
        closed,
        manifest,
        rounds,
        looked_up,
        cached,
        started_at_ms,
        ended_at_ms,
    } = progress;
    let shares = completed_by.iter();
    wire::StageSnapshot {
        stage: encode_stage(stage),
        tasks: tasks.iter().map(task).collect(),
        attempts: *attempts,
        most_attempts: *most_attempts,
        reads: *reads,
        bases: *bases,
        cpu_ms: *cpu_ms,
        completed_by: shares
            .map(|(worker, tasks)| (worker.as_str().to_owned(), *tasks))
            .collect(),
        closed: *closed,
        manifest: encode_object(manifest.as_ref()),
        rounds: *rounds,
        started_at_ms: started_at_ms.unwrap_or(0),
        ended_at_ms: ended_at_ms.unwrap_or(0),
        durations: durations.counts().to_vec(),
        looked_up: *looked_up,
        cached: *cached,
    }
}

fn task(task: &TaskState) -> wire::TaskSnapshot {
    let TaskState {
        attempts,
        status: at,
        trouble,
        audited,
    } = task;
    let mut snapshot = wire::TaskSnapshot {
        attempts: *attempts,
        status: Some(status(at)),
        second_live: second(at).map(lease),
        audited: audited.as_deref().map(|audited| wire::DoneSnapshot {
            attempt: audited.attempt.0,
            manifest: encode_object(audited.manifest.as_ref()),
        }),
        ..Default::default()
    };
    if let Some(trouble) = trouble {
        let Trouble {
            failures,
            last_worker,
            last,
        } = &**trouble;
        let counts = failures.iter().map(|(class, attempts)| wire::FailureCount {
            error_class: v1::ErrorClass::from(*class).into(),
            attempts: *attempts,
        });
        snapshot.failures = counts.collect();
        let worker = last_worker
            .as_ref()
            .map(|worker| worker.as_str().to_owned());
        snapshot.last_worker = worker.unwrap_or_default();
        snapshot.last_failure = last.as_ref().map(Into::into);
    }
    snapshot
}

fn status(status: &TaskStatus) -> wire::task_snapshot::Status {
    use wire::task_snapshot::Status;
    match status {
        TaskStatus::Waiting { not_before_ms } => Status::Waiting(*not_before_ms),
        TaskStatus::Live(leases) => Status::Live(lease(&leases.first)),
        TaskStatus::Done { attempt, manifest } => Status::Done(wire::DoneSnapshot {
            attempt: attempt.0,
            manifest: encode_object(manifest.as_deref()),
        }),
        TaskStatus::Failed => Status::Failed(wire::FailedSnapshot {}),
    }
}

fn second(status: &TaskStatus) -> Option<&Lease> {
    match status {
        TaskStatus::Live(leases) => leases.second.as_ref(),
        TaskStatus::Waiting { .. } | TaskStatus::Done { .. } | TaskStatus::Failed => None,
    }
}

fn lease(lease: &Lease) -> wire::LeaseSnapshot {
    wire::LeaseSnapshot {
        attempt: lease.attempt.0,
        worker_id: lease.worker.as_str().to_owned(),
        epoch: lease.epoch.0,
        started_at_ms: lease.started_at_ms,
    }
}
