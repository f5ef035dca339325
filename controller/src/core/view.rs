//! What a client sees of a workflow, in domain terms.

use std::fmt::Display;

use common::failure::{Failure, FailureClass};
use common::ids::WorkerId;
use common::task::Stage;

use super::state::{End, OutputFile, Phase, StageProgress, WorkflowFailure, WorkflowState};

/// How far a workflow is, in the client's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Durable; not validated.
    Accepted,
    /// Validated; nothing started.
    Queued,
    /// Tasks run.
    Running,
    /// Files appear.
    Publishing,
    /// Attempts are being ended on request.
    Cancelling,
    /// Over, with its files.
    Succeeded,
    /// Over: validation failed.
    Rejected,
    /// Over: a task failed for good.
    Failed,
    /// Over on request.
    Cancelled,
}

/// How far a stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageStatus {
    /// Nothing started.
    Waiting,
    /// Something started.
    Running,
    /// Closed.
    Done,
    /// Not needed.
    Skipped,
}

/// One stage as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageView {
    /// Which.
    pub stage: Stage,
    /// How far.
    pub status: StageStatus,
    /// Tasks known so far.
    pub tasks: u32,
    /// Live attempts.
    pub running: u32,
    /// Tasks that are done.
    pub done: u32,
    /// Attempts started.
    pub attempts: u64,
    /// The largest number of attempts of one task.
    pub most_attempts: u32,
    /// Reads of completed attempts.
    pub reads: u64,
    /// Bases of completed attempts.
    pub bases: u64,
    /// CPU time of completed attempts.
    pub cpu_ms: u64,
    /// Start of the first attempt.
    pub started_at_ms: Option<u64>,
    /// When it was closed.
    pub ended_at_ms: Option<u64>,
    /// Tasks that were answered by results of earlier workflows.
    pub cached: u32,
    /// How many tasks each worker completed.
    pub completed_by: Vec<(WorkerId, u32)>,
}

/// One workflow as a client sees it. What its spec says is not repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowView {
    /// How far.
    pub status: Status,
    /// Why it waits, in words; empty when it does not, or when only the scheduler knows.
    pub reason: String,
    /// All stages of its kind of work, in order.
    pub stages: Vec<StageView>,
    /// Why it failed.
    pub failure: Option<WorkflowFailure>,
    /// The published files.
    pub outputs: Vec<OutputFile>,
    /// When it became durable.
    pub created_at_ms: u64,
    /// When the first attempt started.
    pub started_at_ms: Option<u64>,
    /// When it ended.
    pub ended_at_ms: Option<u64>,
    /// Number of facts.
    pub revision: u64,
    /// Reports that did not count.
    pub stale_reports: u64,
    /// What the client should know.
    pub warnings: Vec<String>,
}

/// Returns what a client sees.
pub fn view(state: &WorkflowState) -> WorkflowView {
    let status = status(state);
    let published = state.publication.as_ref();
    let published = published.filter(|_| status == Status::Succeeded);
    let plan = state.plan.as_ref();
    WorkflowView {
        status,
        reason: reason(state),
        stages: Stage::ALL
            .into_iter()
            .filter(|stage| concerns(state, *stage))
            .map(|stage| stage_view(state, stage))
            .collect(),
        failure: state.failure.clone(),
        outputs: published.map_or_else(Vec::new, |published| published.targets.clone()),
        created_at_ms: state.accepted_at_ms,
        started_at_ms: state.started_at_ms,
        ended_at_ms: state.ended_at_ms,
        revision: state.revision,
        stale_reports: state.stale_reports,
        warnings: plan.map_or_else(Vec::new, |plan| plan.warnings.clone()),
    }
}

/// Returns how far a workflow is.
pub fn status(state: &WorkflowState) -> Status {
    match state.phase {
        Phase::Ended(End::Succeeded) => Status::Succeeded,
        Phase::Ended(End::Rejected) => Status::Rejected,
        Phase::Ended(End::Failed) => Status::Failed,
        Phase::Ended(End::Cancelled) => Status::Cancelled,
        _ if state.cancel_requested_at_ms.is_some() => Status::Cancelling,
        Phase::Accepted => Status::Accepted,
        Phase::Publishing => Status::Publishing,
        Phase::Active if state.started_at_ms.is_none() => Status::Queued,
        Phase::Active => Status::Running,
    }
}

/// Says whether a stage is shown: the probe for a probe, the others for a genome.
fn concerns(state: &WorkflowState, stage: Stage) -> bool {
    let probe = matches!(state.spec.work, common::workflow::Work::Probe { .. });
    probe == (stage == Stage::Probe)
}

fn stage_view(state: &WorkflowState, stage: Stage) -> StageView {
    let progress = state.stage(stage);
    let planned = state.plan.is_none() || state.has_stage(stage);
    let shares = progress.completed_by.iter();
    StageView {
        stage,
        status: stage_status(progress, planned),
        tasks: progress.tasks.len() as u32,
        running: state.live_in(stage).count() as u32,
        done: progress.done,
        attempts: progress.attempts,
        most_attempts: progress.most_attempts,
        reads: progress.reads,
        bases: progress.bases,
        cpu_ms: progress.cpu_ms,
        started_at_ms: progress.started_at_ms,
        ended_at_ms: progress.ended_at_ms,
        cached: progress.cached,
        completed_by: shares
            .map(|(worker, tasks)| (worker.clone(), *tasks))
            .collect(),
    }
}

fn stage_status(progress: &StageProgress, planned: bool) -> StageStatus {
    match progress {
        _ if !planned => StageStatus::Skipped,
        StageProgress { closed: true, .. } => StageStatus::Done,
        StageProgress {
            attempts: 0,
            cached: 0,
            ..
        } => StageStatus::Waiting,
        _ => StageStatus::Running,
    }
}

/// Says why nothing runs, where the state knows it.
fn reason(state: &WorkflowState) -> String {
    if state.is_ended() || state.any_live() {
        return String::new();
    }
    if let Some((_, task)) = state.delayed.first() {
        let trouble = state.task(*task).and_then(|task| task.trouble.as_ref());
        let last = trouble.and_then(|trouble| trouble.last.as_ref());
        return last.map_or_else(String::new, |last| waits(task, last));
    }
    let publication = state.publication.as_ref();
    let last = publication.filter(|publication| publication.retry_at_ms > 0);
    let last = last.and_then(|publication| publication.last.as_ref());
    last.map_or_else(String::new, |last| waits(&"publication", last))
}

fn waits(what: &dyn Display, failure: &Failure) -> String {
    match failure.class {
        FailureClass::CredentialsExpired => format!("{what} waits for new credentials: {failure}"),
        _ => format!("{what} is tried again: {failure}"),
    }
}
