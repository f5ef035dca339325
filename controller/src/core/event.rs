//! What may happen to a workflow.

use std::ops::Range;

use common::failure::Failure;
use common::ids::{AttemptNumber, Epoch, WorkerId};
use common::s3_login::Sealed;
use common::task::{Counters, ObjectRef, Outcome, ReadBatch, SplitCursor, Stage};

use super::fact::FoundResult;
use super::state::{OutputFile, TaskKey};
use crate::plan::dag::Plan;

/// The moment of a decision, drawn by the caller.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Now {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// Drawn evenly from 0–1.
    pub jitter: f64,
}

/// What may happen to a workflow.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Admission found the inputs.
    Validated(Plan),
    /// Admission found a fault.
    Rejected(Failure),
    /// The scheduler chose a worker. No fact follows if the task is not ready.
    Placed {
        /// The task.
        task: TaskKey,
        /// Where.
        worker: WorkerId,
        /// By which leader.
        epoch: Epoch,
    },
    /// `split` wrote a read batch; its lane is the task's index.
    ReadBatchCommitted {
        /// Attempt of `split`.
        attempt: AttemptNumber,
        /// The batch.
        read_batch: ReadBatch,
        /// Where a retry goes on.
        cursor: SplitCursor,
    },
    /// A worker says how an attempt ended.
    Reported {
        /// Of this task.
        task: TaskKey,
        /// Its number.
        attempt: AttemptNumber,
        /// Work done.
        counters: Counters,
        /// The end.
        outcome: Outcome,
    },
    /// Attempts went down with their worker, or never reached it. Those not live are passed over.
    AttemptsLost {
        /// Which.
        attempts: Vec<(TaskKey, AttemptNumber)>,
        /// Of class `WorkerLost` or `Preempted`.
        failure: Failure,
    },
    /// The stage manifest is written.
    StageManifestWritten {
        /// The stage.
        stage: Stage,
        /// As in the duty: a manifest of an earlier round is passed over.
        round: u32,
        /// The manifest.
        manifest: ObjectRef,
    },
    /// The controller itself found an intermediate object gone or corrupt.
    IntermediateLost {
        /// Its key.
        key: String,
    },
    /// Two attempts of a task gave different outputs.
    OutputsDiffer {
        /// The task.
        task: TaskKey,
        /// What differs.
        failure: Failure,
    },
    /// Results of other workflows were looked for.
    ResultsLookedUp {
        /// Among those of this stage.
        stage: Stage,
        /// For these tasks, as in the duty.
        tasks: Range<u32>,
        /// What was there.
        found: Vec<FoundResult>,
    },
    /// Who submitted it gives a new login to S3.
    LoginRenewed(Sealed),
    /// The client asks to stop.
    CancelRequested,
    /// The targets of publication are known.
    PublicationStarted {
        /// In the order of appearance.
        targets: Vec<OutputFile>,
    },
    /// All targets are there.
    PublicationDone,
    /// A try to publish failed.
    PublicationFailed(Failure),
    /// Nothing else happened: a deadline passed, or facts before have consequences.
    TimePassed,
}
