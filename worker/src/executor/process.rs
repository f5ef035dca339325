//! An attempt in a process of its own, seen from within: the entry of `spindle task`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc as blocking;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use common::failure::{Failure, FailureClass};
use common::task::{Assignment, Counters, ReadBatch, ReadBatchCommit, Report, SplitCursor};
use common::telemetry;
use genome::monitor::Monitor;
use proto::worker::v1 as wire;
use proto::worker::v1::from_task::Message as From;
use proto::worker::v1::to_task::Message as To;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use super::attempt::Attempt;
use super::{frames, here, report, usage};
use crate::metrics;
use crate::stage::ReadBatchSink;
use crate::storage::Reach;

/// How often progress is told and memory looked at.
const TICK: Duration = Duration::from_millis(500);
/// Threads that drive the store.
const STORE_THREADS: usize = 2;
/// What a task may use beyond what it was given before it ends: its estimate is one.
const MEMORY_SLACK_BYTES: u64 = 512 << 20;
/// Exit code of a task whose worker is gone, and of one that was not told what to do.
const ORPHANED: i32 = 75;

/// Runs one attempt that is described on standard input; tells its result on standard output.
///
/// It exits at once when standard input ends: then its worker is gone.
pub fn task_main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            tracing::error!(%fault, "the task could not be run");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let mut stdin = io::stdin();
    let Some(wire::ToTask {
        message: Some(To::Start(start)),
    }) = frames::read(&mut stdin)?
    else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "no task on standard input",
        ));
    };
    let wire::TaskStart {
        assignment,
        storage,
        scratch,
    } = start;
    let invalid = |fault: common::wire::WireError| {
        io::Error::new(io::ErrorKind::InvalidData, fault.to_string())
    };
    let assignment: Assignment = assignment.unwrap_or_default().try_into().map_err(invalid)?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(STORE_THREADS)
        .enable_all()
        .build()?;
    let storage = Reach::open_wire(storage.unwrap_or_default(), runtime.handle());
    let storage = runtime.block_on(storage).map_err(io::Error::other)?;
    let task = Arc::new(Task {
        assignment,
        monitor: Monitor::default(),
        waiting: Mutex::default(),
        output: Mutex::new(io::stdout()),
    });
    task.listen(&runtime)?;
    let scratch = PathBuf::from(scratch);
    let attempt = Attempt {
        assignment: &task.assignment,
        storage: &storage,
        scratch: &scratch,
        monitor: &task.monitor,
        read_batches: task.as_ref(),
    };
    let (counters, outcome) = attempt.run();
    let counters = Counters {
        cpu_ms: usage::of_process().as_millis() as u64,
        ..counters
    };
    let was_cancelled = task.monitor.is_cancelled();
    task.say(From::Telemetry(wire::Telemetry {
        spans: telemetry::collected(),
        counts: metrics::counted(),
    }))?;
    task.end(&report(&task.assignment, counters, outcome, was_cancelled))
}

struct Task {
    assignment: Assignment,
    monitor: Monitor,
    /// Who waits for the answer about a read batch, by its index.
    waiting: Mutex<BTreeMap<u32, blocking::Sender<bool>>>,
    output: Mutex<io::Stdout>,
}

impl Task {
    /// Starts to listen to the worker and to signals, and to tell of progress.
    fn listen(self: &Arc<Self>, runtime: &Runtime) -> io::Result<()> {
        let task = Arc::clone(self);
        thread::Builder::new()
            .name("worker-pipe".into())
            .spawn(move || task.hear())?;
        let task = Arc::clone(self);
        let _guard = runtime.enter();
        let mut terminated = signal(SignalKind::terminate())?;
        runtime.spawn(async move {
            terminated.recv().await;
            task.monitor.cancel();
        });
        let task = Arc::clone(self);
        runtime.spawn(async move {
            let mut tick = tokio::time::interval(TICK);
            loop {
                tick.tick().await;
                task.tick();
            }
        });
        Ok(())
    }

    fn hear(&self) {
        let mut stdin = io::stdin();
        while let Ok(Some(wire::ToTask { message })) = frames::read(&mut stdin) {
            if let Some(To::ReadBatchAck(ack)) = message {
                let wire::ReadBatchAck {
                    attempt: _,
                    index,
                    accepted,
                } = ack;
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(sender) = waiting.remove(&index) {
                    let _nobody_waits = sender.send(accepted);
                }
            }
        }
        std::process::exit(ORPHANED);
    }

    fn tick(&self) {
        let progress = wire::Progress {
            attempt: Some((&self.assignment.attempt).into()),
            reads: self.monitor.reads(),
            bases: self.monitor.bases(),
        };
        let _worker_is_gone = self.say(From::Progress(progress));
        let limit = self.assignment.resources.memory_bytes;
        let used = usage::anonymous_memory_bytes().unwrap_or(0);
        if limit > 0 && used > limit + limit / 2 + MEMORY_SLACK_BYTES {
            let message = format!("the task used {used} bytes of memory, {limit} were given");
            let failure = Failure::new(FailureClass::OutOfResources, message);
            let counters = Counters {
                cpu_ms: usage::of_process().as_millis() as u64,
                peak_memory_bytes: usage::peak_memory_bytes(),
                ..Counters::default()
            };
            let _worker_is_gone =
                self.end(&report(&self.assignment, counters, Err(failure), false));
            std::process::exit(0);
        }
    }

    fn end(&self, report: &Report) -> io::Result<()> {
        self.say(From::Result(report.into()))
    }

    fn say(&self, message: From) -> io::Result<()> {
        let frame = frames::encode(&wire::FromTask {
            message: Some(message),
        });
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        output.write_all(&frame)?;
        output.flush()
    }
}

impl ReadBatchSink for Task {
    fn commit(&self, read_batch: ReadBatch, cursor: SplitCursor) -> Result<(), Failure> {
        let index = read_batch.index;
        let commit = ReadBatchCommit {
            attempt: self.assignment.attempt.clone(),
            epoch: self.assignment.epoch,
            read_batch,
            cursor,
        };
        let (sender, answer) = blocking::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.insert(index, sender);
        drop(waiting);
        self.say(From::ReadBatch((&commit).into()))
            .map_err(|e| crate::error::storage(&e))?;
        here::wait(&answer, &self.monitor)
    }
}
