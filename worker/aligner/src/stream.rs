//! A stream of batches, from reads to records on several threads.
//!
//! Blocks of reads come in and go out in their order. Each read of a block is aligned for itself
//! as soon as a thread is free; once this is done for a batch its insert sizes are known and its
//! blocks become records. So reading, both halves of the work and writing overlap, within a batch
//! and from one to the next.

mod held;
mod state;

pub use crate::batch::READS_PER_BLOCK;

use crate::batch::{Batch, Finder, Found, PairReporter, check, report_block};
use crate::context::Context;
use crate::{Error, Index, Options};
use genome::reads::Reads;
use genome::record::Records;
use held::Held;
use state::{Job, Shared};

/// Reads that come and go together.
#[derive(Debug, Default)]
pub struct Block<X> {
    /// The reads; of pairs, the two ends are neighbours.
    pub reads: Reads,
    /// What belongs to them and is wanted when they become records.
    pub extra: X,
    /// Ordinal in the stream of the first read.
    pub first_ordinal: u64,
    /// Whether it is the last one of its batch.
    pub ends_batch: bool,
}

/// How a stream is aligned.
#[derive(Debug, Clone, Copy)]
pub struct Stream<'a> {
    /// The index.
    pub index: &'a Index,
    /// The options.
    pub options: &'a Options,
    /// Threads that align; two more read and write.
    pub threads: usize,
    /// Whether the reads are pairs.
    pub paired: bool,
    /// Value of the RG tag.
    pub read_group: Option<&'a str>,
    /// Bases that wait for their insert sizes before a further batch is begun.
    pub waiting_bases: u64,
}

