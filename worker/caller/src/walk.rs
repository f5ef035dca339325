//! From sorted records to outputs: reads in, regions called in parallel, answers out in order.

use crate::draws::Draws;
use crate::genotyping::UpstreamDeletions;
use crate::gvcf::RegionWriter;
use crate::intake::{Intake, READ_PADDING_BP};
use crate::options::Options;
use crate::region_caller::RegionCaller;
use crate::region_calls::{RegionCalls, RegionRecord};
use crate::region_read::RegionRead;
use crate::scope::Scope;
use crate::summary::Summary;
use crate::traversal::{RawRegion, Route, Traversal};
use crate::{Error, Output};
use genome::monitor::Monitor;
use genome::record::RecordView;
use genome::reference::Reference;
use genome::region::{ContigId, Region, merge};
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

/// Regions are called together when they hold this many reads, or when there are so many.
const READS_PER_BATCH: usize = 1 << 15;
const REGIONS_PER_BATCH: usize = 512;

/// Whether more records are of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    More,
    /// All owned positions are done.
    Done,
}

/// A call in progress: takes records in the order of their positions, gives outputs in order.
#[derive(Debug)]
pub struct Walk<'a, S> {
    options: &'a Options,
    scope: &'a Scope,
    monitor: &'a Monitor,
    sink: S,
    intake: Intake<'a>,
    draws: Draws,
    traversal: Traversal<'a>,
    callers: Callers<'a>,
    deletions: UpstreamDeletions,
    writer: RegionWriter<'a>,
    summary: Summary,
    /// The place of the last record.
    place: (ContigId, u64),
    /// Reads that start at the same position, not yet handed on.
    group: Vec<RegionRead>,
    /// Complete regions, not yet called.
    batch: Vec<RawRegion>,
}

