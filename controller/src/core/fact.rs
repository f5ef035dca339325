//! What was decided: the only thing that is journaled.

use std::ops::Range;
use std::sync::Arc;

use common::failure::Failure;
use common::ids::{AttemptNumber, Epoch, WorkerId};
use common::s3_login::Sealed;
use common::task::{Counters, ObjectRef, ReadBatch, SplitCursor, Stage};

use super::state::{End, OutputFile, TaskKey, WorkflowFailure};
use crate::plan::dag::Plan;

/// One decided change of a workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// When it was decided, in milliseconds since 1970.
    pub at_ms: u64,
    /// What changes.
    pub change: Change,
    /// The bytes that it was read from, if they hold more than `change`: fields of a newer schema.
    pub stored: Option<Arc<[u8]>>,
}

impl Fact {
    /// Makes a fact decided now.
    pub fn new(at_ms: u64, change: Change) -> Self {
        Self {
            at_ms,
            change,
            stored: None,
        }
    }
}

/// The result of another workflow for a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundResult {
    /// The task, within its stage.
    pub index: u32,
    /// What the other workflow wrote.
    pub manifest: ObjectRef,
    /// Size of all its objects.
    pub bytes: u64,
}

/// What a fact changes.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Admission found the inputs; the plan is fixed but for the number of read batches.
    Validated(Arc<Plan>),
    /// Admission refused it. It is over.
    Rejected(WorkflowFailure),
    /// `split` wrote a read batch; with it the `align` task exists.
    ReadBatchCommitted {
        /// Attempt of `split` in the batch's lane.
        attempt: AttemptNumber,
        /// The batch.
        read_batch: ReadBatch,
        /// Where a retry goes on.
        cursor: SplitCursor,
    },
    /// An attempt was placed.
    AttemptStarted {
        /// Of this task.
        task: TaskKey,
        /// Its number.
        attempt: AttemptNumber,
        /// Where.
        worker: WorkerId,
        /// By which leader.
        epoch: Epoch,
    },
    /// The result of a task.
    AttemptCompleted {
        /// The task.
        task: TaskKey,
        /// The attempt that won.
        attempt: AttemptNumber,
        /// What it wrote; `None` for a probe.
        manifest: Option<ObjectRef>,
        /// Work done.
        counters: Counters,
    },
    /// An attempt ended without result.
    AttemptFailed {
        /// Of this task.
        task: TaskKey,
        /// Its number.
        attempt: AttemptNumber,
        /// Why.
        failure: Failure,
        /// The next attempt, not before this time; `None`: there is none.
        retry_at_ms: Option<u64>,
    },
    /// All tasks of a stage are done and its manifest is written.
    StageCompleted {
        /// The stage.
        stage: Stage,
        /// The stage manifest; `None` for a probe.
        manifest: Option<ObjectRef>,
    },
    /// Outputs were lost: these tasks run again. None: only the stage manifest is written again.
    StageReopened {
        /// The stage.
        stage: Stage,
        /// The tasks.
        indices: Vec<u32>,
    },
    /// These tasks are done and run again: both outputs have to be the same.
    AuditOpened {
        /// The stage.
        stage: Stage,
        /// The tasks.
        indices: Vec<u32>,
    },
    /// Results of other workflows were looked for.
    ResultsFound {
        /// Among those of this stage.
        stage: Stage,
        /// For these tasks.
        tasks: Range<u32>,
        /// What was there: these tasks are done.
        found: Vec<FoundResult>,
    },
    /// Who submitted it gave a new login to S3.
    LoginRenewed(Sealed),
    /// The client asked to stop.
    CancelRequested,
    /// Files start to appear.
    PublicationStarted {
        /// In this order.
        targets: Vec<OutputFile>,
    },
    /// A try to publish failed.
    PublicationFailed {
        /// Why.
        failure: Failure,
        /// The next try, not before this time.
        retry_at_ms: u64,
    },
    /// It cannot succeed; live attempts are being ended.
    Failing(WorkflowFailure),
    /// It is over.
    Ended {
        /// How.
        end: End,
        /// Why, if it failed.
        failure: Option<WorkflowFailure>,
    },
    /// A report came from an attempt that is not live.
    ReportRefused {
        /// Of this task.
        task: TaskKey,
        /// Its number.
        attempt: AttemptNumber,
    },
    /// Written by a newer version: counted, kept and not understood.
    Unknown,
}
