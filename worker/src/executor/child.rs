//! An attempt in a process of its own, seen from the worker.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use common::failure::{Failure, FailureClass};
use common::task::{Counters, ReadBatchCommit, Report};
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

use super::{Event, Job, frames, report};
use crate::metrics;

/// How long a process may take to end after SIGTERM.
const TERM_GRACE: Duration = Duration::from_secs(5);

/// What is run.
pub(super) struct Program {
    pub path: PathBuf,
    pub arguments: Vec<OsString>,
}

/// Runs an attempt in a child process to its end and tells the agent about it.
pub(super) async fn supervise(
    program: Program,
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
        events: events.clone(),
        monitor: Arc::clone(&monitor),
    };
    let (counters, outcome) = match run(&program, start, &talk, &cancel).await {
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
    program: &Program,
    start: wire::TaskStart,
    talk: &Talk,
    cancel: &CancellationToken,
) -> Result<Report, Failure> {
    let broken = |fault: io::Error| {
        let message = format!("{} could not be run: {fault}", program.path.display());
        Failure::new(FailureClass::Internal, message)
    };
    let mut child = spawn(program).map_err(broken)?;
    let stdin = child
        .stdin
        .take()
        .ok_or_else(|| broken(io::ErrorKind::BrokenPipe.into()))?;
    let stdout = child
        .stdout
        .take()
        .ok_or_else(|| broken(io::ErrorKind::BrokenPipe.into()))?;
    let (to_task, messages) = mpsc::unbounded_channel();
    let _pipe_is_open = to_task.send(To::Start(start));
    let speaker = tokio::spawn(speak(stdin, messages));
    let mut heard = std::pin::pin!(talk.listen(stdout, to_task));
    let result = tokio::select! {
        result = &mut heard => result,
        () = cancel.cancelled() => {
            terminate(&child);
            match tokio::time::timeout(TERM_GRACE, &mut heard).await {
                Ok(result) => result,
                Err(_) => {
                    child.start_kill().map_err(broken)?;
                    None
                }
            }
        }
    };
    speaker.abort();
    let status = finish(&mut child).await.map_err(broken)?;
    result.ok_or_else(|| died(status))
}

fn spawn(program: &Program) -> io::Result<Child> {
    Command::new(&program.path)
        .args(&program.arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // Ctrl-C at a terminal is for the worker, which hands back in order.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// Waits for a process that has closed its output; one that lingers is killed.
async fn finish(child: &mut Child) -> io::Result<ExitStatus> {
    match tokio::time::timeout(TERM_GRACE, child.wait()).await {
        Ok(status) => status,
        Err(_) => {
            child.start_kill()?;
            child.wait().await
        }
    }
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

async fn speak(mut stdin: ChildStdin, mut messages: mpsc::UnboundedReceiver<To>) {
    while let Some(message) = messages.recv().await {
        let frame = frames::encode(&wire::ToTask {
            message: Some(message),
        });
        if stdin.write_all(&frame).await.is_err() {
            // The process has ended; who listens to it notices.
            return;
        }
    }
    // Nobody has more to say, but the end of its input would tell the process to exit.
    std::future::pending::<()>().await;
}

struct Talk {
    events: mpsc::UnboundedSender<Event>,
    monitor: Arc<Monitor>,
}

impl Talk {
    /// Hands on what the process says; returns its result, if it gave one.
    async fn listen(
        &self,
        mut stdout: ChildStdout,
        to_task: mpsc::UnboundedSender<To>,
    ) -> Option<Report> {
        let mut result = None;
        loop {
            match frames::read_async::<wire::FromTask>(&mut stdout).await {
                Ok(Some(wire::FromTask {
                    message: Some(message),
                })) => match message {
                    From::Progress(progress) => self.progress(&progress),
                    From::ReadBatch(batch) => self.read_batch(batch, &to_task),
                    From::Telemetry(wire::Telemetry { spans, counts }) => {
                        telemetry::relay(spans);
                        metrics::recount(&counts);
                    }
                    From::Result(wire) => result = Report::try_from(wire).ok(),
                },
                Ok(Some(wire::FromTask { message: None })) => {}
                Ok(None) => return result,
                Err(fault) => {
                    tracing::warn!(%fault, "a task said what is not understood");
                    return result;
                }
            }
        }
    }

    fn progress(&self, progress: &wire::Progress) {
        let wire::Progress {
            attempt: _,
            reads,
            bases,
        } = progress;
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
mod tests {
    use super::*;

    #[test]
    fn a_killed_task_lacked_memory_and_another_end_is_a_fault() {
        let class = |status| died(ExitStatus::from_raw(status)).class;
        assert_eq!(class(libc::SIGKILL), FailureClass::OutOfResources);
        assert_eq!(class(libc::SIGABRT), FailureClass::Internal);
        assert_eq!(class(1 << 8), FailureClass::Internal);
    }

    /// Runs a shell script as a task, cancelled at once if `cancelled`.
    async fn outcome_of(script: &str, cancelled: bool) -> Result<Report, Failure> {
        let program = Program {
            path: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
        };
        let (events, _) = mpsc::unbounded_channel();
        let talk = Talk {
            events,
            monitor: Arc::default(),
        };
        let cancel = CancellationToken::new();
        if cancelled {
            cancel.cancel();
        }
        run(&program, wire::TaskStart::default(), &talk, &cancel).await
    }

    #[tokio::test]
    async fn processes_that_give_no_result_are_failures() {
        let cases = [
            ("kill -9 $$", false, FailureClass::OutOfResources),
            ("exit 3", false, FailureClass::Internal),
            ("echo this is no message", false, FailureClass::Internal),
            ("exec sleep 1000", true, FailureClass::Internal),
        ];
        for (script, cancelled, class) in cases {
            let failure = outcome_of(script, cancelled).await.unwrap_err();
            assert_eq!(failure.class, class, "{script}: {failure}");
        }
    }
}
