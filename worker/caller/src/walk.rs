//! From sorted records to outputs: reads in, regions called on other threads, answers out in order.

use crate::draws::Draws;
use crate::flight::Flight;
use crate::genotyping::UpstreamDeletions;
use crate::gvcf::RegionWriter;
use crate::intake::{Intake, READ_PADDING_BP};
use crate::options::Options;
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
use rayon::ScopeFifo;

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
pub struct Walk<'s, 'a, S> {
    options: &'a Options,
    scope: &'a Scope,
    monitor: &'a Monitor,
    sink: S,
    intake: Intake<'a>,
    draws: Draws,
    traversal: Traversal<'a>,
    flight: Flight<'s, 'a>,
    deletions: UpstreamDeletions,
    writer: RegionWriter<'a>,
    summary: Summary,
    /// The place of the last record.
    place: (ContigId, u64),
    /// Reads that start at the same position, not yet handed on.
    group: Vec<RegionRead>,
}

impl<'s, 'a, S, E> Walk<'s, 'a, S>
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
        (tasks, sink): (&'s ScopeFifo<'a>, S),
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
            flight: Flight::new(tasks, reference, options),
            deletions: UpstreamDeletions::default(),
            writer: RegionWriter::new(options),
            summary: Summary::default(),
            place: (ContigId(0), 0),
            group: Vec::new(),
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
        self.launch()?;
        self.write_down_to(0)?;
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
        self.launch()?;
        let limit = self.options.reads_per_start;
        if self.draws.needs_draw(self.group.len(), limit) {
            let is_held = |last: &RawRegion| last.span.contig == contig;
            let held = usize::from(self.flight.last().is_some_and(is_held));
            self.write_down_to(held)?;
        }
        self.draws.downsample(&mut self.group, limit);
        for read in self.group.drain(..) {
            self.traversal.add(read);
        }
        Ok(())
    }

    /// Sends off the regions that are complete, and writes those that came back.
    fn launch(&mut self) -> Result<(), Error<E>> {
        if self.traversal.ready().is_empty() {
            return Ok(());
        }
        if self.monitor.is_cancelled() {
            return Err(Error::Cancelled);
        }
        while let Some(region) = self.traversal.ready().pop_front() {
            self.flight.launch(region);
            // The last one stays: what is drawn before the next one comes is drawn before it.
            while self.flight.len() > 1 && self.write_next(self.flight.is_full())? {}
        }
        Ok(())
    }

    /// Writes the answers of all but so many regions.
    fn write_down_to(&mut self, left: usize) -> Result<(), Error<E>> {
        while self.flight.len() > left {
            self.write_next(true)?;
        }
        Ok(())
    }

    /// Writes the next region; false if its answer is not there, and is not waited for.
    fn write_next(&mut self, waits: bool) -> Result<bool, Error<E>> {
        let Some((region, (calls, deletions))) = self.flight.take(waits) else {
            return Ok(false);
        };
        let span = region.span;
        let calls = if self.deletions.reach(span.contig, span.start) && region.is_active {
            self.flight.call(&region, &mut self.deletions)
        } else {
            self.deletions.follow(deletions);
            calls
        };
        self.write(&region, calls)?;
        Ok(true)
    }

    fn write(&mut self, region: &RawRegion, calls: RegionCalls) -> Result<(), Error<E>> {
        let contig = region.span.contig;
        let mut outputs = Vec::new();
        if let Some(realigned) = calls.realigned
            && self.scope.owns(contig, realigned.called_span.start)
        {
            self.hand_on(vec![Output::Realigned(realigned)])?;
        }
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
