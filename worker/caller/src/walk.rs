//! From sorted records to outputs: a window of reads slides over the walked regions.

use crate::downsample;
use crate::filter::is_evidence;
use crate::gvcf::{Combiner, Swallowed};
use crate::indel::Letters;
use crate::letters::Window;
use crate::mates::correct_overlap;
use crate::options::Options;
use crate::read::{AlignedRead, DELETED, UNUSED};
use crate::reference_model::{
    Confidence, DELETION_QUALITY, Element, LARGEST_INDEL, Model, informative_for_indels,
};
use crate::scope::Scope;
use crate::site::{self, Candidates, Column};
use crate::summary::Summary;
use crate::{Error, Output};
use genome::base;
use genome::monitor::Monitor;
use genome::record::{RecordView, Records};
use genome::reference::Reference;
use genome::region::{ContigId, Region};

/// Columns between two looks at the monitor.
const COLUMNS_PER_POLL: u64 = 1 << 14;

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
    letters: Window<'a>,
    model: Model,
    combiner: Combiner<'a>,
    swallowed: Swallowed,
    summary: Summary,
    /// Index of the walked region that holds the next column, and that column.
    region: usize,
    next: u64,
    window: Vec<AlignedRead>,
    /// Records that start at the same position, not yet laid out.
    group: Records,
    group_start: (ContigId, u64),
    columns: u64,
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
        Ok(Self {
            options,
            scope,
            monitor,
            sink,
            letters: Window::new(reference),
            model: Model::default(),
            combiner: Combiner::new(options),
            swallowed: Swallowed::default(),
            summary: Summary::default(),
            region: 0,
            next: scope.walked().first().map_or(0, |region| region.start),
            window: Vec::new(),
            group: Records::default(),
            group_start: (ContigId(0), 0),
            columns: 0,
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
        let start = (contig, u64::from(position));
        if start < self.group_start {
            let name = String::from_utf8_lossy(record.name()).into_owned();
            return Err(Error::Unsorted { name });
        }
        if start > self.group_start {
            self.take_group()?;
            self.group_start = start;
            self.walk_to(start)?;
        }
        let Some(region) = self.scope.walked().get(self.region) else {
            return Ok(Flow::Done);
        };
        let reaches =
            (contig, u64::from(record.end().unwrap_or(position))) > (region.contig, self.next);
        if reaches && is_evidence(&record, self.options) {
            self.group.push_view(0, record);
        }
        Ok(Flow::More)
    }

    /// Ends the walk: what no record reached is done as well.
    ///
    /// # Errors
    /// As [`Walk::push`].
    pub fn finish(mut self) -> Result<Summary, Error<E>> {
        self.take_group()?;
        self.walk_to((ContigId(u32::MAX), u64::MAX))?;
        if let Some(block) = self.combiner.close() {
            self.emit(Output::Block(block))?;
        }
        Ok(self.summary)
    }

    /// Lays out the records of the present start.
    fn take_group(&mut self) -> Result<(), Error<E>> {
        if self.group.is_empty() {
            return Ok(());
        }
        let (contig, start) = self.group_start;
        self.letters.slide_to(contig, start);
        let group = std::mem::take(&mut self.group);
        let mut bases = 0;
        for index in downsample::chosen(group.iter(), self.options.reads_per_start) {
            let record = group.get(index);
            bases += record.base_count() as u64;
            self.add(AlignedRead::new(&record, &self.letters));
        }
        self.monitor.add(group.len() as u64, bases);
        self.group = group;
        self.group.clear();
        Ok(())
    }

    fn add(&mut self, mut read: AlignedRead) {
        if self.options.is_gvcf() {
            read.shows_no_indel = self.shows_no_indel(&read);
        }
        if read.may_meet_mate {
            let is_mate = |other: &&mut AlignedRead| other.may_meet_mate && other.name == read.name;
            if let Some(mate) = self.window.iter_mut().find(is_mate) {
                correct_overlap(mate, &mut read);
            }
        }
        self.window.push(read);
    }

    fn shows_no_indel(&self, read: &AlignedRead) -> Vec<bool> {
        let mut letters = Vec::with_capacity(read.cells.len());
        let mut qualities = Vec::with_capacity(read.cells.len());
        for cell in &read.cells {
            letters.push(match cell.code {
                DELETED => b'-',
                UNUSED => b'N',
                code => base::LETTERS[usize::from(code)],
            });
            qualities.push(cell.quality);
        }
        let bases = letters.iter().filter(|&&letter| letter != b'-').count();
        let reach = read.end() + 10 * LARGEST_INDEL as u64;
        let reference = self.letters.slice(read.start, reach);
        informative_for_indels(&letters, &qualities, reference, bases)
    }

    /// Does all columns before a place.
    fn walk_to(&mut self, (contig, position): (ContigId, u64)) -> Result<(), Error<E>> {
        while let Some(&region) = self.scope.walked().get(self.region) {
            let end = match region.contig.cmp(&contig) {
                std::cmp::Ordering::Less => region.end,
                std::cmp::Ordering::Equal => region.end.min(position),
                std::cmp::Ordering::Greater => return Ok(()),
            };
            self.walk_within(region.contig, end)?;
            if end < region.end {
                return Ok(());
            }
            self.region += 1;
            self.next = self
                .scope
                .walked()
                .get(self.region)
                .map_or(0, |next| next.start);
            if self
                .scope
                .walked()
                .get(self.region)
                .is_none_or(|next| next.contig != region.contig)
            {
                self.window.clear();
            }
        }
        Ok(())
    }

    fn walk_within(&mut self, contig: ContigId, end: u64) -> Result<(), Error<E>> {
        while self.next < end {
            let position = self.next;
            self.window.retain(|read| read.end() > position);
            self.letters.slide_to(contig, position);
            if self.window.is_empty() {
                self.empty_run(Region::new(contig, position, end))?;
                self.next = end;
                return Ok(());
            }
            self.column(contig, position)?;
            self.next += 1;
            self.columns += 1;
            if self.columns.is_multiple_of(COLUMNS_PER_POLL) && self.monitor.is_cancelled() {
                return Err(Error::Cancelled);
            }
        }
        Ok(())
    }

    fn column(&mut self, contig: ContigId, position: u64) -> Result<(), Error<E>> {
        let covering = covering(&self.window, position, self.options.maximum_depth);
        let column = Column {
            reads: &self.window,
            covering: &covering,
            position,
        };
        let candidates = Candidates::find(&column, &self.letters, self.options);
        if !candidates.alleles.is_empty() {
            let site = site::gather(&column, candidates, &self.letters, self.options);
            let place = (contig, position);
            if let Some(call) = site::decide(site, place, &self.letters, self.options) {
                self.swallowed.note(contig, call.end());
                if self.scope.owns(contig, position) {
                    return self.emit(Output::Call(Box::new(call)));
                }
                return Ok(());
            }
        }
        if !self.options.is_gvcf() {
            return Ok(());
        }
        let confidence = confidence(&self.model, &column, &self.letters);
        self.reference(Region::new(contig, position, position + 1), confidence)
    }

    /// Adds a run of positions without any read, less what a deletion covers.
    fn empty_run(&mut self, run: Region) -> Result<(), Error<E>> {
        if !self.options.is_gvcf() {
            return Ok(());
        }
        let mut start = run.start;
        while start < run.end && self.is_hidden(run.contig, start) {
            start += 1;
        }
        if start == run.end {
            return Ok(());
        }
        self.letters.slide_to(run.contig, start);
        let rest = Region::new(run.contig, start, run.end);
        self.reference(rest, Confidence::default())
    }

    fn is_hidden(&self, contig: ContigId, position: u64) -> bool {
        self.swallowed.covers(contig, position) || !self.scope.owns(contig, position)
    }

    /// Adds a run of equal confidence whose first position decides whether it is written.
    fn reference(&mut self, run: Region, confidence: Confidence) -> Result<(), Error<E>> {
        if self.is_hidden(run.contig, run.start) {
            return Ok(());
        }
        let first_base = self.letters.letter(run.start);
        match self.combiner.add(run, first_base, confidence) {
            Some(block) => self.emit(Output::Block(block)),
            None => Ok(()),
        }
    }

    fn emit(&mut self, output: Output) -> Result<(), Error<E>> {
        if let Output::Call(call) = &output {
            self.summary.count(call);
            if let Some(block) = self.combiner.close() {
                (self.sink)(Output::Block(block)).map_err(Error::Sink)?;
            }
        }
        (self.sink)(output).map_err(Error::Sink)
    }
}

