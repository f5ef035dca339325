//! A batch from reads to records, in parallel and independent of the number of threads.

use crate::alignment::Alignment;
use crate::chain::{ChainFilter, Chainer};
use crate::context::Context;
use crate::dedup::dedup;
use crate::extend::ChainExtender;
use crate::final_alignment::Tracer;
use crate::insert_size::{Orientations, countable};
use crate::local::LocalAligner;
use crate::mark::{Marker, prefer_five_prime};
use crate::mate_rescue::MateRescuer;
use crate::pair::Pairer;
use crate::record::Input;
use crate::report::Reporter;
use crate::smem::Seeder;
use crate::{Error, Index, Options};
use genome::base;
use genome::monitor::Monitor;
use genome::reads::Reads;
use genome::record::Records;
use rayon::prelude::*;

/// Reads that one thread takes at a time, even.
const READS_PER_BLOCK: usize = 512;
/// Longest read: scores stay within 32 bits.
const LONGEST_READ: usize = 1 << 20;
/// Longest name of a BAM record.
const LONGEST_NAME: usize = 254;

/// Reads that are aligned together: their insert sizes are estimated from them alone.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// The reads; of pairs, the two ends are neighbours.
    pub reads: &'a Reads,
    /// Whether the reads are pairs.
    pub paired: bool,
    /// Ordinal in its lane of the first read; decides between equals.
    pub first_ordinal: u64,
    /// Value of the RG tag.
    pub read_group: Option<&'a str>,
}

/// Aligns a batch as `bwa mem` does, in the current rayon pool.
///
/// Records come read by read, the main one of each read first, then split and secondary ones.
///
/// # Errors
/// If an option or a read is out of bounds, mates have different names, or the monitor says stop.
pub fn align(
    index: &Index,
    options: &Options,
    batch: &Batch<'_>,
    monitor: &Monitor,
) -> Result<Records, Error> {
    options.validate()?;
    check(batch)?;
    let context = Context::new(index, options);
    let found = find_all(&context, batch, monitor)?;
    let orientations = if batch.paired {
        orientations(&context, batch, &found)
    } else {
        Orientations::default()
    };
    report_all(&context, batch, (&found, &orientations), monitor)
}

/// The alignments of a block of reads.
#[derive(Debug, Default)]
struct Found {
    alignments: Vec<Alignment>,
    /// One past the last alignment of each read.
    ends: Vec<usize>,
}

impl Found {
    fn of(&self, read: usize) -> &[Alignment] {
        let start = read.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.alignments[start..self.ends[read]]
    }
}

/// Memory of the stages that look at one read.
#[derive(Debug, Default)]
struct Finder {
    codes: Vec<u8>,
    seeder: Seeder,
    chainer: Chainer,
    filter: ChainFilter,
    local: LocalAligner,
    extender: ChainExtender,
    tracer: Tracer,
    alignments: Vec<Alignment>,
}

impl Finder {
    /// Seed → chain → filter → extend → dedup.
    fn find(&mut self, context: &Context<'_>, bases: &[u8]) -> &[Alignment] {
        encode(bases, &mut self.codes);
        let (read, chainer) = (&self.codes, &mut self.chainer);
        self.alignments.clear();
        self.seeder.collect(&context.fm, context.options, read);
        chainer.build(context, &self.seeder.smems, read.len());
        self.filter.filter_chains(context, chainer);
        self.filter
            .filter_anchors(context, chainer, read, &mut self.local);
        for chain in &chainer.chains {
            self.extender.extend_chain(
                context,
                read,
                (chain, &chainer.anchors[chain.range()]),
                chainer.repeat_fraction,
                &mut self.alignments,
            );
        }
        let joining = (read.as_slice(), &mut self.tracer);
        dedup(context, &mut self.alignments, Some(joining));
        for alignment in &mut self.alignments {
            alignment.is_alternate = context.is_alternate(alignment.contig);
        }
        &self.alignments
    }
}

/// Aligns every read for itself.
fn find_all(
    context: &Context<'_>,
    batch: &Batch<'_>,
    monitor: &Monitor,
) -> Result<Vec<Found>, Error> {
    blocks(batch)
        .into_par_iter()
        .map_init(Finder::default, |finder, block| {
            if monitor.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let mut found = Found::default();
            for read in block {
                let alignments = finder.find(context, batch.reads.get(read).bases);
                found.alignments.extend_from_slice(alignments);
                found.ends.push(found.alignments.len());
            }
            Ok(found)
        })
        .collect()
}

fn orientations(context: &Context<'_>, batch: &Batch<'_>, found: &[Found]) -> Orientations {
    if let Some(given) = context.options.insert_size {
        return Orientations::given(given);
    }
    let mut distances: [Vec<i64>; 4] = Default::default();
    for (found, block) in found.iter().zip(blocks(batch)) {
        for first in (0..block.len()).step_by(2) {
            let counted = countable(context, found.of(first), found.of(first + 1));
            if let Some((orientation, distance)) = counted {
                distances[orientation].push(distance);
            }
        }
    }
    Orientations::estimate(&mut distances)
}

/// Memory of the stages that look at a pair.
#[derive(Debug, Default)]
struct PairReporter {
    codes: [Vec<u8>; 2],
    ends: [Vec<Alignment>; 2],
    rescuer: MateRescuer,
    marker: Marker,
    pairer: Pairer,
    reporter: Reporter,
}

