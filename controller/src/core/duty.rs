//! What the controller itself has to do for a workflow: derived from the state, so that a new
//! leader finds it again.

use std::ops::Range;

use common::ids::{AttemptNumber, WorkerId};
use common::task::{ObjectRef, Stage};

use super::audit::to_open;
use super::ready::is_open;
use super::state::{Lease, Phase, TaskKey, TaskStatus, WorkflowState};

/// Tasks that are looked up together: what is found fits into one record of the journal.
const LOOKED_UP_TOGETHER: u32 = 256;

/// Something that the controller has to do. Doing it twice does no harm.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Duty {
    /// Look at the inputs; ends with `Validated` or `Rejected`.
    Validate,
    /// Tell this worker to end this attempt; ends with its report or its loss.
    EndAttempt {
        /// The task.
        task: TaskKey,
        /// The attempt.
        attempt: AttemptNumber,
        /// Who has it.
        worker: WorkerId,
    },
    /// Look for results of other workflows; ends with `ResultsLookedUp`.
    LookUp {
        /// Among those of this stage.
        stage: Stage,
        /// For the tasks from this one on.
        from: u32,
    },
    /// Write the stage manifest from [`stage_results`]; ends with `StageManifestWritten`.
    WriteStageManifest {
        /// The stage.
        stage: Stage,
        /// To be handed back with the event.
        round: u32,
    },
    /// Find out the targets from `gather`'s outputs; ends with `PublicationStarted`.
    PlanPublication,
    /// Make the targets appear; ends with `PublicationDone` or `PublicationFailed`.
    Publish,
}

/// Returns all duties of now.
pub fn duties(state: &WorkflowState, now_ms: u64) -> Vec<Duty> {
    match state.phase {
        Phase::Ended(_) => Vec::new(),
        _ if state.is_ending() => ends(state),
        Phase::Accepted => vec![Duty::Validate],
        Phase::Active => active(state, now_ms),
        Phase::Publishing => when_due(state, now_ms, Duty::Publish),
    }
}

/// Returns the manifests of a stage's tasks: in order of task index, for `align` in order of lane and
/// read batch, so that the stage manifest does not depend on timing.
pub fn stage_results(state: &WorkflowState, stage: Stage) -> Vec<(u32, &ObjectRef)> {
    let tasks = &state.stage(stage).tasks;
    let result = |index: u32| match &tasks.get(index as usize)?.status {
        TaskStatus::Done { manifest, .. } => Some((index, manifest.as_deref()?)),
        _ => None,
    };
    match stage {
        Stage::Align => {
            let in_order = state.lanes.iter().flat_map(|lane| &lane.align_tasks);
            in_order.copied().filter_map(result).collect()
        }
        _ => (0..tasks.len() as u32).filter_map(result).collect(),
    }
}

fn when_due(state: &WorkflowState, now_ms: u64, duty: Duty) -> Vec<Duty> {
    let publication = state.publication.as_ref();
    let due = publication.is_none_or(|publication| publication.retry_at_ms <= now_ms);
    due.then_some(duty).into_iter().collect()
}

fn ends(state: &WorkflowState) -> Vec<Duty> {
    let end = |(task, lease): (TaskKey, &Lease)| Duty::EndAttempt {
        task,
        attempt: lease.attempt,
        worker: lease.worker.clone(),
    };
    state.live_attempts().map(end).collect()
}

fn active(state: &WorkflowState, now_ms: u64) -> Vec<Duty> {
    let Some(plan) = &state.plan else {
        return Vec::new();
    };
    if plan.stages.contains(&Stage::Probe) {
        return Vec::new();
    }
    if plan.stages.iter().all(|stage| state.stage(*stage).closed) {
        return when_due(state, now_ms, Duty::PlanPublication);
    }
    let complete = plan
        .stages
        .iter()
        .filter(|stage| is_complete(state, **stage));
    let written = complete.map(|&stage| Duty::WriteStageManifest {
        stage,
        round: state.stage(stage).rounds,
    });
    let stages = plan.stages.iter();
    let looked_up = stages.filter_map(|&stage| {
        let from = state.stage(stage).looked_up;
        (!lookups(state, stage).is_empty()).then_some(Duty::LookUp { stage, from })
    });
    looked_up.chain(written).collect()
}

/// Returns the tasks whose results are to be looked for now.
pub fn lookups(state: &WorkflowState, stage: Stage) -> Range<u32> {
    let progress = state.stage(stage);
    let known = progress.tasks.len() as u32;
    let most = progress.looked_up.saturating_add(LOOKED_UP_TOGETHER);
    match is_cached(state, stage) && is_open(state, stage) {
        true => progress.looked_up..known.min(most),
        false => 0..0,
    }
}

/// Says whether results of a stage's tasks are kept, and looked for.
pub fn is_cached(state: &WorkflowState, stage: Stage) -> bool {
    let plan = state.plan.as_ref();
    may_be_kept(stage) && plan.is_some_and(|plan| plan.input_digests.is_some())
}

/// `split` is the check of what the reads are; an index is put beside its reference.
pub const fn may_be_kept(stage: Stage) -> bool {
    match stage {
        Stage::Align
        | Stage::Duplicates
        | Stage::Merge
        | Stage::Recalibrate
        | Stage::Call
        | Stage::Gather => true,
        Stage::Index | Stage::Split | Stage::Probe => false,
    }
}

/// Says whether all tasks of an open stage are done, no more can come, and none is to run again.
pub fn is_complete(state: &WorkflowState, stage: Stage) -> bool {
    is_all_done(state, stage) && to_open(state, stage).is_empty()
}

/// Says whether all tasks of an open stage are done, and no more can come.
pub fn is_all_done(state: &WorkflowState, stage: Stage) -> bool {
    let progress = state.stage(stage);
    let no_more = stage != Stage::Align || state.stage(Stage::Split).closed;
    state.has_stage(stage) && !progress.closed && progress.all_done() && no_more
}
