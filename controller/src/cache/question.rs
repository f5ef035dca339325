//! What the results of tasks follow from: the digest by which they are known.
//!
//! It covers the stage and its output version, this program's version, every option that reaches the
//! stage, and the contents, never the names, of all that its tasks read. Reads are known by the read
//! batches that `split` made of them in the same workflow, so that no file is taken for another.

use std::collections::BTreeMap;

use common::ids::{Sha256, TenantId};
use common::task::{Manifest, ObjectRef, ReadBatch, ReadSource, Stage};
use common::workflow::{GenomeSpec, Interval, Lane, Outputs, Work};
use sha2::Digest as _;

use crate::core::duty::is_cached;
use crate::core::state::WorkflowState;
use crate::plan::dag::{InputDigests, Plan};

/// How much of an index is digested: more than its head, which says all that is not in the sequences.
pub const INDEX_HEAD_BYTES: u64 = 32 << 20;

/// A digest in keys and comparisons.
pub type Digest = Sha256;

/// What the results of some tasks of one stage follow from.
#[derive(Debug, Clone)]
pub struct Question {
    /// Whose results may answer it.
    pub tenant: TenantId,
    /// Stage manifests whose contents the tasks read.
    pub upstream: Vec<(Stage, ObjectRef)>,
    /// Digest of the index's head; `None`: that of the index stage counts.
    pub index: Option<Sha256>,
    options: Sha256,
    tasks: Vec<Task>,
}

/// What is known of a task beside what all of its stage share.
#[derive(Debug, Clone)]
struct Task {
    index: u32,
    /// Digest of what the tasks that are kept together share.
    group: Sha256,
    own: Sha256,
}

/// What the objects say that a question names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Digest of the index's head.
    pub index: Sha256,
    /// Digests of the outputs of stages.
    pub stages: BTreeMap<Stage, Sha256>,
}

/// By which a result is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultKey {
    /// The task.
    pub task: u32,
    /// Results that are kept in one record.
    pub group: Digest,
    /// The result.
    pub key: Digest,
}

impl Question {
    /// Asks for the results of tasks; `None` if those of their stage are not kept, or what they read is
    /// not there.
    pub fn of(
        state: &WorkflowState,
        stage: Stage,
        tasks: impl IntoIterator<Item = u32>,
    ) -> Option<Self> {
        let plan = state.plan.as_ref().filter(|_| is_cached(state, stage))?;
        let (Work::Genome(genome), Some(digests)) = (&state.spec.work, &plan.input_digests) else {
            return None;
        };
        let mut upstream = Vec::new();
        let made_here = digests.index.is_none().then_some(Stage::Index);
        for read in made_here.iter().chain(reads(stage)) {
            if state.has_stage(*read) {
                upstream.push((*read, state.stage(*read).manifest.clone()?));
            }
        }
        let tasks = tasks.into_iter().map(|index| match stage {
            Stage::Align => align_task(state, index),
            _ => Some(Task {
                index,
                group: Sha256::of(b""),
                own: Fields::new().number(index).digest(),
            }),
        });
        Some(Self {
            tenant: state.tenant.clone(),
            upstream,
            index: digests.index,
            options: options(stage, genome, (plan, digests)),
            tasks: tasks.collect::<Option<_>>()?,
        })
    }

    /// Returns the keys of the results.
    pub fn keys(&self, contents: &Contents) -> Vec<ResultKey> {
        let mut shared = Fields::new()
            .text(self.tenant.as_str())
            .digest_of(self.options)
            .digest_of(contents.index);
        for (stage, content) in &contents.stages {
            shared = shared.text(stage.name()).digest_of(*content);
        }
        let shared = shared.digest();
        let key = |task: &Task| {
            let both = Fields::new().digest_of(shared).digest_of(task.group);
            let group = both.digest();
            ResultKey {
                task: task.index,
                group,
                key: Fields::new().digest_of(group).digest_of(task.own).digest(),
            }
        };
        self.tasks.iter().map(key).collect()
    }
}

/// Digests the outputs of a stage, whoever wrote them.
pub fn content(stage: Stage, manifests: &[Manifest]) -> Sha256 {
    let mut fields = Fields::new().number(manifests.len() as u64);
    for manifest in manifests {
        fields = match (stage, &manifest.read_batch) {
            // Its number in the stage is that of its commit.
            (Stage::Align, Some(batch)) => fields.number(batch.lane).number(batch.index),
            _ => fields.number(manifest.attempt.task.index),
        };
        fields = fields.number(manifest.outputs.len() as u64);
        for (role, object) in &manifest.outputs {
            fields = fields.text(role).number(object.size_bytes);
            fields = fields.digest_of(object.sha256);
        }
    }
    fields.digest()
}

/// Digests the head of an index, and its size.
pub fn index_digest(head: &[u8], size_bytes: u64) -> Sha256 {
    Fields::new().number(size_bytes).bytes(head).digest()
}

