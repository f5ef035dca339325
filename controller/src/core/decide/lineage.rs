//! Lost outputs: which task made them, and whether it runs again.

use common::failure::{Failure, FailureClass};
use common::ids::AttemptNumber;
use common::task::{ObjectRef, ReadSource, Stage};

use super::super::fact::Change;
use super::super::state::{Phase, TaskKey, TaskStatus, WorkflowFailure, WorkflowState};
use super::when;

/// How often a stage may be opened again.
const MAX_ROUNDS: u32 = 3;

/// What a failure says about lost outputs.
pub(super) enum Lost {
    /// Nothing is lost, or it is being made again.
    Nothing,
    /// These tasks have to run again; none: only the stage manifest is gone.
    Outputs { stage: Stage, indices: Vec<u32> },
    /// It was made again too often.
    TooOften,
}

impl Lost {
    pub(super) fn can_be_remade(&self) -> bool {
        !matches!(self, Self::TooOften)
    }

    pub(super) fn reopen(self) -> Option<Change> {
        match self {
            Self::Outputs { stage, indices } => Some(Change::StageReopened { stage, indices }),
            Self::Nothing | Self::TooOften => None,
        }
    }
}

/// Finds what an attempt's failure says about lost outputs. One that names no object of this
/// workflow is an internal failure: nobody could make it good.
pub(super) fn judge(state: &WorkflowState, failure: Failure) -> (Failure, Lost) {
    if failure.class != FailureClass::IntermediateLost {
        return (failure, Lost::Nothing);
    }
    let key = failure.file.as_deref().unwrap_or_default();
    match lost(state, key) {
        Some(lost) => (failure, lost),
        None => {
            let class = FailureClass::Internal;
            (Failure { class, ..failure }, Lost::Nothing)
        }
    }
}

pub(super) fn found_lost(state: &WorkflowState, key: &str) -> Vec<Change> {
    let alive = matches!(state.phase, Phase::Active | Phase::Publishing) && !state.is_ending();
    match lost(state, key).filter(|_| alive) {
        Some(Lost::TooOften) => {
            let message = "an intermediate object was lost too often";
            let mut failure = Failure::new(FailureClass::IntermediateLost, message);
            failure.file = Some(key.to_owned());
            let task = None;
            when(true, Change::Failing(WorkflowFailure { failure, task }))
        }
        Some(lost) => lost.reopen().into_iter().collect(),
        None => Vec::new(),
    }
}

/// Finds what has to run again for a key; `None` if it is no key of this workflow.
fn lost(state: &WorkflowState, key: &str) -> Option<Lost> {
    let mut words = key.strip_prefix("work/")?.split('/');
    let (workflow, stage, second) = (words.next()?, words.next()?, words.next()?);
    let stage = Stage::ALL.into_iter().find(|known| known.name() == stage)?;
    let indices = if workflow != state.workflow.as_str() {
        Some(vec![answered_by(state, stage, key)?])
    } else if second.starts_with("manifest-") {
        let manifest = state.stage(stage).manifest.as_ref();
        manifest
            .is_some_and(|manifest| manifest.key == key)
            .then(Vec::new)
    } else {
        let index = second.parse().ok()?;
        let attempt = AttemptNumber(words.next()?.parse().ok()?);
        let task = TaskKey { stage, index };
        state.task(task)?;
        is_current(state, task, attempt, key).then(|| vec![index])
    };
    Some(match indices {
        None => Lost::Nothing,
        Some(_) if state.stage(stage).rounds >= MAX_ROUNDS => Lost::TooOften,
        Some(indices) => Lost::Outputs { stage, indices },
    })
}

/// Finds the task that the result of another workflow did, by an object of that.
fn answered_by(state: &WorkflowState, stage: Stage, key: &str) -> Option<u32> {
    let tasks = (0..).zip(&state.stage(stage).tasks);
    let mut done = tasks.filter_map(|(index, task)| match &task.status {
        TaskStatus::Done { manifest, .. } => Some((index, manifest.as_deref()?)),
        _ => None,
    });
    let lies_beside = |manifest: &ObjectRef| {
        let folder = manifest.key.rsplit_once('/').map(|(folder, _)| folder);
        let rest = folder.and_then(|folder| key.strip_prefix(folder));
        rest.is_some_and(|rest| rest.starts_with('/'))
    };
    let found = done.find(|(_, manifest)| lies_beside(manifest));
    found.map(|(index, _)| index)
}

/// Says whether an object belongs to the result that counts, and is not being made again.
fn is_current(state: &WorkflowState, task: TaskKey, attempt: AttemptNumber, key: &str) -> bool {
    let Some(TaskStatus::Done {
        attempt: winner, ..
    }) = state.task(task).map(|task| &task.status)
    else {
        return false;
    };
    let ReadSource::Object(_) = match state.read_batches.first() {
        Some(batch) if task.stage == Stage::Split => &batch.source,
        _ => return *winner == attempt,
    };
    let batches = state.read_batches.iter();
    let mut of_lane = batches.filter(|batch| batch.lane == task.index);
    of_lane.any(|batch| match &batch.source {
        ReadSource::Object(object) => object.key == key,
    }) || *winner == attempt
}