fn report_all(
    context: &Context<'_>,
    batch: &Batch<'_>,
    (found, orientations): (&[Found], &Orientations),
    monitor: &Monitor,
) -> Result<Records, Error> {
    let parts: Vec<Records> = blocks(batch)
        .into_par_iter()
        .zip(found)
        .map_init(PairReporter::default, |reporter, (block, found)| {
            if monitor.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let mut records = Records::default();
            let step = if batch.paired { 2 } else { 1 };
            for at in (0..block.len()).step_by(step) {
                let read = block.start + at;
                if batch.paired {
                    let ends = [found.of(at), found.of(at + 1)];
                    reporter.pair(context, batch, orientations, (read, ends), &mut records);
                } else {
                    reporter.single(context, batch, (read, found.of(at)), &mut records);
                }
            }
            let bases = block
                .clone()
                .map(|read| batch.reads.get(read).bases.len() as u64);
            monitor.add(block.len() as u64, bases.sum());
            Ok(records)
        })
        .collect::<Result<_, _>>()?;
    let mut records = Records::default();
    for part in parts {
        records.append(&part, 0);
    }
    Ok(records)
}

impl PairReporter {
    /// Mark → emit.
    fn single(
        &mut self,
        context: &Context<'_>,
        batch: &Batch<'_>,
        (read, alignments): (usize, &[Alignment]),
        records: &mut Records,
    ) {
        self.load(batch, 0, read, alignments);
        let all = &mut self.ends[0];
        self.marker
            .mark(context, all, batch.first_ordinal + read as u64);
        if context.options.five_prime_primary {
            prefer_five_prime(context, all);
        }
        let input = input(batch, read, &self.codes[0]);
        self.reporter.report_single(context, &input, all, records);
    }

    /// Rescue → mark → pair → emit.
    fn pair(
        &mut self,
        context: &Context<'_>,
        batch: &Batch<'_>,
        orientations: &Orientations,
        (read, alignments): (usize, [&[Alignment]; 2]),
        records: &mut Records,
    ) {
        for end in 0..2 {
            self.load(batch, end, read + end, alignments[end]);
        }
        let [first, second] = &self.codes;
        let ends = &mut self.ends;
        if !context.options.skip_mate_rescue {
            let codes = [first.as_slice(), second.as_slice()];
            self.rescuer.rescue_pair(context, orientations, codes, ends);
        }
        let id = (batch.first_ordinal >> 1) + (read as u64 >> 1);
        let mut ordinary = [0; 2];
        for (end, number) in ends.iter_mut().zip(0..) {
            ordinary[number as usize] = self.marker.mark(context, end, id << 1 | number);
            if context.options.five_prime_primary {
                prefer_five_prime(context, end);
            }
        }
        let inputs = [input(batch, read, first), input(batch, read + 1, second)];
        match self
            .pairer
            .choose(context, orientations, ends, (ordinary, id))
        {
            Some(choice) => {
                let choice = (ordinary, &choice);
                self.reporter
                    .report_pair(context, &inputs, ends, choice, records);
            }
            None => {
                self.reporter
                    .report_unpaired(context, orientations, &inputs, ends, records);
            }
        }
    }

    fn load(&mut self, batch: &Batch<'_>, end: usize, read: usize, alignments: &[Alignment]) {
        encode(batch.reads.get(read).bases, &mut self.codes[end]);
        self.ends[end].clear();
        self.ends[end].extend_from_slice(alignments);
    }
}

fn input<'a>(batch: &Batch<'a>, read: usize, codes: &'a [u8]) -> Input<'a> {
    Input {
        index: read as u32,
        read: batch.reads.get(read),
        codes,
        read_group: batch.read_group,
    }
}

fn encode(bases: &[u8], codes: &mut Vec<u8>) {
    codes.clear();
    codes.extend(bases.iter().map(|&letter| base::code(letter)));
}

fn blocks(batch: &Batch<'_>) -> Vec<std::ops::Range<usize>> {
    let count = batch.reads.len();
    let block = |start: usize| start..(start + READS_PER_BLOCK).min(count);
    (0..count).step_by(READS_PER_BLOCK).map(block).collect()
}

fn check(batch: &Batch<'_>) -> Result<(), Error> {
    if batch.paired && !batch.reads.len().is_multiple_of(2) {
        return Err(Error::OddBatch {
            reads: batch.reads.len(),
        });
    }
    let mut first_name: &[u8] = &[];
    for (read, at) in batch.reads.iter().zip(0u64..) {
        let number = batch.first_ordinal + at + 1;
        let (bytes, bases) = (read.name.len(), read.bases.len());
        if !(1..=LONGEST_NAME).contains(&bytes) {
            return Err(Error::NameLength { number, bytes });
        }
        if bases > LONGEST_READ {
            return Err(Error::ReadTooLong {
                number,
                bases,
                limit: LONGEST_READ,
            });
        }
        if batch.paired && at % 2 == 1 && first_name != read.name {
            let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
            return Err(Error::MateNames {
                number,
                first: text(first_name),
                second: text(read.name),
            });
        }
        first_name = read.name;
    }
    Ok(())
}
