//! Attempts in a process of their own, seen from within: the entry of `spindle task`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc as blocking;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use common::failure::{Failure, FailureClass};
use common::task::{Assignment, Counters, ReadBatch, ReadBatchCommit, Report, SplitCursor, Stage};
use common::telemetry;
use common::wire::WireError;
use genome::monitor::Monitor;
use proto::worker::v1 as wire;
use proto::worker::v1::from_task::Message as From;
use proto::worker::v1::to_task::Message as To;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use super::attempt::Attempt;
use super::{frames, here, report, usage};
use crate::metrics;
use crate::stage::{ReadBatchSink, reference};
use crate::storage::{Reach, Storage};

/// How often progress is told and memory looked at.
const TICK: Duration = Duration::from_millis(500);
/// Threads that drive the store.
const STORE_THREADS: usize = 2;
/// What a task may use beyond what it was given before it ends: its estimate is one.
const MEMORY_SLACK_BYTES: u64 = 512 << 20;
/// Exit code of a task whose worker is gone, and of one that was not told what to do.
const ORPHANED: i32 = 75;

/// Runs attempts that are described on standard input, one after the other; tells their results on standard
/// output.
///
/// It exits at once when standard input ends: then its worker is gone, or needs it no more.
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
    let runtime = Builder::new_multi_thread()
        .worker_threads(STORE_THREADS)
        .enable_all()
        .build()?;
    let desk = Arc::new(Desk::default());
    let starts = desk.open(&runtime)?;
    let mut opened: Option<(wire::Storage, Storage)> = None;
    let mut before = None;
    while let Ok(wire::TaskStart {
        assignment,
        storage: described,
        scratch,
    }) = starts.recv()
    {
        let invalid =
            |fault: WireError| io::Error::new(io::ErrorKind::InvalidData, fault.to_string());
        let assignment = assignment.unwrap_or_default();
        let assignment: Assignment = assignment.try_into().map_err(invalid)?;
        let described = described.unwrap_or_default();
        let stage = assignment.attempt.task.stage;
        if before == Some(Stage::Align) && stage != Stage::Align {
            reference::close();
        }
        before = Some(stage);
        let known = opened.take().filter(|(of, _)| *of == described);
        let storage = match known {
            Some((_, storage)) => storage,
            None => runtime
                .block_on(Reach::open_wire(described.clone(), runtime.handle()))
                .map_err(io::Error::other)?,
        };
        desk.work(assignment, &storage, Path::new(&scratch))?;
        opened = Some((described, storage));
    }
    if opened.is_none() {
        let message = "no task on standard input";
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(())
}

/// What the process is told to do, and does.
#[derive(Default)]
struct Desk {
    /// From when it is told of a task until it has told of its end.
    is_busy: AtomicBool,
    present: Mutex<Option<Arc<Task>>>,
}

impl Desk {
    /// Starts to listen to the worker and to signals, and to tell of progress; tasks come out.
    fn open(
        self: &Arc<Self>,
        runtime: &Runtime,
    ) -> io::Result<blocking::Receiver<wire::TaskStart>> {
        let (sender, starts) = blocking::channel();
        let desk = Arc::clone(self);
        thread::Builder::new()
            .name("worker-pipe".into())
            .spawn(move || desk.hear(sender))?;
        let desk = Arc::clone(self);
        let _guard = runtime.enter();
        let mut terminated = signal(SignalKind::terminate())?;
        runtime.spawn(async move {
            while terminated.recv().await.is_some() {
                match &*desk.present() {
                    Some(task) => task.monitor.cancel(),
                    None => std::process::exit(ORPHANED),
                }
            }
        });
        let desk = Arc::clone(self);
        runtime.spawn(async move {
            let mut tick = tokio::time::interval(TICK);
            loop {
                tick.tick().await;
                let present = desk.present().clone();
                if let Some(task) = present {
                    task.tick();
                }
            }
        });
        Ok(starts)
    }

    fn hear(&self, starts: blocking::Sender<wire::TaskStart>) {
        let mut stdin = io::stdin();
        while let Ok(Some(wire::ToTask { message })) = frames::read(&mut stdin) {
            match message {
                Some(To::Start(start)) => {
                    self.is_busy.store(true, Ordering::SeqCst);
                    let _process_ends = starts.send(start);
                }
                Some(To::ReadBatchAck(ack)) => {
                    if let Some(task) = &*self.present() {
                        task.settle(&ack);
                    }
                }
                None => {}
            }
        }
        if self.is_busy.load(Ordering::SeqCst) {
            std::process::exit(ORPHANED);
        }
    }

