//! Task processes between two tasks of one genome: the next finds memory, connections and the mapped reference
//! as the last one left them, and the system has no pages to clear.

use std::collections::VecDeque;
use std::io;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::ids::WorkflowId;
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::task::JoinSet;

/// How long a process waits for another task.
const WAIT: Duration = Duration::from_secs(10);

/// How long a process may take to end once its pipes are closed, or SIGTERM was sent.
pub(super) const END_GRACE: Duration = Duration::from_secs(5);

/// A task process, and the pipes to it.
#[derive(Debug)]
pub(super) struct Process {
    /// The memory that its last task was given. It only grows: what one task freed may stay with the process.
    pub memory_bytes: u64,
    pub child: Child,
    pub stdin: ChildStdin,
    pub stdout: ChildStdout,
}

impl Process {
    /// Closes the pipes and waits for its end; it is killed if it lingers.
    pub async fn end(self) -> io::Result<ExitStatus> {
        let Self {
            mut child,
            stdin,
            stdout,
            ..
        } = self;
        drop((stdin, stdout));
        match tokio::time::timeout(END_GRACE, child.wait()).await {
            Ok(status) => status,
            Err(_) => {
                child.start_kill()?;
                child.wait().await
            }
        }
    }
}

/// The task processes of a worker that wait.
#[derive(Clone, Default)]
pub(crate) struct Idle(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    /// Number of the next process that comes.
    next: u64,
    /// Who waits, longest first.
    processes: VecDeque<(u64, WorkflowId, Process)>,
    ending: JoinSet<()>,
}

impl Idle {
    /// Returns a process that ran a task of this genome with this much memory or less, if one waits: of those
    /// the one with the most.
    pub(super) fn take(&self, genome: &WorkflowId, memory_bytes: u64) -> Option<Process> {
        let mut waiting = self.lock();
        loop {
            let processes = &mut waiting.processes;
            let fits = |(_, (_, of, process)): &(usize, &(u64, WorkflowId, Process))| {
                of == genome && process.memory_bytes <= memory_bytes
            };
            let fitting = processes.iter().enumerate().filter(fits);
            let (at, _) = fitting.max_by_key(|(_, (_, _, process))| process.memory_bytes)?;
            let (_, _, mut process) = processes.remove(at)?;
            // It may have been killed.
            if matches!(process.child.try_wait(), Ok(None)) {
                process.memory_bytes = memory_bytes;
                return Some(process);
            }
        }
    }

    /// Lets a process wait for a while for another task of its genome.
    pub(super) fn keep(&self, genome: WorkflowId, process: Process) {
        let mut waiting = self.lock();
        let number = waiting.next;
        waiting.next += 1;
        waiting.processes.push_back((number, genome, process));
        let idle = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            tokio::time::sleep(WAIT).await;
            if let Some(waiting) = idle.upgrade() {
                Self(waiting).lock().end_while(|oldest, _| oldest <= number);
            }
        });
    }

    /// Ends those that waited longest until all fit into memory that no task was given.
    pub(crate) fn fit(&self, free_memory_bytes: u64) {
        let more = |_: u64, memory_bytes: u64| memory_bytes > free_memory_bytes;
        self.lock().end_while(more);
    }

    /// Ends all, and waits for it.
    pub(crate) async fn close(&self) {
        let ending = {
            let mut waiting = self.lock();
            waiting.end_while(|_, _| true);
            std::mem::take(&mut waiting.ending)
        };
        ending.join_all().await;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Ends the one that waited longest while `is_due` holds of its number and of the memory of all.
    fn end_while(&mut self, is_due: impl Fn(u64, u64) -> bool) {
        while self.ending.try_join_next().is_some() {}
        while let Some(&(oldest, ..)) = self.processes.front() {
            let memory = self.processes.iter();
            let memory = memory.map(|(_, _, process)| process.memory_bytes).sum();
            if !is_due(oldest, memory) {
                return;
            }
            if let Some((_, _, process)) = self.processes.pop_front() {
                self.ending.spawn(async move {
                    if let Err(fault) = process.end().await {
                        tracing::warn!(%fault, "a task process could not be ended");
                    }
                });
            }
        }
    }
}
