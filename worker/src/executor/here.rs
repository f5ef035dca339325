//! An attempt on threads of this process.

use std::sync::Arc;
use std::sync::mpsc::{self as blocking, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use common::failure::{Failure, FailureClass};
use common::task::{Assignment, Counters, ReadBatch, ReadBatchCommit, SplitCursor};
use genome::monitor::Monitor;
use tokio::sync::mpsc;
use tracing::Span;

use super::attempt::Attempt;
use super::{Event, Job, report};
use crate::stage::ReadBatchSink;

/// How often one who waits for an answer looks whether it was cancelled.
const LOOK_UP: Duration = Duration::from_millis(200);

/// Starts the attempt on a thread.
pub(super) fn start(job: Job, monitor: Arc<Monitor>, span: Span) {
    let (assignment, events) = (job.assignment.clone(), job.events.clone());
    let name = format!("attempt-{}", assignment.attempt.task.stage);
    let started = thread::Builder::new()
        .name(name)
        .spawn(move || span.in_scope(|| run(job, &monitor)));
    if let Err(fault) = started {
        let failure = Failure::new(FailureClass::OutOfResources, fault.to_string());
        let report = report(&assignment, Counters::default(), Err(failure), false);
        let _agent_is_gone = events.send(Event::Ended(report));
    }
}

fn run(job: Job, monitor: &Monitor) {
    let Job {
        assignment,
        scratch,
        reach: _,
        storage,
        events,
    } = job;
    let sink = Sink {
        assignment: &assignment,
        monitor,
        events: &events,
    };
    let attempt = Attempt {
        assignment: &assignment,
        storage: &storage,
        scratch: scratch.path(),
        monitor,
        read_batches: &sink,
    };
    let (counters, outcome) = attempt.run();
    drop(scratch);
    let report = report(&assignment, counters, outcome, monitor.is_cancelled());
    let _agent_is_gone = events.send(Event::Ended(report));
}

struct Sink<'a> {
    assignment: &'a Assignment,
    monitor: &'a Monitor,
    events: &'a mpsc::UnboundedSender<Event>,
}

impl ReadBatchSink for Sink<'_> {
    fn commit(&self, read_batch: ReadBatch, cursor: SplitCursor) -> Result<(), Failure> {
        let commit = ReadBatchCommit {
            attempt: self.assignment.attempt.clone(),
            epoch: self.assignment.epoch,
            read_batch,
            cursor,
        };
        let (sender, answer) = blocking::channel();
        let settle = Box::new(move |accepted| {
            let _nobody_waits = sender.send(accepted);
        });
        let _agent_is_gone = self.events.send(Event::ReadBatch { commit, settle });
        wait(&answer, self.monitor)
    }
}

/// Waits for the answer about a read batch, or for cancellation.
pub(super) fn wait(answer: &blocking::Receiver<bool>, monitor: &Monitor) -> Result<(), Failure> {
    let over = |why: &str| Err(Failure::new(FailureClass::Cancelled, why));
    loop {
        match answer.recv_timeout(LOOK_UP) {
            Ok(true) => return Ok(()),
            Ok(false) => return over("the attempt no longer counts"),
            Err(RecvTimeoutError::Disconnected) => return over("the worker ends"),
            Err(RecvTimeoutError::Timeout) if monitor.is_cancelled() => {
                return over("the attempt was cancelled");
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_by_answer_cancellation_or_loss() {
        let monitor = Monitor::default();
        let (sender, answer) = blocking::channel();
        sender.send(true).unwrap();
        sender.send(false).unwrap();
        assert!(wait(&answer, &monitor).is_ok());
        assert_eq!(
            wait(&answer, &monitor).unwrap_err().class,
            FailureClass::Cancelled
        );
        monitor.cancel();
        assert!(wait(&answer, &monitor).is_err());
        drop(sender);
        assert!(wait(&answer, &Monitor::default()).is_err());
    }
}
