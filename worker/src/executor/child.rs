//! An attempt in a process of its own, seen from the worker.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use common::failure::{Failure, FailureClass};
use common::task::{AttemptId, Counters, Outcome, ReadBatchCommit, Report};
use common::telemetry;
use genome::monitor::Monitor;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use proto::worker::v1 as wire;
use proto::worker::v1::from_task::Message as From;
use proto::worker::v1::to_task::Message as To;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::idle::{END_GRACE, Idle, Process};
use super::{Event, Job, frames, report};
use crate::metrics;

/// What is run.
pub(super) struct Program {
    pub path: PathBuf,
    pub arguments: Vec<OsString>,
}

/// Where an attempt is run: in a process that waited for it, or in a new one.
pub(super) struct Host {
    pub program: Program,
    pub idle: Idle,
    pub waited: Option<Process>,
    /// The memory that the attempt is given.
    pub memory_bytes: u64,
}

/// Runs an attempt in a child process to its end and tells the agent about it.
pub(super) async fn supervise(
    host: Host,
    job: Job,
    storage: wire::Storage,
    monitor: Arc<Monitor>,
    cancel: CancellationToken,
) {
    let Job {
        assignment,
        scratch,
        reach: _,
        storage: _,
        events,
    } = job;
    let mut told = wire::Assignment::from(&assignment);
    if let Some(trace) = telemetry::current() {
        told.traceparent = trace.to_string();
    }
    let start = wire::TaskStart {
        assignment: Some(told),
        storage: Some(storage),
        scratch: scratch.path().to_string_lossy().into_owned(),
    };
    let talk = Talk {
        attempt: assignment.attempt.clone(),
        events: events.clone(),
        monitor: Arc::clone(&monitor),
    };
    let (counters, outcome) = match run(host, start, &talk, &cancel).await {
        Ok(Report {
            counters, outcome, ..
        }) => (counters, Ok(outcome)),
        Err(failure) => (Counters::default(), Err(failure)),
    };
    drop(scratch);
    let report = report(&assignment, counters, outcome, monitor.is_cancelled());
    let _agent_is_gone = events.send(Event::Ended(report));
}

async fn run(
    host: Host,
    start: wire::TaskStart,
    talk: &Talk,
    cancel: &CancellationToken,
) -> Result<Report, Failure> {
    let Host {
        program,
        idle,
        waited,
        memory_bytes,
    } = host;
    let broken = |fault: io::Error| {
        let message = format!("{} could not be run: {fault}", program.path.display());
        Failure::new(FailureClass::Internal, message)
    };
    let started = waited.map_or_else(|| spawn(&program, memory_bytes), Ok);
    let mut process = started.map_err(broken)?;
    let result = converse(&mut process, start, talk, cancel).await;
    match result.map_err(broken)? {
        // A signal may still be on its way to one that was cancelled.
        Some(report)
            if matches!(report.outcome, Outcome::Completed(_)) && !cancel.is_cancelled() =>
        {
            idle.keep(talk.attempt.task.workflow.clone(), process);
            Ok(report)
        }
        Some(report) => {
            process.end().await.map_err(broken)?;
            Ok(report)
        }
        None => Err(died(process.end().await.map_err(broken)?)),
    }
}

/// Tells a process to start and hears what it says, until its result or its end.
async fn converse(
    process: &mut Process,
    start: wire::TaskStart,
    talk: &Talk,
    cancel: &CancellationToken,
) -> io::Result<Option<Report>> {
    let Process {
        child,
        stdin,
        stdout,
        ..
    } = process;
    let (to_task, messages) = mpsc::unbounded_channel();
    let _receiver_is_here = to_task.send(To::Start(start));
    let mut heard = pin!(async {
        // All that was said has been read when there is a result: nothing is cut off.
        tokio::select! {
            result = talk.listen(stdout, to_task) => result,
            never = speak(stdin, messages) => match never {},
        }
    });
    tokio::select! {
        result = &mut heard => return Ok(result),
        () = cancel.cancelled() => terminate(child),
    }
    match tokio::time::timeout(END_GRACE, &mut heard).await {
        Ok(result) => Ok(result),
        Err(_) => {
            child.start_kill()?;
            Ok(None)
        }
    }
}