/// The stages whose outputs a task of this one reads.
const fn reads(stage: Stage) -> &'static [Stage] {
    match stage {
        Stage::Duplicates => &[Stage::Align],
        Stage::Merge => &[Stage::Align, Stage::Duplicates],
        Stage::Recalibrate => &[Stage::Merge],
        Stage::Call => &[Stage::Merge, Stage::Recalibrate],
        Stage::Gather => &[
            Stage::Split,
            Stage::Duplicates,
            Stage::Merge,
            Stage::Recalibrate,
            Stage::Call,
        ],
        Stage::Index | Stage::Split | Stage::Align | Stage::Probe => &[],
    }
}

/// Read batches of a lane are kept together, and found by its first.
fn align_task(state: &WorkflowState, index: u32) -> Option<Task> {
    let batch = state.read_batches.get(index as usize)?;
    let lane = state.lanes.get(batch.lane as usize)?;
    let first = state
        .read_batches
        .get(*lane.align_tasks.first()? as usize)?;
    Some(Task {
        index,
        group: of_batch(first),
        own: of_batch(batch),
    })
}

fn of_batch(batch: &ReadBatch) -> Sha256 {
    let ReadBatch {
        lane,
        index,
        first_ordinal,
        reads,
        bases,
        paired,
        source: ReadSource::Object(object),
    } = batch;
    Fields::new()
        .number(*lane)
        .number(*index)
        .number(*first_ordinal)
        .number(*reads)
        .number(*bases)
        .number(*paired)
        .number(object.size_bytes)
        .digest_of(object.sha256)
        .digest()
}

/// Digests what was asked for, as far as it reaches a stage. A new option has to be put into its place.
fn options(stage: Stage, genome: &GenomeSpec, planned: (&Plan, &InputDigests)) -> Sha256 {
    let (plan, digests) = planned;
    let GenomeSpec {
        sample,
        lanes,
        reference,
        known_sites,
        outputs,
        intervals,
        interval_padding_bp,
        output_prefix: _,
        overwrite: _,
        recalibrated_qualities,
        read_batch_bp,
        partition_bp,
        s3: _,
    } = genome;
    let mut fields = Fields::new()
        .text(env!("CARGO_PKG_VERSION"))
        .text(stage.name())
        .number(plan.output_versions.get(&stage).copied().unwrap_or(0))
        .digest_of(plan.reference_digest.unwrap_or(Sha256([0; 32])))
        .number(*partition_bp);
    if stage != Stage::Duplicates {
        fields = fields.read_groups(lanes);
    }
    if matches!(stage, Stage::Merge | Stage::Call | Stage::Gather) {
        fields = fields
            .intervals(intervals, digests)
            .number(*interval_padding_bp);
    }
    if stage == Stage::Merge {
        fields = fields
            .digests(&digests.known_sites)
            .number(genome.keeps_merged_bam());
    }
    if matches!(stage, Stage::Call | Stage::Gather) {
        fields = fields.outputs(*outputs).number(*recalibrated_qualities);
    }
    if stage == Stage::Gather {
        // What the provenance tells.
        fields = fields
            .text(sample)
            .text(&reference.to_string())
            .number(*read_batch_bp)
            .number(known_sites.len() as u64)
            .digests(&digests.known_sites);
        for file in known_sites {
            fields = fields.text(&file.to_string());
        }
        for interval in intervals {
            fields = match interval {
                Interval::Text(text) => fields.text(text),
                Interval::Bed(file) => fields.text(&file.to_string()),
            };
        }
        for stage in Stage::ALL {
            fields = fields.number(stage.output_version());
        }
    }
    fields.digest()
}

/// Fields of which each says how long it is, so that no two lists of them are one text.
struct Fields(sha2::Sha256);

impl Fields {
    fn new() -> Self {
        Self(sha2::Sha256::new())
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    fn number(self, number: impl Into<u64>) -> Self {
        self.bytes(&number.into().to_le_bytes())
    }

    fn digest_of(self, digest: Sha256) -> Self {
        self.bytes(&digest.0)
    }

    fn digests(self, digests: &[Sha256]) -> Self {
        let counted = self.number(digests.len() as u64);
        digests
            .iter()
            .fold(counted, |fields, it| fields.digest_of(*it))
    }

    fn read_groups(self, lanes: &[Lane]) -> Self {
        let counted = self.number(lanes.len() as u64);
        let line = |fields: Self, lane: &Lane| fields.text(&lane.read_group.line());
        lanes.iter().fold(counted, line)
    }

    fn intervals(self, intervals: &[Interval], digests: &InputDigests) -> Self {
        let mut beds = digests.intervals.iter();
        let counted = self.number(intervals.len() as u64);
        intervals
            .iter()
            .fold(counted, |fields, interval| match interval {
                Interval::Text(text) => fields.text("text").text(text),
                Interval::Bed(_) => {
                    let digest = beds.next().copied().unwrap_or(Sha256([0; 32]));
                    fields.text("bed").digest_of(digest)
                }
            })
    }

    fn outputs(self, outputs: Outputs) -> Self {
        let Outputs { bam, vcf, gvcf } = outputs;
        self.number(bam).number(vcf).number(gvcf)
    }

    fn digest(self) -> Sha256 {
        Sha256(self.0.finalize().into())
    }
}
