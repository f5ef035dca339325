//! Tasks, their attempts, what a worker is given and what it gives back.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::failure::Failure;
use crate::ids::{AttemptNumber, Epoch, Sha256, WorkflowId};
use crate::location::Location;
use crate::trace::TraceContext;
use crate::workflow::GenomeSpec;

/// The stages of a genome's way, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Makes the reference's index where it is missing. One task.
    Index,
    /// Cuts lanes into read batches. One task a lane.
    Split,
    /// Aligns. One task a read batch.
    Align,
    /// Finds duplicates. One task a partition.
    Duplicates,
    /// Merges runs into sorted, marked parts. One task a partition.
    Merge,
    /// Makes the recalibration table. One task.
    Recalibrate,
    /// Calls variants. One task a partition, but for the unplaced.
    Call,
    /// Makes the final files. One task.
    Gather,
    /// Does nothing.
    Probe,
}

impl Stage {
    /// All stages in order.
    pub const ALL: [Self; 9] = [
        Self::Index,
        Self::Split,
        Self::Align,
        Self::Duplicates,
        Self::Merge,
        Self::Recalibrate,
        Self::Call,
        Self::Gather,
        Self::Probe,
    ];

    /// Returns the word that people see.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Split => "split",
            Self::Align => "align",
            Self::Duplicates => "duplicates",
            Self::Merge => "merge",
            Self::Recalibrate => "recalibrate",
            Self::Call => "call",
            Self::Gather => "gather",
            Self::Probe => "probe",
        }
    }

    /// Returns the version of the stage's bytes: raised by every change of them.
    pub const fn output_version(self) -> u32 {
        match self {
            Self::Merge => 5,
            Self::Gather => 4,
            Self::Call => 3,
            Self::Index | Self::Split | Self::Align => 2,
            _ => 1,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId {
    /// Of this workflow.
    pub workflow: WorkflowId,
    /// In this stage.
    pub stage: Stage,
    /// Within the stage, from 0.
    pub index: u32,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.workflow, self.stage, self.index)
    }
}

/// One attempt of a task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId {
    /// The task.
    pub task: TaskId,
    /// Its number, from 1.
    pub number: AttemptNumber,
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.task, self.number.0)
    }
}

/// What a task needs of a worker while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resources {
    /// Processor cores.
    pub cores: u32,
    /// Memory.
    pub memory_bytes: u64,
}

/// An object of the store, named and verifiable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRef {
    /// Its key.
    pub key: String,
    /// Its size.
    pub size_bytes: u64,
    /// Its digest.
    pub sha256: Sha256,
}

/// An input file as admission saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputStamp {
    /// Where it is.
    pub location: Location,
    /// Its size.
    pub size_bytes: u64,
    /// Modification time in nanoseconds since 1970; 0 for uploads.
    pub modified_ns: i64,
}

/// What a worker is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The attempt.
    pub attempt: AttemptId,
    /// Of the leader that placed it.
    pub epoch: Epoch,
    /// What it may use.
    pub resources: Resources,
    /// Key prefix under which this attempt alone writes, without a closing `/`.
    pub output_prefix: String,
    /// The genome; `None` for a probe.
    pub genome: Option<Arc<GenomeSpec>>,
    /// All inputs of the genome as admission saw them.
    pub inputs: Arc<[InputStamp]>,
    /// Stage manifests of the finished stages.
    pub upstream: Vec<(Stage, ObjectRef)>,
    /// What only this stage needs.
    pub detail: Detail,
    /// Where the attempt belongs in a trace, if anybody records it.
    pub trace: Option<TraceContext>,
}

/// What only some stages need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detail {
    /// Nothing more than the index of the task: lane or partition.
    None,
    /// Where `split` goes on.
    Split(SplitCursor),
    /// What `align` aligns.
    Align(ReadBatch),
}

/// Where `split` goes on in a lane: the default is its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SplitCursor {
    /// Index of the next read batch.
    pub next_batch: u32,
    /// Ordinal of the next read.
    pub next_ordinal: u64,
    /// Bytes of decompressed text consumed, of each file.
    pub offsets: [u64; 2],
}

/// A run of whole read pairs of one lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBatch {
    /// Index of the lane.
    pub lane: u32,
    /// Index in the lane.
    pub index: u32,
    /// Ordinal in the lane of the first read.
    pub first_ordinal: u64,
    /// Number of reads.
    pub reads: u64,
    /// Number of bases.
    pub bases: u64,
    /// Whether neighbours are mates.
    pub paired: bool,
    /// Where the reads are.
    pub source: ReadSource,
}

/// Where the reads of a batch are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadSource {
    /// An object: interleaved FASTQ in BGZF.
    Object(ObjectRef),
}

/// What one attempt wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its objects by role, such as `run` or `bam`.
    pub outputs: BTreeMap<String, ObjectRef>,
    /// The read batch of an `align` task.
    pub read_batch: Option<ReadBatch>,
}

/// A read batch that `split` has written: a commit of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBatchCommit {
    /// The attempt of `split`.
    pub attempt: AttemptId,
    /// Of the leader that placed it.
    pub epoch: Epoch,
    /// What was written.
    pub read_batch: ReadBatch,
    /// Where a retry goes on after this batch.
    pub cursor: SplitCursor,
}

/// Work that an attempt did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Reads or records.
    pub reads: u64,
    /// Bases.
    pub bases: u64,
    /// CPU time.
    pub cpu_ms: u64,
    /// Largest resident memory.
    pub peak_memory_bytes: u64,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The attempt.
    pub attempt: AttemptId,
    /// Of the leader that placed it.
    pub epoch: Epoch,
    /// Work done.
    pub counters: Counters,
    /// The end.
    pub outcome: Outcome,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It wrote this [`Manifest`]; `None` for a probe.
    Completed(Option<ObjectRef>),
    /// It failed.
    Failed(Failure),
    /// The worker gave it back unfinished.
    HandedBack,
}