impl Stream<'_> {
    /// Takes blocks from `source` until there are no more, lets the aligning threads `render` the
    /// records of each, and hands what that gives to `sink` in the order of the blocks.
    ///
    /// # Errors
    /// The first of: what `source` answers, what is wrong with a batch, what `sink` answers. What
    /// comes before a wrong batch is handed out.
    pub fn run<X: Send, T: Send, E: Send + From<Error>>(
        &self,
        source: impl FnMut() -> Result<Option<Block<X>>, E> + Send,
        render: impl Fn(&Block<X>, Records) -> T + Sync,
        sink: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        self.options.validate()?;
        let shared = Shared::new(self.waiting_bases, self.threads.max(1));
        std::thread::scope(|scope| {
            scope.spawn(|| self.read(source, &shared));
            for _ in 0..self.threads.max(1) {
                scope.spawn(|| self.work(&render, &shared));
            }
            shared.write(sink)
        })
    }

    fn read<X, T, E: From<Error>>(
        &self,
        mut source: impl FnMut() -> Result<Option<Block<X>>, E>,
        shared: &Shared<X, T, E>,
    ) {
        let _alarm = shared.alarm();
        loop {
            match source() {
                Ok(Some(block)) => {
                    self.index.announce(block.reads.len());
                    if !shared.add(block, &self.context()) {
                        return;
                    }
                }
                Ok(None) => return shared.end(None, &self.context()),
                Err(error) => return shared.end(Some(error), &self.context()),
            }
        }
    }

    fn work<X, T, E: From<Error>>(
        &self,
        render: &impl Fn(&Block<X>, Records) -> T,
        shared: &Shared<X, T, E>,
    ) {
        let _alarm = shared.alarm();
        let mut finder = Finder::default();
        let mut reporter = PairReporter::default();
        while let Some(job) = shared.take() {
            match job {
                Job::Find { place, block } => {
                    self.index.settle(self.threads);
                    let context = self.context();
                    let batch = self.batch(&block);
                    let all = 0..block.reads.len();
                    let found = check(self.options, &batch)
                        .map(|()| Found::of_block(&context, &batch, all, &mut finder));
                    let found = found.map(|found| (Held::new(block), found));
                    shared.found(place, found, &context);
                }
                Job::Report {
                    sequence,
                    block,
                    found,
                    orientations,
                } => {
                    let block = block.unpack();
                    let batch = self.batch(&block);
                    let all = 0..block.reads.len();
                    let work = (&found, &*orientations, &mut reporter);
                    let mut records = Records::default();
                    report_block(&self.context(), &batch, all, work, &mut records);
                    let bases = block.reads.total_bases();
                    shared.rendered(sequence, render(&block, records), bases);
                }
            }
        }
    }

    fn context(&self) -> Context<'_> {
        Context::new(self.index, self.options)
    }

    fn batch<'b, X>(&'b self, block: &'b Block<X>) -> Batch<'b> {
        Batch {
            reads: &block.reads,
            paired: self.paired,
            first_ordinal: block.first_ordinal,
            read_group: self.read_group,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::testing::index_of;
    use genome::monitor::Monitor;
    use genome::reads::Read;
    use genome::record::sam::write_sam;

    const PAIRS: usize = 1500;

    fn codes(seed: u64, length: usize) -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 60) as u8 & 3
        };
        (0..length).map(|_| next()).collect()
    }

    /// Pairs of a reference; `wrong` is a pair whose ends have different names.
    fn reads(reference: &[u8], wrong: Option<usize>) -> Reads {
        let mut reads = Reads::default();
        for pair in 0..PAIRS {
            let start = pair * 7919 % (reference.len() - 400);
            let insert = 200 + pair % 97;
            let fragment = &reference[start..start + insert];
            let letters = |codes: &[u8]| codes.iter().map(|&code| b"ACGT"[code as usize]).collect();
            let ends: [Vec<u8>; 2] = [
                letters(&fragment[..90]),
                letters(
                    &fragment[insert - 90..]
                        .iter()
                        .rev()
                        .map(|code| 3 - code)
                        .collect::<Vec<_>>(),
                ),
            ];
            for (end, bases) in ends.iter().enumerate() {
                let other = if wrong == Some(pair) { end } else { 0 };
                reads.push(Read {
                    name: format!("r{pair}.{other}").as_bytes(),
                    bases,
                    qualities: &[30; 90],
                });
            }
        }
        reads
    }

    fn slice(reads: &Reads, range: std::ops::Range<usize>) -> Reads {
        let mut part = Reads::default();
        range.for_each(|read| part.push(reads.get(read)));
        part
    }

    fn text(index: &Index, records: &Records) -> Vec<u8> {
        let mut text = Vec::new();
        records
            .iter()
            .for_each(|record| write_sam(record, index.dictionary(), &mut text));
        text
    }

    /// Runs a stream with batches of `per_batch` reads.
    fn streamed(
        index: &Index,
        reads: &Reads,
        (threads, per_batch): (usize, usize),
    ) -> (Vec<u8>, Result<(), Error>) {
        let options = Options::default();
        let stream = Stream {
            index,
            options: &options,
            threads,
            paired: true,
            read_group: None,
            waiting_bases: 10_000,
        };
        let mut start = 0;
        let source = || {
            let rest = per_batch - start % per_batch;
            let end = (start + rest.min(64)).min(reads.len());
            let block = Block {
                reads: slice(reads, start..end),
                extra: (),
                first_ordinal: start as u64,
                ends_batch: end.is_multiple_of(per_batch),
            };
            start = end;
            Ok(Some(block).filter(|block| !block.reads.is_empty()))
        };
        let mut out = Vec::new();
        let render = |_: &Block<()>, records: Records| text(index, &records);
        let ended = stream.run(source, render, |text: Vec<u8>| {
            out.extend(text);
            Ok(())
        });
        (out, ended)
    }

    /// Aligns batch by batch.
    fn expected(index: &Index, reads: &Reads, per_batch: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for start in (0..reads.len()).step_by(per_batch) {
            let batch = Batch {
                reads: &slice(reads, start..(start + per_batch).min(reads.len())),
                paired: true,
                first_ordinal: start as u64,
                read_group: None,
            };
            let monitor = Monitor::default();
            let records = crate::align(index, &Options::default(), &batch, &monitor).unwrap();
            out.extend(text(index, &records));
        }
        out
    }

    #[test]
    fn a_stream_gives_what_its_batches_give() {
        let reference = codes(1, 20_000);
        let index = index_of(&[&reference]);
        let reads = reads(&reference, None);
        for per_batch in [2 * PAIRS, 1000, 66] {
            let expected = expected(&index, &reads, per_batch);
            for threads in [1, 3] {
                let (found, ended) = streamed(&index, &reads, (threads, per_batch));
                assert_eq!(ended, Ok(()));
                assert!(
                    found == expected,
                    "{threads} threads, batches of {per_batch}"
                );
            }
        }
    }

    #[test]
    fn what_comes_before_a_wrong_batch_is_handed_out() {
        let reference = codes(2, 20_000);
        let index = index_of(&[&reference]);
        let wrong = reads(&reference, Some(700));
        let good = expected(&index, &reads(&reference, None), 1000);
        for threads in [1, 2] {
            let (found, ended) = streamed(&index, &wrong, (threads, 1000));
            assert!(
                matches!(ended, Err(Error::MateNames { number: 1402, .. })),
                "{ended:?}"
            );
            let lines = |text: &[u8]| text.iter().filter(|&&byte| byte == b'\n').count();
            assert_eq!(lines(&found), 1000);
            assert!(good.starts_with(&found));
        }
    }

    #[test]
    fn an_error_of_the_sink_ends_the_stream() {
        let reference = codes(3, 20_000);
        let index = index_of(&[&reference]);
        let reads = reads(&reference, None);
        let options = Options::default();
        let stream = Stream {
            index: &index,
            options: &options,
            threads: 2,
            paired: true,
            read_group: None,
            waiting_bases: 1,
        };
        let source = || {
            Ok(Some(Block {
                reads: slice(&reads, 0..64),
                ends_batch: true,
                ..Block::default()
            }))
        };
        let ended = stream.run(source, |_: &Block<()>, _| (), |()| Err(Error::Cancelled));
        assert_eq!(ended, Err(Error::Cancelled));
    }
}
