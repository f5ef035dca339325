//! Batches in which some reads have a mate and some have none: each batch as a whole, while the
//! one before is written and the one behind is read.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use aligner::stream::Stream;
use anyhow::Result;
use genome::monitor::Monitor;
use genome::record::Records;

use super::interleaved::{self, Part};
use super::sink::Sink;
use super::source::{Block, Source};

/// Records of reads that were aligned together.
struct Aligned {
    records: Records,
    /// Where each read stands in its batch.
    places: Vec<u32>,
}

/// What a batch became, and the comments of its reads.
type Outcome = Result<(Vec<Aligned>, Vec<Vec<u8>>)>;

/// Aligns batch after batch.
///
/// # Errors
/// What is wrong with the reads; what the output answers.
pub fn run(stream: &Stream<'_>, source: Source, sink: Sink<'_>) -> Result<()> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(stream.threads);
    let pool = pool.build()?;
    std::thread::scope(|scope| {
        let (to_align, batches) = sync_channel(0);
        let (to_write, outcomes) = sync_channel(0);
        scope.spawn(move || read_all(source, &to_align));
        let writer = scope.spawn(move || write_all(sink, &outcomes));
        for batch in batches {
            let outcome = batch.and_then(|batch| pool.install(|| align(stream, batch)));
            if to_write.send(outcome).is_err() {
                break;
            }
        }
        drop(to_write);
        writer
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Hands batches on until the reads end, one is refused or nobody takes them.
fn read_all(mut source: Source, to_align: &SyncSender<Result<Block>>) {
    while let Some(batch) = source.next_block(usize::MAX).transpose() {
        let is_last = batch.is_err();
        if to_align.send(batch).is_err() || is_last {
            return;
        }
    }
}

/// Writes what comes until it ends or one is refused.
fn write_all(mut sink: Sink<'_>, outcomes: &Receiver<Outcome>) -> Result<()> {
    for outcome in outcomes {
        let (parts, comments) = outcome?;
        let comment = |place: u32| comments.get(place as usize).map_or(&[][..], Vec::as_slice);
        let mut order = Vec::new();
        for (part, aligned) in parts.iter().enumerate() {
            let place = |at| aligned.places[aligned.records.read(at) as usize];
            order.extend((0..aligned.records.len()).map(|at| (place(at), part, at)));
        }
        order.sort_unstable();
        for (place, part, at) in order {
            sink.write(parts[part].records.get(at), comment(place))?;
        }
    }
    sink.finish()
}

/// Aligns the reads without mate, then the pairs; each counts on where the other ends.
fn align(stream: &Stream<'_>, batch: Block) -> Outcome {
    let [single, paired] = interleaved::split(&batch.reads);
    let mut parts = Vec::new();
    let mut first_ordinal = batch.first_ordinal;
    for (part, paired) in [(single, false), (paired, true)] {
        let Part { reads, places } = part;
        let batch = aligner::Batch {
            reads: &reads,
            paired,
            first_ordinal,
            read_group: stream.read_group,
        };
        let monitor = Monitor::default();
        let records = aligner::align(stream.index, stream.options, &batch, &monitor)?;
        first_ordinal += reads.len() as u64;
        parts.push(Aligned { records, places });
    }
    Ok((parts, batch.extra))
}
