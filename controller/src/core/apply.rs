//! No policy: what a fact says becomes state. Never fails; what names nothing known changes nothing.

use std::sync::Arc;

use common::failure::Failure;
use common::ids::AttemptNumber;
use common::task::{Counters, ObjectRef, ReadBatch, SplitCursor, Stage};

use super::fact::{Change, Fact};
use super::state::{
    End, LaneProgress, Lease, Phase, Publication, TaskKey, TaskStatus, WorkflowState,
};
use crate::plan::dag::{Plan, first_tasks};

/// Applies one fact.
pub fn apply(state: &mut WorkflowState, fact: &Fact) {
    state.revision += 1;
    if let Some(stored) = &fact.stored {
        state.unknown_facts.push(stored.clone());
    }
    let at_ms = fact.at_ms;
    match &fact.change {
        Change::Validated(plan) => validated(state, plan),
        Change::Rejected(failure) => {
            state.failure = Some(failure.clone());
            end(state, End::Rejected, at_ms);
        }
        Change::ReadBatchCommitted {
            read_batch, cursor, ..
        } => read_batch_committed(state, read_batch, *cursor),
        Change::AttemptStarted {
            task,
            attempt,
            worker,
            epoch,
        } => {
            let lease = Lease {
                attempt: *attempt,
                worker: worker.clone(),
                epoch: *epoch,
                started_at_ms: at_ms,
            };
            attempt_started(state, *task, lease);
        }
        Change::AttemptCompleted {
            task,
            attempt,
            manifest,
            counters,
        } => attempt_completed(state, *task, (*attempt, manifest), counters),
        Change::AttemptFailed {
            task,
            failure,
            retry_at_ms,
            ..
        } => attempt_failed(state, *task, failure, (at_ms, *retry_at_ms)),
        Change::StageCompleted { stage, manifest } => {
            let progress = state.stage_mut(*stage);
            progress.closed = true;
            progress.manifest.clone_from(manifest);
            progress.ended_at_ms = Some(at_ms);
        }
        Change::StageReopened { stage, indices } => stage_reopened(state, *stage, indices),
        Change::CancelRequested => state.cancel_requested_at_ms = Some(at_ms),
        Change::PublicationStarted { targets } => {
            state.phase = Phase::Publishing;
            let publication = state.publication.get_or_insert_default();
            publication.targets.clone_from(targets);
            publication.retry_at_ms = 0;
        }
        Change::PublicationFailed { retry_at_ms, .. } => {
            let publication = state.publication.get_or_insert_default();
            publication.failures += 1;
            publication.retry_at_ms = *retry_at_ms;
        }
        Change::Failing(failure) => {
            state.failure.get_or_insert_with(|| failure.clone());
        }
        Change::Ended { end: how, failure } => {
            state.failure.clone_from(failure);
            end(state, *how, at_ms);
        }
        Change::ReportRefused { .. } => state.stale_reports += 1,
        Change::Unknown => {}
    }
}

fn validated(state: &mut WorkflowState, plan: &Arc<Plan>) {
    state.phase = Phase::Active;
    state.plan = Some(plan.clone());
    state.lanes = vec![LaneProgress::default(); plan.lanes as usize];
    for &stage in &plan.stages {
        state.add_tasks(stage, first_tasks(plan, stage));
    }
}

fn read_batch_committed(state: &mut WorkflowState, batch: &ReadBatch, cursor: SplitCursor) {
    let next_task = state.read_batches.len() as u32;
    let Some(lane) = state.lanes.get_mut(batch.lane as usize) else {
        return;
    };
    lane.cursor = cursor;
    match lane.align_tasks.get(batch.index as usize) {
        Some(&known) => state.read_batches[known as usize] = batch.clone(),
        None => {
            lane.align_tasks.push(next_task);
            state.read_batches.push(batch.clone());
            state.add_tasks(Stage::Align, 1);
        }
    }
}

fn attempt_started(state: &mut WorkflowState, task: TaskKey, lease: Lease) {
    let (attempt, at_ms) = (lease.attempt.0, lease.started_at_ms);
    state.set_status(task, TaskStatus::Live(Box::new(lease)));
    state.started_at_ms.get_or_insert(at_ms);
    let progress = state.stage_mut(task.stage);
    progress.attempts += 1;
    progress.most_attempts = progress.most_attempts.max(attempt);
    progress.started_at_ms.get_or_insert(at_ms);
    if let Some(held) = progress.tasks.get_mut(task.index as usize) {
        held.attempts = held.attempts.max(attempt);
    }
}

fn attempt_completed(
    state: &mut WorkflowState,
    task: TaskKey,
    (attempt, manifest): (AttemptNumber, &Option<ObjectRef>),
    counters: &Counters,
) {
    let worker = state.lease(task, attempt).map(|lease| lease.worker.clone());
    let progress = state.stage_mut(task.stage);
    progress.reads += counters.reads;
    progress.bases += counters.bases;
    progress.cpu_ms += counters.cpu_ms;
    if let Some(worker) = worker {
        *progress.completed_by.entry(worker).or_default() += 1;
    }
    let manifest = manifest.clone().map(Box::new);
    state.set_status(task, TaskStatus::Done { attempt, manifest });
}

fn attempt_failed(
    state: &mut WorkflowState,
    task: TaskKey,
    failure: &Failure,
    (at_ms, retry_at_ms): (u64, Option<u64>),
) {
    let worker = match state.task(task).map(|task| &task.status) {
        Some(TaskStatus::Live(lease)) => Some(lease.worker.clone()),
        _ => None,
    };
    let tasks = &mut state.stage_mut(task.stage).tasks;
    if let Some(held) = tasks.get_mut(task.index as usize) {
        let trouble = held.trouble.get_or_insert_default();
        *trouble.failures.entry(failure.class).or_default() += 1;
        trouble.last_worker = worker;
        trouble.last = Some(failure.clone());
    }
    let status = match retry_at_ms {
        Some(retry_at_ms) if retry_at_ms > at_ms => TaskStatus::Waiting {
            not_before_ms: retry_at_ms,
        },
        Some(_) => TaskStatus::default(),
        None => TaskStatus::Failed,
    };
    state.set_status(task, status);
}

fn stage_reopened(state: &mut WorkflowState, stage: Stage, indices: &[u32]) {
    let progress = state.stage_mut(stage);
    progress.closed = false;
    progress.manifest = None;
    progress.ended_at_ms = None;
    progress.rounds += 1;
    for &index in indices {
        let task = TaskKey { stage, index };
        state.set_status(task, TaskStatus::default());
        if stage == Stage::Split
            && let Some(lane) = state.lanes.get_mut(index as usize)
        {
            lane.cursor = SplitCursor::default();
        }
    }
    if state.phase == Phase::Publishing {
        state.phase = Phase::Active;
        state.publication = Some(Publication::default());
    }
}

fn end(state: &mut WorkflowState, how: End, at_ms: u64) {
    state.phase = Phase::Ended(how);
    state.ended_at_ms = Some(at_ms);
}
