//! The stage that cuts a lane into read batches, each a commit of its own.

mod bam_lane;
mod bam_read;
mod digest;
mod fastq_lane;
mod mates;
mod names;
mod source;
mod waiting;

use std::io::Write;

use common::failure::{Failure, FailureClass};
use common::task::{Detail, ReadBatch, ReadSource, SplitCursor};
use reads::batch;

pub use self::digest::FileDigest;
use self::source::{Source, Template};
use super::{Context, Finished, OutputWriter};
use crate::error::storage;

/// Role of the digests of the lane's files among the outputs.
pub const INPUTS: &str = "inputs";

/// Cuts a lane as `bwa mem -K` cuts: a batch ends once it has enough bases and whole pairs.
///
/// # Errors
/// What is wrong with the reads, or what storage answers.
pub fn run(context: &Context<'_>) -> Result<Finished, Failure> {
    let genome = context.genome()?;
    let lane = context.assignment.attempt.task.index;
    let Detail::Split(start) = context.assignment.detail else {
        return Err(Failure::new(
            FailureClass::Internal,
            "split was assigned without a cursor",
        ));
    };
    let reads = &genome.lanes[lane as usize].reads;
    let mut source = Source::open(context, reads)?;
    source.skip(&start)?;
    let mut cursor = start;
    loop {
        let mut batch = Batch::open(context, lane, &cursor, source.is_paired())?;
        batch.fill(&mut source, genome.read_batch_bp)?;
        if batch.reads == 0 {
            break;
        }
        cursor = batch.commit(context, &source)?;
        if context.monitor.is_cancelled() {
            return Err(Failure::new(FailureClass::Cancelled, "split was cancelled"));
        }
    }
    let mut out = context.create(INPUTS)?;
    let digests = serde_json::to_vec(&source.finish()?).expect("digests are plain data");
    out.write_all(&digests).map_err(|error| storage(&error))?;
    Ok(Finished::default().with(INPUTS, out.commit()?))
}

/// A read batch that is being written.
struct Batch {
    lane: u32,
    index: u32,
    first_ordinal: u64,
    paired: bool,
    reads: u64,
    bases: u64,
    out: batch::Writer<OutputWriter>,
}

impl Batch {
    fn open(
        context: &Context<'_>,
        lane: u32,
        cursor: &SplitCursor,
        paired: bool,
    ) -> Result<Self, Failure> {
        let object = context.create(&format!("batch-{:06}", cursor.next_batch))?;
        let out = batch::Writer::new(object).map_err(|error| storage(&error))?;
        Ok(Self {
            lane,
            index: cursor.next_batch,
            first_ordinal: cursor.next_ordinal,
            paired,
            reads: 0,
            bases: 0,
            out,
        })
    }

    /// Takes templates until there are enough bases and an even number of reads.
    fn fill(&mut self, source: &mut Source, read_batch_bp: u64) -> Result<(), Failure> {
        let mut template = Template::default();
        while self.bases < read_batch_bp || !self.reads.is_multiple_of(2) {
            if !source.next(&mut template)? {
                break;
            }
            for record in template.records() {
                let written = self.out.push(record.read());
                written.map_err(|error| storage(&error))?;
                self.reads += 1;
                self.bases += record.bases.len() as u64;
            }
        }
        Ok(())
    }

    fn commit(self, context: &Context<'_>, source: &Source) -> Result<SplitCursor, Failure> {
        let out = self.out.finish().map_err(|error| storage(&error))?;
        let read_batch = ReadBatch {
            lane: self.lane,
            index: self.index,
            first_ordinal: self.first_ordinal,
            reads: self.reads,
            bases: self.bases,
            paired: self.paired,
            source: ReadSource::Object(out.commit()?),
        };
        let cursor = SplitCursor {
            next_batch: self.index + 1,
            next_ordinal: self.first_ordinal + self.reads,
            offsets: source.offsets(),
        };
        context.monitor.add(self.reads, self.bases);
        context.read_batches.commit(read_batch, cursor)?;
        Ok(cursor)
    }
}
