//! What a workflow tells its operators: gauges of what is going on, and, once facts are durable, counts,
//! times and spans. It decides nothing, and knows no names of samples, files or reads.

mod spans;

use std::collections::BTreeMap;

use common::ids::{AttemptNumber, WorkerId};
use common::task::Stage;
use common::telemetry::Made;

use crate::core::fact::{Change, Fact};
use crate::core::state::{TaskKey, WorkflowState};
use crate::core::view::{self, Status};
use crate::metrics as measured;

/// What is remembered for that.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// Live attempts: when they began, and where.
    begun: BTreeMap<(TaskKey, AttemptNumber), (u64, WorkerId)>,
    /// Whether an attempt ever began.
    has_begun: bool,
    shown: Shown,
}

/// How an attempt ended that gave a result: the one that counts, and one more to compare with it.
const COMPLETED: &str = "completed";
const AUDITED: &str = "audited";

/// Something to tell.
#[derive(Debug)]
pub(super) enum Told {
    /// An attempt ended.
    Attempt {
        stage: Stage,
        outcome: &'static str,
        ms: u64,
    },
    /// Bases were aligned for a tenant.
    Bases { tenant: String, bases: u64 },
    /// The first attempt began.
    Waited { ms: u64 },
    /// A report did not count.
    Stale,
    /// Kept results were looked for.
    LookedUp {
        stage: Stage,
        hits: u64,
        misses: u64,
        bytes: u64,
    },
    /// The workflow ended.
    Ended { state: &'static str, ms: u64 },
    /// A piece of work is over.
    Span(Box<Made>),
}

impl Observed {
    /// Takes in where a workflow stands when its actor starts.
    pub(super) fn of(state: &WorkflowState) -> Self {
        let live = state.live_attempts();
        let begun = live.map(|(task, lease)| {
            let since = (lease.started_at_ms, lease.worker.clone());
            ((task, lease.attempt), since)
        });
        Self {
            begun: begun.collect(),
            has_begun: state.started_at_ms.is_some(),
            shown: Shown::default(),
        }
    }

    /// Shows what is going on now.
    pub(super) fn show(&mut self, state: &WorkflowState) {
        self.shown.show(state);
    }

    /// Returns what there is to tell of facts that were just applied.
    pub(super) fn tell(&mut self, state: &WorkflowState, facts: &[Fact]) -> Vec<Told> {
        let mut told = Vec::new();
        for fact in facts {
            self.tell_one(state, fact, &mut told);
        }
        told
    }

    fn tell_one(&mut self, state: &WorkflowState, fact: &Fact, told: &mut Vec<Told>) {
        let at_ms = fact.at_ms;
        match &fact.change {
            Change::AttemptStarted {
                task,
                attempt,
                worker,
                ..
            } => {
                self.begun
                    .insert((*task, *attempt), (at_ms, worker.clone()));
                if !std::mem::replace(&mut self.has_begun, true) {
                    let ms = at_ms.saturating_sub(state.accepted_at_ms);
                    told.push(Told::Waited { ms });
                }
            }
            Change::AttemptCompleted {
                task,
                attempt,
                counters,
                ..
            } => {
                // What is done again for an audit is no more work done.
                let first = state.task(*task).and_then(|task| task.audited.as_deref());
                let again = first.is_some_and(|first| first.attempt != *attempt);
                let outcome = if again { AUDITED } else { COMPLETED };
                self.attempt_ended(state, (*task, *attempt), (at_ms, Ok(outcome)), told);
                if task.stage == Stage::Align && !again {
                    let tenant = state.tenant.as_str().to_owned();
                    let bases = counters.bases;
                    told.push(Told::Bases { tenant, bases });
                }
            }
            Change::AttemptFailed {
                task,
                attempt,
                failure,
                ..
            } => {
                let fault = Err(failure.class.name());
                self.attempt_ended(state, (*task, *attempt), (at_ms, fault), told);
            }
            Change::ResultsFound {
                stage,
                tasks,
                found,
            } => told.push(Told::LookedUp {
                stage: *stage,
                hits: found.len() as u64,
                misses: (tasks.len() - found.len()) as u64,
                bytes: found.iter().map(|result| result.bytes).sum(),
            }),
            Change::Validated(_) => told.extend(spans::admission(state, at_ms, None)),
            Change::Rejected(_) => {
                told.extend(spans::admission(state, at_ms, Some("rejected")));
                ended(state, at_ms, told);
            }
            Change::Ended { .. } => ended(state, at_ms, told),
            Change::ReportRefused { .. } => told.push(Told::Stale),
            _ => {}
        }
    }

