//! What a task of each stage needs of a worker.

use common::task::{Resources, Stage};

use super::dag::Plan;
use common::workflow::{Work, WorkflowSpec};

const MIB: u64 = 1 << 20;

/// Memory of an `index` task for each byte of the reference file, and its bounds: sorting all suffixes
/// of both strands at once takes ten bytes a base, gzip hides up to four bases in a byte; with less
/// memory, down to two bytes a base, they are sorted block by block. So a human index is built within
/// 16 GiB.
const INDEX_BYTES_PER_REFERENCE_BYTE: u64 = 20;
const INDEX_LEAST: u64 = 512 * MIB;
const INDEX_MOST: u64 = 16 << 30;

/// Memory of an `align` task for each base of a read batch: its reads, and its records before
/// they are written.
const ALIGN_BYTES_PER_BASE: u64 = 8;

/// After an attempt that ran out, the next one has half as much again.
const GROWTH: (u64, u64) = (3, 2);

/// Returns what a task needs after `exhausted` attempts that ran out of memory.
///
/// One core each: with eight tasks a core the tail of a stage is short, and every worker can take
/// every task.
pub fn resources(spec: &WorkflowSpec, plan: &Plan, stage: Stage, exhausted: u32) -> Resources {
    let first = match stage {
        Stage::Index => index_memory(spec, plan),
        Stage::Split => 256 * MIB,
        Stage::Align => 256 * MIB + ALIGN_BYTES_PER_BASE.saturating_mul(read_batch_bp(spec)),
        // As much as the most of them needs: a task process goes from one to the next, and never to less.
        Stage::Duplicates | Stage::Merge | Stage::Recalibrate => 768 * MIB,
        Stage::Call | Stage::Gather => 1024 * MIB,
        Stage::Probe => 0,
    };
    let (numerator, denominator) = GROWTH;
    let grow = |bytes: u64, _| bytes.saturating_mul(numerator) / denominator;
    Resources {
        cores: 1,
        memory_bytes: (0..exhausted).fold(first, grow),
    }
}

fn index_memory(spec: &WorkflowSpec, plan: &Plan) -> u64 {
    let Work::Genome(genome) = &spec.work else {
        return INDEX_LEAST;
    };
    let reference = plan
        .inputs
        .iter()
        .find(|input| input.location == genome.reference);
    let size_bytes = reference.map_or(0, |input| input.size_bytes);
    let wanted = size_bytes.saturating_mul(INDEX_BYTES_PER_REFERENCE_BYTE);
    wanted.clamp(INDEX_LEAST, INDEX_MOST)
}

fn read_batch_bp(spec: &WorkflowSpec) -> u64 {
    match &spec.work {
        Work::Genome(genome) => genome.read_batch_bp,
        Work::Probe { .. } => 0,
    }
}