fn spawn(program: &Program, memory_bytes: u64) -> io::Result<Process> {
    let mut child = Command::new(&program.path)
        .args(&program.arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // Ctrl-C at a terminal is for the worker, which hands back in order.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (Some(stdin), Some(stdout)) = (stdin, stdout) else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    Ok(Process {
        memory_bytes,
        child,
        stdin,
        stdout,
    })
}

fn terminate(child: &Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(pid) = pid {
        // A process that has just ended needs no signal.
        let _gone = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
}

/// Says what the end of a process without a result means.
fn died(status: ExitStatus) -> Failure {
    match status.signal() {
        Some(libc::SIGKILL) => Failure::new(
            FailureClass::OutOfResources,
            "the task was killed, most likely for its memory",
        ),
        Some(signal) => {
            let name = Signal::try_from(signal).map_or("an unknown signal", Signal::as_str);
            let message = format!("the task was ended by {name}");
            Failure::new(FailureClass::Internal, message)
        }
        None => {
            let message = format!("the task ended without a result: {status}");
            Failure::new(FailureClass::Internal, message)
        }
    }
}

async fn speak(stdin: &mut ChildStdin, mut messages: mpsc::UnboundedReceiver<To>) -> Infallible {
    while let Some(message) = messages.recv().await {
        let frame = frames::encode(&wire::ToTask {
            message: Some(message),
        });
        if stdin.write_all(&frame).await.is_err() {
            // The process has ended; who listens to it notices.
            break;
        }
    }
    // Nobody has more to say, but the end of its input would tell the process to exit.
    std::future::pending().await
}

struct Talk {
    attempt: AttemptId,
    events: mpsc::UnboundedSender<Event>,
    monitor: Arc<Monitor>,
}

impl Talk {
    /// Hands on what the process says; returns its result, or `None` if it ended without one.
    async fn listen(
        &self,
        stdout: &mut ChildStdout,
        to_task: mpsc::UnboundedSender<To>,
    ) -> Option<Report> {
        loop {
            match frames::read_async::<wire::FromTask>(stdout).await {
                Ok(Some(wire::FromTask {
                    message: Some(message),
                })) => match message {
                    From::Progress(progress) => self.progress(&progress),
                    From::ReadBatch(batch) => self.read_batch(batch, &to_task),
                    From::Telemetry(wire::Telemetry { spans, counts }) => {
                        telemetry::relay(spans);
                        metrics::recount(&counts);
                    }
                    From::Result(wire) => return Report::try_from(wire).ok(),
                },
                Ok(Some(wire::FromTask { message: None })) => {}
                Ok(None) => return None,
                Err(fault) => {
                    tracing::warn!(%fault, "a task said what is not understood");
                    return None;
                }
            }
        }
    }

    fn progress(&self, progress: &wire::Progress) {
        let wire::Progress {
            attempt,
            reads,
            bases,
        } = progress;
        // What was said last of the process's task before is not of this one.
        if *attempt != Some((&self.attempt).into()) {
            return;
        }
        let more_reads = reads.saturating_sub(self.monitor.reads());
        self.monitor
            .add(more_reads, bases.saturating_sub(self.monitor.bases()));
    }

    fn read_batch(&self, wire: wire::ReadBatchCommit, to_task: &mpsc::UnboundedSender<To>) {
        let attempt = wire.attempt.clone();
        let commit = match ReadBatchCommit::try_from(wire) {
            Ok(commit) => commit,
            Err(fault) => {
                tracing::warn!(%fault, "a task wrote a read batch that is not understood");
                return;
            }
        };
        let (index, to_task) = (commit.read_batch.index, to_task.clone());
        let settle = Box::new(move |accepted| {
            let ack = wire::ReadBatchAck {
                attempt,
                index,
                accepted,
            };
            let _process_is_gone = to_task.send(To::ReadBatchAck(ack));
        });
        let _agent_is_gone = self.events.send(Event::ReadBatch { commit, settle });
    }
}

#[cfg(test)]
mod tests;