    fn attempt_ended(
        &mut self,
        state: &WorkflowState,
        key: (TaskKey, AttemptNumber),
        (at_ms, outcome): (u64, Result<&'static str, &'static str>),
        told: &mut Vec<Told>,
    ) {
        let Some((begin_ms, worker)) = self.begun.remove(&key) else {
            return;
        };
        told.push(Told::Attempt {
            stage: key.0.stage,
            outcome: outcome.unwrap_or_else(|fault| fault),
            ms: at_ms.saturating_sub(begin_ms),
        });
        let attempt = state.attempt_id(key.0, key.1);
        told.extend(spans::attempt(
            state,
            attempt,
            (begin_ms, at_ms),
            (worker, outcome.err()),
        ));
    }
}

fn ended(state: &WorkflowState, at_ms: u64, told: &mut Vec<Told>) {
    let ms = at_ms.saturating_sub(state.accepted_at_ms);
    let status = name(view::status(state));
    told.push(Told::Ended { state: status, ms });
    told.extend(spans::publication(state, at_ms));
    told.extend(spans::workflow(state, at_ms, status));
}

impl Told {
    /// Tells it.
    pub(super) fn out(self) {
        let seconds = |ms: u64| ms as f64 / 1000.0;
        match self {
            Self::Attempt { stage, outcome, ms } => {
                let labels = [stage.name(), outcome];
                measured::ATTEMPTS.with_label_values(&labels).inc();
                let times = measured::ATTEMPT_SECONDS.with_label_values(&labels[..1]);
                times.observe(seconds(ms));
            }
            Self::Bases { tenant, bases } => {
                let label = measured::TENANT.label(&tenant);
                measured::BASES.with_label_values(&[label]).inc_by(bases);
            }
            Self::LookedUp {
                stage,
                hits,
                misses,
                bytes,
            } => {
                for (result, count) in [("hit", hits), ("miss", misses)] {
                    let labels = [stage.name(), result];
                    measured::CACHE_LOOKUPS
                        .with_label_values(&labels)
                        .inc_by(count);
                }
                let saved = measured::CACHE_SAVED_BYTES.with_label_values(&[stage.name()]);
                saved.inc_by(bytes);
            }
            Self::Waited { ms } => measured::QUEUE_SECONDS.observe(seconds(ms)),
            Self::Stale => measured::STALE_REPORTS.inc(),
            Self::Ended { state, ms } => {
                measured::WORKFLOWS_ENDED.with_label_values(&[state]).inc();
                let times = measured::WORKFLOW_SECONDS.with_label_values(&[state]);
                times.observe(seconds(ms));
            }
            Self::Span(made) => made.tell(),
        }
    }
}

/// What this workflow adds to the gauges; it takes it back when it is dropped.
#[derive(Debug, Default)]
struct Shown {
    state: Option<&'static str>,
    /// Ready and running tasks of each stage.
    tasks: [[i64; 2]; Stage::ALL.len()],
}

impl Shown {
    fn show(&mut self, state: &WorkflowState) {
        let status = (!state.is_ended()).then(|| name(view::status(state)));
        self.count(status);
        for stage in Stage::ALL {
            let progress = state.stage(stage);
            let now = match status {
                Some(_) => [
                    i64::from(progress.waiting.len()),
                    progress.live.len() as i64,
                ],
                None => [0; 2],
            };
            self.tasks_of(stage, now);
        }
    }

    fn count(&mut self, state: Option<&'static str>) {
        let before = std::mem::replace(&mut self.state, state);
        if before == state {
            return;
        }
        if let Some(before) = before {
            measured::WORKFLOWS.with_label_values(&[before]).dec();
        }
        if let Some(now) = state {
            measured::WORKFLOWS.with_label_values(&[now]).inc();
        }
    }

    fn tasks_of(&mut self, stage: Stage, now: [i64; 2]) {
        let before = std::mem::replace(&mut self.tasks[stage as usize], now);
        for (at, state) in ["ready", "running"].into_iter().enumerate() {
            if before[at] != now[at] {
                let gauge = measured::TASKS.with_label_values(&[stage.name(), state]);
                gauge.add(now[at] - before[at]);
            }
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.count(None);
        for stage in Stage::ALL {
            self.tasks_of(stage, [0; 2]);
        }
    }
}

/// Returns a state in a word.
const fn name(status: Status) -> &'static str {
    match status {
        Status::Accepted => "accepted",
        Status::Queued => "queued",
        Status::Running => "running",
        Status::Publishing => "publishing",
        Status::Cancelling => "cancelling",
        Status::Succeeded => "succeeded",
        Status::Rejected => "rejected",
        Status::Failed => "failed",
        Status::Cancelled => "cancelled",
    }
}

#[cfg(test)]
mod tests;