impl<'a, S, E> Walk<'a, S>
where
    S: FnMut(Output) -> Result<(), E>,
    E: std::error::Error + 'static,
{
    /// Starts before the first walked region.
    ///
    /// # Errors
    /// [`Error::Options`] if the options cannot be followed.
    pub fn new(
        reference: &'a Reference<'a>,
        scope: &'a Scope,
        options: &'a Options,
        monitor: &'a Monitor,
        sink: S,
    ) -> Result<Self, Error<E>> {
        options.check()?;
        let route = Route {
            walked: scope.walked(),
            grid: (!options.gatk_random).then(|| scope.grid()),
        };
        let length = |region: &Region| reference.dictionary().contig(region.contig).length;
        let padded = |region: &Region| region.padded(READ_PADDING_BP, length(region));
        let wanted = merge(scope.walked().iter().map(padded).collect());
        Ok(Self {
            options,
            scope,
            monitor,
            sink,
            intake: Intake::new(options, wanted),
            draws: Draws::new(options),
            traversal: Traversal::new(reference, route, options),
            callers: Callers::new(reference, options),
            deletions: UpstreamDeletions::default(),
            writer: RegionWriter::new(options),
            summary: Summary::default(),
            place: (ContigId(0), 0),
            group: Vec::new(),
            batch: Vec::new(),
        })
    }

    /// Takes the next record; those that are no evidence are left out.
    ///
    /// # Errors
    /// [`Error::Unsorted`] for a record that starts before another one already taken;
    /// [`Error::Sink`] and [`Error::Cancelled`] as they come.
    pub fn push(&mut self, record: RecordView<'_>) -> Result<Flow, Error<E>> {
        let (Some(contig), Some(position)) = (record.contig(), record.position()) else {
            return Ok(Flow::More);
        };
        let place = (contig, u64::from(position));
        if place < self.place {
            let name = String::from_utf8_lossy(record.name()).into_owned();
            return Err(Error::Unsorted { name });
        }
        self.place = place;
        let Some(read) = self.intake.read(&record) else {
            return Ok(Flow::More);
        };
        let is_other = |first: &RegionRead| (first.head.contig, first.start) != place;
        if self.group.first().is_some_and(is_other) {
            self.take_group()?;
        }
        self.monitor.add(1, read.len() as u64);
        self.group.push(read);
        Ok(if self.traversal.is_done() {
            Flow::Done
        } else {
            Flow::More
        })
    }

    /// Ends the walk: what no record reached is done as well.
    ///
    /// # Errors
    /// As [`Walk::push`].
    pub fn finish(mut self) -> Result<Summary, Error<E>> {
        self.take_group()?;
        self.traversal.walk_to(ContigId(u32::MAX), 0);
        self.batch.extend(self.traversal.ready().drain(..));
        self.call(self.batch.len())?;
        let mut outputs = Vec::new();
        self.writer.close(&mut outputs);
        self.hand_on(outputs)?;
        Ok(self.summary)
    }

    /// Hands on the reads of one start, when all before it is walked.
    fn take_group(&mut self) -> Result<(), Error<E>> {
        let Some(first) = self.group.first() else {
            return Ok(());
        };
        let (contig, start) = (first.head.contig, first.start);
        let walked = self.draws.walked_before(contig, start);
        let end = match walked {
            Some(end) if end == start => end,
            Some(last) => self.traversal.last_at(contig, last).unwrap_or(0),
            None => 0,
        };
        self.traversal.walk_to(contig, end);
        self.batch.extend(self.traversal.ready().drain(..));
        let limit = self.options.reads_per_start;
        if self.draws.needs_draw(self.group.len(), limit) {
            let is_held = |last: &RawRegion| last.span.contig == contig;
            let held = usize::from(self.batch.last().is_some_and(is_held));
            self.call(self.batch.len() - held)?;
        } else if self.is_full() {
            self.call(self.batch.len() - 1)?;
        }
        self.draws.downsample(&mut self.group, limit);
        for read in self.group.drain(..) {
            self.traversal.add(read);
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        let reads = self.batch.iter().map(|region| region.reads.len());
        self.batch.len() >= REGIONS_PER_BATCH || reads.sum::<usize>() >= READS_PER_BATCH
    }

    /// Calls the first regions of the batch, and writes what they give in their order.
    fn call(&mut self, count: usize) -> Result<(), Error<E>> {
        if self.monitor.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let regions: Vec<RawRegion> = self.batch.drain(..count).collect();
        let callers = &self.callers;
        let answers: Vec<(RegionCalls, UpstreamDeletions)> = regions
            .par_iter()
            .map(|region| {
                let mut deletions = UpstreamDeletions::default();
                (callers.call(region, &mut deletions), deletions)
            })
            .collect();
        for (region, (calls, deletions)) in regions.iter().zip(answers) {
            let span = region.span;
            let calls = if self.deletions.reach(span.contig, span.start) && region.is_active {
                self.callers.call(region, &mut self.deletions)
            } else {
                self.deletions.follow(deletions);
                calls
            };
            self.write(region, calls)?;
        }
        Ok(())
    }

    fn write(&mut self, region: &RawRegion, calls: RegionCalls) -> Result<(), Error<E>> {
        let contig = region.span.contig;
        let mut outputs = Vec::new();
        for mut record in calls.records {
            if let RegionRecord::Call(call) = &mut record
                && let Some(raw) = call.annotations.quality_by_depth
            {
                let drawn = self.draws.quality_by_depth(raw, contig, call.position);
                call.annotations.quality_by_depth = Some(drawn);
            }
            if self.scope.owns(contig, record.position()) {
                self.writer.add(contig, record, &mut outputs);
            } else {
                self.writer.skip(contig, &record);
            }
        }
        self.hand_on(outputs)
    }

    fn hand_on(&mut self, outputs: Vec<Output>) -> Result<(), Error<E>> {
        for output in outputs {
            if let Output::Call(call) = &output {
                self.summary.count(call);
            }
            (self.sink)(output).map_err(Error::Sink)?;
        }
        Ok(())
    }
}

/// Region callers, one for each thread that is at work.
#[derive(Debug)]
struct Callers<'a> {
    reference: &'a Reference<'a>,
    options: &'a Options,
    idle: Mutex<Vec<RegionCaller<'a>>>,
}

impl<'a> Callers<'a> {
    const fn new(reference: &'a Reference<'a>, options: &'a Options) -> Self {
        Self {
            reference,
            options,
            idle: Mutex::new(Vec::new()),
        }
    }

    fn call(&self, region: &RawRegion, deletions: &mut UpstreamDeletions) -> RegionCalls {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let mut caller = kept.unwrap_or_else(|| RegionCaller::new(self.reference, self.options));
        let calls = caller.call_region(region, deletions);
        idle().push(caller);
        calls
    }
}