/// Returns the reads that cover a position, at most so many, those of lowest rank.
fn covering(window: &[AlignedRead], position: u64, limit: usize) -> Vec<u32> {
    let covers = |read: &AlignedRead| {
        (read.start..read.end()).contains(&position) && read.cell(position).code != UNUSED
    };
    let all = (0u32..).zip(window).filter(|(_, read)| covers(read));
    let mut indices: Vec<u32> = all.map(|(index, _)| index).collect();
    if indices.len() > limit {
        indices.sort_by_key(|&index| (window[index as usize].rank, index));
        indices.truncate(limit);
        indices.sort_unstable();
    }
    indices
}

fn confidence(model: &Model, column: &Column<'_>, letters: &impl Letters) -> Confidence {
    let position = column.position;
    let reference = base::code(letters.letter(position));
    model.confidence(column.iter().map(|read| {
        let cell = read.cell(position);
        let is_deleted = cell.code == DELETED;
        let offset = (position - read.start) as usize;
        let shows_no_indel = read.shows_no_indel.get(offset) == Some(&true);
        Element {
            quality: if is_deleted {
                DELETION_QUALITY
            } else {
                cell.quality
            },
            is_other: cell.code != reference,
            shows_no_indel: shows_no_indel && !is_deleted && read.indel_at(position).is_none(),
        }
    }))
}