    /// Runs an attempt and tells its result.
    fn work(&self, assignment: Assignment, storage: &Storage, scratch: &Path) -> io::Result<()> {
        let task = Arc::new(Task::new(assignment));
        *self.present() = Some(Arc::clone(&task));
        task.run(storage, scratch)?;
        *self.present() = None;
        self.is_busy.store(false, Ordering::SeqCst);
        Ok(())
    }

    fn present(&self) -> MutexGuard<'_, Option<Arc<Task>>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Task {
    assignment: Assignment,
    monitor: Monitor,
    /// Who waits for the answer about a read batch, by its index.
    waiting: Mutex<BTreeMap<u32, blocking::Sender<bool>>>,
    /// Whether its result was told.
    has_ended: AtomicBool,
    /// Processor time of the process when it began.
    cpu_before: Duration,
}

impl Task {
    fn new(assignment: Assignment) -> Self {
        usage::forget_peak();
        Self {
            assignment,
            monitor: Monitor::default(),
            waiting: Mutex::default(),
            has_ended: AtomicBool::new(false),
            cpu_before: usage::of_process(),
        }
    }

    fn run(&self, storage: &Storage, scratch: &Path) -> io::Result<()> {
        let attempt = Attempt {
            assignment: &self.assignment,
            storage,
            scratch,
            monitor: &self.monitor,
            read_batches: self,
        };
        let (counters, outcome) = attempt.run();
        let counters = Counters {
            cpu_ms: self.cpu_ms(),
            ..counters
        };
        let was_cancelled = self.monitor.is_cancelled();
        say(From::Telemetry(wire::Telemetry {
            spans: telemetry::collected(),
            counts: metrics::taken(),
        }))?;
        let report = report(&self.assignment, counters, outcome, was_cancelled);
        if !self.end(&report)? {
            // The other result is the last word: this process ends.
            std::process::exit(0);
        }
        Ok(())
    }

    fn settle(&self, ack: &wire::ReadBatchAck) {
        let wire::ReadBatchAck {
            attempt: _,
            index,
            accepted,
        } = ack;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = waiting.remove(index) {
            let _nobody_waits = sender.send(*accepted);
        }
    }

    fn tick(&self) {
        let progress = wire::Progress {
            attempt: Some((&self.assignment.attempt).into()),
            reads: self.monitor.reads(),
            bases: self.monitor.bases(),
        };
        let _worker_is_gone = say(From::Progress(progress));
        let limit = self.assignment.resources.memory_bytes;
        let used = usage::anonymous_memory_bytes().unwrap_or(0);
        if limit > 0 && used > limit + limit / 2 + MEMORY_SLACK_BYTES {
            let message = format!("the task used {used} bytes of memory, {limit} were given");
            let failure = Failure::new(FailureClass::OutOfResources, message);
            let counters = Counters {
                cpu_ms: self.cpu_ms(),
                peak_memory_bytes: usage::peak_memory_bytes(),
                ..Counters::default()
            };
            let report = report(&self.assignment, counters, Err(failure), false);
            if matches!(self.end(&report), Ok(true) | Err(_)) {
                std::process::exit(0);
            }
        }
    }

    fn cpu_ms(&self) -> u64 {
        let used = usage::of_process().saturating_sub(self.cpu_before);
        used.as_millis() as u64
    }

    /// Tells the result and returns whether it was the first that there is.
    fn end(&self, report: &Report) -> io::Result<bool> {
        if self.has_ended.swap(true, Ordering::SeqCst) {
            return Ok(false);
        }
        say(From::Result(report.into())).map(|()| true)
    }
}

/// Tells the worker something, in one piece.
fn say(message: From) -> io::Result<()> {
    let frame = frames::encode(&wire::FromTask {
        message: Some(message),
    });
    let mut output = io::stdout().lock();
    output.write_all(&frame)?;
    output.flush()
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
        say(From::ReadBatch((&commit).into())).map_err(|e| crate::error::storage(&e))?;
        here::wait(&answer, &self.monitor)
    }
}
