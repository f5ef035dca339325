//! No policy: what a fact says becomes state. Never fails; what names nothing known changes nothing.

use std::sync::Arc;

use common::failure::{Failure, FailureClass};
use common::ids::AttemptNumber;
use common::task::{Counters, ObjectRef, ReadBatch, SplitCursor, Stage};

use super::audit::is_chosen;
use super::fact::{Change, Fact, FoundResult};
use super::state::{
    Audited, End, LaneProgress, Lease, Leases, Phase, Publication, TaskKey, TaskStatus,
    WorkflowState,
};
use crate::plan::dag::{Plan, first_tasks};
use crate::scheduling::share::day_of;

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
        } => read_batch_committed(state, read_batch, *cursor, at_ms),
        Change::AttemptStarted { .. }
        | Change::AttemptCompleted { .. }
        | Change::AttemptFailed { .. } => attempt_changed(state, &fact.change, at_ms),
        Change::StageCompleted { stage, manifest } => {
            let progress = state.stage_mut(*stage);
            progress.closed = true;
            progress.manifest.clone_from(manifest);
            progress.ended_at_ms = Some(at_ms);
        }
        Change::StageReopened { stage, indices } => stage_reopened(state, *stage, indices),
        Change::AuditOpened { stage, indices } => {
            let tasks = indices.iter().map(|&index| TaskKey {
                stage: *stage,
                index,
            });
            tasks.for_each(|task| audit_opened(state, task));
        }
        Change::ResultsFound {
            stage,
            tasks,
            found,
        } => results_found(state, *stage, (tasks.end, found), at_ms),
        Change::LoginRenewed(login) => {
            state.take_login(login);
            wake_for_login(state);
        }
        Change::CancelRequested => state.cancel_requested_at_ms = Some(at_ms),
        Change::PublicationStarted { targets } => {
            state.phase = Phase::Publishing;
            let publication = state.publication.get_or_insert_default();
            publication.targets.clone_from(targets);
            publication.retry_at_ms = 0;
            publication.last = None;
        }
        Change::PublicationFailed {
            failure,
            retry_at_ms,
        } => {
            let publication = state.publication.get_or_insert_default();
            publication.failures += 1;
            publication.retry_at_ms = *retry_at_ms;
            publication.last = Some(failure.clone());
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

fn attempt_changed(state: &mut WorkflowState, change: &Change, at_ms: u64) {
    match change {
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
        } => {
            if let Some(lease) = state.lease(*task, *attempt) {
                let took_ms = at_ms.saturating_sub(lease.started_at_ms);
                state.stage_mut(task.stage).durations.add(took_ms);
            }
            remember_worker(state, *task, *attempt);
            attempt_completed(state, *task, (*attempt, manifest), counters);
        }
        Change::AttemptFailed {
            task,
            attempt,
            failure,
            retry_at_ms,
        } => attempt_failed(state, (*task, *attempt), failure, (at_ms, *retry_at_ms)),
        _ => {}
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

fn read_batch_committed(
    state: &mut WorkflowState,
    batch: &ReadBatch,
    cursor: SplitCursor,
    at_ms: u64,
) {
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
            let bases = state.bases_by_day.entry(day_of(at_ms)).or_default();
            *bases = bases.saturating_add(batch.bases);
            state.add_tasks(Stage::Align, 1);
        }
    }
}

fn attempt_started(state: &mut WorkflowState, task: TaskKey, lease: Lease) {
    let (attempt, at_ms) = (lease.attempt.0, lease.started_at_ms);
    match state.leases_mut(task) {
        Some(leases) => leases.second = Some(lease),
        None => state.set_status(task, TaskStatus::Live(Box::new(lease.into()))),
    }
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
    let again = state.task(task).is_some_and(|task| task.audited.is_some());
    let progress = state.stage_mut(task.stage);
    // What is done again is no more work done, though it took its time.
    if !again {
        progress.reads += counters.reads;
        progress.bases += counters.bases;
    }
    progress.cpu_ms += counters.cpu_ms;
    if let Some(worker) = worker {
        *progress.completed_by.entry(worker).or_default() += 1;
    }
    let manifest = manifest.clone().map(Box::new);
    state.set_status(task, TaskStatus::Done { attempt, manifest });
}

