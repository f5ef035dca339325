//! Which tasks may start, and when the next waiting thing is due: derived from the state.

use common::failure::FailureClass;
use common::ids::WorkerId;
use common::task::{Resources, Stage};
use common::workflow::Work;

use super::duty::is_cached;
use super::state::{Phase, TaskKey, TaskStatus, WorkflowState};
use super::straggler::{next_straggler_ms, stragglers};
use crate::plan::dag::dependencies;
use crate::plan::resources::resources;

/// What a task that may start needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Cores and memory.
    pub resources: Resources,
    /// The workflow is pinned to this output version of the stage.
    pub output_version: u32,
    /// The kept reference that it reads, as `NAME/VERSION`: a worker that has it is better.
    pub reference: Option<String>,
    /// Where the last attempt failed: another worker is better, if there is one.
    pub avoid: Option<WorkerId>,
    /// Where its first attempt runs: a second one has to be elsewhere.
    pub never_on: Option<WorkerId>,
    /// Whether it gets only what nothing else wants.
    pub is_spare: bool,
}

/// Returns the tasks that may start now, stage by stage; those that waited for a time come last.
pub fn ready_tasks(state: &WorkflowState, now_ms: u64) -> impl Iterator<Item = TaskKey> + '_ {
    let stages = Stage::ALL
        .into_iter()
        .filter(|stage| is_open(state, *stage));
    let waiting = stages.flat_map(move |stage| {
        let indices = state.stage(stage).waiting.iter();
        indices.map(move |index| TaskKey { stage, index })
    });
    let due = state
        .delayed
        .iter()
        .take_while(move |(at_ms, _)| *at_ms <= now_ms)
        .map(|(_, task)| *task)
        .filter(|task| is_open(state, task.stage));
    waiting
        .chain(due)
        .filter(|task| was_looked_up(state, *task) && input_is_there(state, *task))
}

/// Returns what the scheduler may place now, with what each needs: first attempts of the tasks that
/// are ready, `most` of them, then second attempts of stragglers.
pub fn candidates(
    state: &WorkflowState,
    now_ms: u64,
    most: usize,
) -> impl Iterator<Item = (TaskKey, Need)> + '_ {
    let ready = ready_tasks(state, now_ms).take(most);
    let first = ready.filter_map(|task| Some((task, need(state, task)?)));
    let second = stragglers(state, now_ms).filter_map(|(task, lease)| {
        let needed = Need {
            never_on: Some(lease.worker.clone()),
            is_spare: true,
            ..need(state, task)?
        };
        Some((task, needed))
    });
    first.chain(second)
}

/// Says whether a task may start now.
pub fn is_ready(state: &WorkflowState, task: TaskKey, now_ms: u64) -> bool {
    let status = state.task(task).map(|task| &task.status);
    let due = match status {
        Some(TaskStatus::Waiting { not_before_ms }) => *not_before_ms <= now_ms,
        _ => false,
    };
    due && is_open(state, task.stage) && was_looked_up(state, task) && input_is_there(state, task)
}

/// Says whether it is known that no kept result does this task.
fn was_looked_up(state: &WorkflowState, task: TaskKey) -> bool {
    task.index < state.stage(task.stage).looked_up || !is_cached(state, task.stage)
}

/// Says whether the read batch of an `align` task is there: the cursor of its lane is past it.
fn input_is_there(state: &WorkflowState, task: TaskKey) -> bool {
    if task.stage != Stage::Align {
        return true;
    }
    let Some(batch) = state.read_batches.get(task.index as usize) else {
        return false;
    };
    let lane = state.lanes.get(batch.lane as usize);
    lane.is_some_and(|lane| batch.index < lane.cursor.next_batch)
}

/// Says whether tasks of a stage may start: the workflow goes on and what it reads is there.
pub fn is_open(state: &WorkflowState, stage: Stage) -> bool {
    state.phase == Phase::Active
        && !state.is_ending()
        && state.has_stage(stage)
        && dependencies(stage)
            .iter()
            .all(|before| !state.has_stage(*before) || state.stage(*before).closed)
}

/// Returns what a task needs; `None` if there is no such task.
pub fn need(state: &WorkflowState, task: TaskKey) -> Option<Need> {
    let plan = state.plan.as_ref()?;
    let trouble = state.task(task)?.trouble.as_deref();
    let exhausted = trouble.map_or(0, |trouble| trouble.count(FailureClass::OutOfResources));
    Some(Need {
        resources: resources(&state.spec, plan, task.stage, exhausted),
        output_version: *plan.output_versions.get(&task.stage)?,
        reference: match &state.spec.work {
            Work::Genome(genome) => genome.reference.kept_reference(),
            Work::Probe { .. } => None,
        },
        avoid: trouble.and_then(|trouble| trouble.last_worker.clone()),
        never_on: None,
        is_spare: false,
    })
}

/// Returns the first time after now at which something that waits is due; the caller then sends
/// `TimePassed` and looks again at ready tasks and duties.
pub fn next_deadline_ms(state: &WorkflowState, now_ms: u64) -> Option<u64> {
    if state.is_ending() {
        return None;
    }
    let publication = state.publication.as_ref();
    let publish = publication.map(|publication| publication.retry_at_ms);
    let mut delayed = state.delayed.iter().map(|(at_ms, _)| *at_ms);
    let task = delayed.find(|at_ms| *at_ms > now_ms);
    let publish = publish.filter(|at_ms| *at_ms > now_ms);
    let straggler = next_straggler_ms(state, now_ms);
    task.into_iter().chain(publish).chain(straggler).min()
}
