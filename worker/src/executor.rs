//! Running attempts: in a child process each, or on threads of this process.

mod attempt;
mod child;
mod frames;
mod here;
mod hold;
mod idle;
mod process;
mod usage;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use common::failure::{Failure, FailureClass};
use common::task::{Assignment, AttemptId, Counters, Outcome, ReadBatchCommit, Report};
use common::telemetry;
use genome::monitor::Monitor;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use crate::config::{Config, TaskMode};
use crate::storage::{Reach, Storage};

pub(crate) use idle::Idle;
pub use process::task_main;

/// What attempts tell the agent.
pub(crate) enum Event {
    /// A read batch was written; `settle` is called with whether it counts.
    ReadBatch {
        commit: ReadBatchCommit,
        settle: Settle,
    },
    /// An attempt ended.
    Ended(Report),
}

/// Takes the answer about a read batch.
pub(crate) type Settle = Box<dyn FnOnce(bool) + Send>;

/// A running attempt.
pub(crate) struct Running {
    pub monitor: Arc<Monitor>,
    pub begun: Instant,
    cancel: CancellationToken,
}

impl Running {
    /// Asks the attempt to end; it is handed back soon.
    pub fn cancel(&self) {
        self.monitor.cancel();
        self.cancel.cancel();
    }
}

/// What an attempt is run with.
pub(crate) struct Job {
    pub assignment: Assignment,
    pub scratch: TempDir,
    pub reach: Reach,
    pub storage: Storage,
    pub events: mpsc::UnboundedSender<Event>,
}

/// Starts an attempt; it ends with [`Event::Ended`], whatever happens.
pub(crate) fn start(config: &Arc<Config>, idle: &Idle, job: Job) -> Running {
    let running = Running {
        monitor: Arc::default(),
        begun: Instant::now(),
        cancel: CancellationToken::new(),
    };
    let monitor = Arc::clone(&running.monitor);
    let span = span(&job.assignment);
    match &config.tasks {
        TaskMode::InProcess => here::start(job, monitor, span),
        TaskMode::Child { program, arguments } => {
            let memory_bytes = job.assignment.resources.memory_bytes;
            let genome = &job.assignment.attempt.task.workflow;
            let host = child::Host {
                program: child::Program {
                    path: PathBuf::clone(program),
                    arguments: arguments.clone(),
                },
                waited: idle.take(genome, memory_bytes),
                idle: idle.clone(),
                memory_bytes,
            };
            let storage = job.reach.to_wire(config);
            let cancel = running.cancel.clone();
            let supervised = child::supervise(host, job, storage, monitor, cancel);
            tokio::spawn(supervised.instrument(span));
        }
    }
    running
}

/// Makes the span of an attempt on its worker, a part of what the controller sees of it.
fn span(assignment: &Assignment) -> Span {
    let AttemptId { task, number } = &assignment.attempt;
    let span = common::span!(
        "task",
        spindle.workflow.id = task.workflow.as_str(),
        spindle.stage = task.stage.name(),
        spindle.task.index = task.index,
        spindle.attempt = number.0,
    );
    telemetry::continues(&span, assignment.trace.as_ref());
    span
}

/// Makes the report of an attempt. One that was cancelled is handed back, however it ended.
fn report(
    assignment: &Assignment,
    counters: Counters,
    outcome: Result<Outcome, Failure>,
    was_cancelled: bool,
) -> Report {
    let outcome = match outcome {
        Ok(Outcome::Failed(_)) | Err(_) if was_cancelled => Outcome::HandedBack,
        Ok(outcome) => outcome,
        Err(failure) if failure.class == FailureClass::Cancelled => Outcome::HandedBack,
        Err(failure) => Outcome::Failed(failure),
    };
    Report {
        attempt: assignment.attempt.clone(),
        epoch: assignment.epoch,
        counters,
        outcome,
    }
}
