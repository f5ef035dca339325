//! The stage that aligns a read batch into a run.

use std::io::BufReader;

use aligner::{Batch, Options};
use common::failure::{Failure, FailureClass};
use common::task::{Detail, ReadBatch, ReadSource};
use genome::reads::Reads;
use reads::run::{self, RunSource};

use super::lanes::Lanes;
use super::{Context, Finished, sections};
/// Role of the run among the outputs.
pub const RUN: &str = "run";

/// Share of the memory that a copy of the index may take; reads and records need the rest.
const COPY_SHARE: u64 = 4;

/// A read batch is read in pieces of this size.
const READ_BYTES: usize = 1 << 18;

/// Aligns the read batch of the assignment.
///
/// # Errors
/// What is wrong with the reads, or what storage answers.
pub fn run(context: &Context<'_>) -> Result<Finished, Failure> {
    let Detail::Align(batch) = &context.assignment.detail else {
        let message = "align was assigned without a read batch";
        return Err(Failure::new(FailureClass::Internal, message));
    };
    let genome = context.genome()?;
    let index = context.index()?;
    if context.memory_bytes > 0 {
        index.limit_copy(context.memory_bytes / COPY_SHARE);
    }
    let lanes = Lanes::of(genome);
    let read_group = lanes.read_group(batch.lane);
    let reads = read(context, batch)?;
    let aligned = aligner::align_blocks(
        &index,
        &Options::default(),
        &Batch {
            reads: &reads,
            paired: batch.paired,
            first_ordinal: batch.first_ordinal,
            read_group: Some(lanes.read_groups[usize::from(read_group)].id()),
        },
        context.monitor,
    );
    let records = aligned.map_err(failure)?;
    drop(reads);
    let source = RunSource {
        lane: batch.lane,
        first_ordinal: batch.first_ordinal,
        read_group,
        library: lanes.library(batch.lane),
    };
    let mut out = context.create(RUN)?;
    let written = run::write(&records, &source, &context.partitions()?, &mut out);
    written.map_err(sections::failure)?;
    let finished = Finished {
        read_batch: Some(batch.clone()),
        ..Finished::default()
    };
    Ok(finished.with(RUN, out.commit()?))
}

fn read(context: &Context<'_>, batch: &ReadBatch) -> Result<Reads, Failure> {
    let ReadSource::Object(object) = &batch.source;
    let stream = BufReader::with_capacity(READ_BYTES, context.open(object)?);
    let reads = reads::batch::read(stream, batch.reads, batch.bases);
    reads.map_err(|fault| sections::lost(&object.key, fault))
}

/// Says what an aligner's error means for the task.
fn failure(error: aligner::Error) -> Failure {
    let class = match &error {
        aligner::Error::Cancelled => FailureClass::Cancelled,
        _ => FailureClass::InputInvalid,
    };
    Failure::new(class, error.to_string())
}