/// Remembers who did a task that will run again, so that another one does then.
fn remember_worker(state: &mut WorkflowState, task: TaskKey, attempt: AttemptNumber) {
    let Some(worker) = state.lease(task, attempt).map(|lease| lease.worker.clone()) else {
        return;
    };
    if is_chosen(state, task)
        && let Some(held) = state
            .stage_mut(task.stage)
            .tasks
            .get_mut(task.index as usize)
    {
        held.trouble.get_or_insert_default().last_worker = Some(worker);
    }
}

fn attempt_failed(
    state: &mut WorkflowState,
    (task, attempt): (TaskKey, AttemptNumber),
    failure: &Failure,
    (at_ms, retry_at_ms): (u64, Option<u64>),
) {
    let worker = state.lease(task, attempt).map(|lease| lease.worker.clone());
    let other = state.leases(task).and_then(|leases| leases.beside(attempt));
    let other = other.cloned().map(Leases::from);
    let tasks = &mut state.stage_mut(task.stage).tasks;
    if let Some(held) = tasks.get_mut(task.index as usize) {
        let trouble = held.trouble.get_or_insert_default();
        *trouble.failures.entry(failure.class).or_default() += 1;
        trouble.last_worker = worker;
        trouble.last = Some(failure.clone());
    }
    if let Some(other) = other {
        state.set_status(task, TaskStatus::Live(Box::new(other)));
        return;
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
        // What it is compared with may be lost too.
        if let Some(held) = state.stage_mut(stage).tasks.get_mut(index as usize) {
            held.audited = None;
        }
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

fn results_found(
    state: &mut WorkflowState,
    stage: Stage,
    (until, found): (u32, &[FoundResult]),
    at_ms: u64,
) {
    for FoundResult {
        index, manifest, ..
    } in found
    {
        let done = TaskStatus::Done {
            attempt: AttemptNumber(0),
            manifest: Some(Box::new(manifest.clone())),
        };
        let index = *index;
        state.set_status(TaskKey { stage, index }, done);
    }
    let progress = state.stage_mut(stage);
    progress.looked_up = progress.looked_up.max(until);
    progress.cached += found.len() as u32;
    if !found.is_empty() {
        progress.started_at_ms.get_or_insert(at_ms);
    }
}

/// What waits for another login waits no longer.
fn wake_for_login(state: &mut WorkflowState) {
    let waits = |task: &TaskKey| {
        let trouble = state.task(*task).and_then(|task| task.trouble.as_deref());
        let last = trouble.and_then(|trouble| trouble.last.as_ref());
        last.is_some_and(|last| last.class == FailureClass::CredentialsExpired)
    };
    let delayed = state.delayed.iter().map(|(_, task)| *task);
    let tasks: Vec<TaskKey> = delayed.filter(waits).collect();
    for task in tasks {
        state.set_status(task, TaskStatus::default());
    }
    if let Some(publication) = &mut state.publication {
        publication.retry_at_ms = 0;
    }
}

fn audit_opened(state: &mut WorkflowState, task: TaskKey) {
    let tasks = &mut state.stage_mut(task.stage).tasks;
    let Some(held) = tasks.get_mut(task.index as usize) else {
        return;
    };
    if let TaskStatus::Done { attempt, manifest } = &held.status {
        held.audited = Some(Box::new(Audited {
            attempt: *attempt,
            manifest: manifest.as_deref().cloned(),
        }));
        state.set_status(task, TaskStatus::default());
    }
}

fn end(state: &mut WorkflowState, how: End, at_ms: u64) {
    state.phase = Phase::Ended(how);
    state.ended_at_ms = Some(at_ms);
}
