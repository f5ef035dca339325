//! The stage that aligns one read batch into a run.

use std::io::BufWriter;

use aligner::{Batch, Options};
use common::failure::{Failure, FailureClass};
use common::task::{Detail, ReadBatch, ReadSource};
use genome::reads::Reads;
use reads::run::{self, RunSource};

use super::{Context, Finished, lanes, runs};
use crate::error;
use crate::formats::fastq;

/// Aligns the read batch of the assignment.
///
/// # Errors
/// What is wrong with the batch, or what storage answers.
pub fn run(context: &Context<'_>) -> Result<Finished, Failure> {
    let Detail::Align(batch) = &context.assignment.detail else {
        return Err(Failure::new(
            FailureClass::Internal,
            "align was assigned without a read batch",
        ));
    };
    let genome = context.genome()?;
    let index = context.index()?;
    let partitions = context.partitions()?;
    let reads = read(context, batch)?;
    let records = aligner::align(
        &index,
        &Options::default(),
        &Batch {
            reads: &reads,
            paired: batch.paired,
            first_ordinal: batch.first_ordinal,
            read_group: Some(genome.lanes[batch.lane as usize].read_group.id()),
        },
        context.monitor,
    );
    let records = records.map_err(failure)?;
    let source = RunSource {
        lane: batch.lane,
        first_ordinal: batch.first_ordinal,
        read_group: batch.lane as u16,
        library: lanes::library_of(genome, batch.lane),
    };
    let mut out = BufWriter::with_capacity(1 << 20, context.create(runs::RUN)?);
    let written = run::write(&records, &source, &partitions, &mut out);
    written.map_err(|fault| error::sections(runs::RUN, fault))?;
    let out = out
        .into_inner()
        .map_err(|fault| error::storage(fault.error()))?;
    Ok(Finished::default().with(runs::RUN, out.commit()?))
}

fn read(context: &Context<'_>, batch: &ReadBatch) -> Result<Reads, Failure> {
    let ReadSource::Object(object) = &batch.source;
    let stream = context.open(object)?;
    let reads = fastq::read_batch(Box::new(stream), &object.key);
    // What split wrote was valid: anything else is damage.
    let reads = reads.map_err(|fault| match fault {
        fastq::Error::Io { source, .. } => error::storage(&source),
        invalid @ fastq::Error::Invalid { .. } => error::lost(&object.key, &invalid),
    })?;
    match reads.len() as u64 == batch.reads && reads.total_bases() == batch.bases {
        true => Ok(reads),
        false => Err(error::lost(
            &object.key,
            &"the batch has another number of reads",
        )),
    }
}

fn failure(fault: aligner::Error) -> Failure {
    let class = match &fault {
        aligner::Error::Cancelled => FailureClass::Cancelled,
        aligner::Error::MateNames { .. }
        | aligner::Error::OddBatch { .. }
        | aligner::Error::NameLength { .. }
        | aligner::Error::ReadTooLong { .. } => FailureClass::InputInvalid,
        aligner::Error::Option { .. } => FailureClass::Internal,
    };
    Failure::new(class, fault.to_string())
}
