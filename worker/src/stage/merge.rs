//! The stage that merges the runs' slices of a partition into a sorted, marked BAM part, and
//! counts what recalibration and metrics want to know.

use std::io::Write;

use common::failure::{Failure, FailureClass};
use common::location::Location;
use common::task::ObjectRef;
use genome::order::Place;
use genome::record::RecordView;
use genome::region::Region;
use reads::covariates::{self, Counter, KnownSites, ReadGroupKeys, Scope};
use reads::duplicates::{DuplicateMetrics, PlaceReader};
use reads::merge::{Merged, merge_records};
use reads::metrics::QualityMetrics;
use reads::qc::Collector;
use reads::run::{self, Kind, RecordReader};

use super::lanes::Lanes;
use super::{Context, Finished, intervals, merged, sections};
use crate::error::storage;
use crate::formats::bam::{IndexError, PartError};
use crate::formats::vcf;

/// Role of the part among the outputs; `merged` says what it is.
pub const PART: &str = "bam";

/// Role of the part's index.
pub const PART_INDEX: &str = "bam-index";

/// Role of the recalibration counts.
pub const COUNTS: &str = "counts";

/// Role of the quality metrics.
pub const METRICS: &str = "metrics";

/// Role of the counts that Picard's metrics are made of.
pub const QC: &str = "qc";

/// Role of the coverage of the part.
pub const DEPTH: &str = "depth";

/// Role of the counts of marked reads by library.
pub const MARKED: &str = "marked";

/// Known sites so far beyond a partition may still lie under its reads.
const OVERHANG_BP: u64 = 1 << 16;

/// Merges the partition of the task.
///
/// # Errors
/// What storage answers, or a run that is damaged.
pub fn run(context: &Context<'_>) -> Result<Finished, Failure> {
    let genome = context.genome()?;
    let index = context.index()?;
    let reference = index.reference();
    let lanes = Lanes::of(genome);
    let known_sites = known_sites(context)?;
    let regions = intervals::regions(context, reference.dictionary())?;
    let partitions = context.partitions()?;
    let own = partitions.regions(context.assignment.attempt.task.index);
    let scope = Scope {
        reference: reference.clone(),
        known_sites: &known_sites,
        intervals: regions.as_deref(),
    };
    let mut tally = Tally {
        keys: ReadGroupKeys::new(&lanes.read_groups),
        lanes,
        counter: (!genome.known_sites.is_empty()).then(|| Counter::new(scope)),
        quality: QualityMetrics::default(),
        qc: Collector::new(
            reference.clone(),
            own,
            regions.as_deref().unwrap_or_default(),
        ),
        marked: DuplicateMetrics::default(),
    };
    let mut part = merged::Writer::create(context, PART, reference.dictionary())?;
    merge(context, |place, record| {
        tally.add(&place, &record)?;
        context.monitor.add(1, record.base_count() as u64);
        part.write(&record).map_err(Fault::Part)
    })
    .map_err(failure)?;
    let (part, part_index) = part.finish().map_err(|error| failure(Fault::Part(error)))?;
    let part_index = part_index.encode();
    let part_index = part_index.map_err(|error| failure(Fault::Part(error.into())))?;
    let finished = Finished::default()
        .with(PART, part.commit()?)
        .with(PART_INDEX, store(context, PART_INDEX, &part_index)?);
    tally.store(context, finished)
}

/// What is counted while records pass.
struct Tally<'a> {
    lanes: Lanes,
    keys: ReadGroupKeys,
    counter: Option<Counter<'a>>,
    quality: QualityMetrics,
    qc: Collector<'a>,
    marked: DuplicateMetrics,
}

impl Tally<'_> {
    fn add(&mut self, place: &Place, record: &RecordView<'_>) -> Result<(), Fault> {
        self.quality.add(record);
        self.marked
            .add_record(record.flags(), self.lanes.library(place.lane));
        let read_group = usize::from(self.lanes.read_group(place.lane));
        self.qc.add(record, read_group);
        if let (Some(counter), Some(key)) = (&mut self.counter, self.keys.key(read_group)) {
            counter.count(record, key).map_err(Fault::Count)?;
        }
        Ok(())
    }

    fn store(self, context: &Context<'_>, finished: Finished) -> Result<Finished, Failure> {
        let (mut quality, mut marked) = (Vec::new(), Vec::new());
        let (mut qc, mut depth) = (Vec::new(), Vec::new());
        self.quality.encode(&mut quality);
        let (counts, depths) = self.qc.finish();
        counts.encode(&mut qc);
        depths.encode(&mut depth);
        self.marked.encode(&mut marked);
        let mut finished = finished
            .with(METRICS, store(context, METRICS, &quality)?)
            .with(QC, store(context, QC, &qc)?)
            .with(DEPTH, store(context, DEPTH, &depth)?)
            .with(MARKED, store(context, MARKED, &marked)?);
        if let Some(counter) = self.counter {
            let mut counts = Vec::new();
            counter.finish().encode(&mut counts);
            finished = finished.with(COUNTS, store(context, COUNTS, &counts)?);
        }
        Ok(finished)
    }
}

/// Why records could not be merged.
enum Fault {
    Runs(run::Error),
    Count(covariates::Error),
    Part(PartError),
    Storage(Failure),
}

impl From<run::Error> for Fault {
    fn from(error: run::Error) -> Self {
        Self::Runs(error)
    }
}

fn failure(fault: Fault) -> Failure {
    match fault {
        Fault::Runs(error) => sections::failure(error),
        Fault::Count(error) => Failure::new(FailureClass::InputInvalid, error.to_string()),
        Fault::Part(error) => part_failure(error),
        Fault::Storage(failure) => failure,
    }
}

/// Says what a fault while writing a part means.
pub fn part_failure(error: PartError) -> Failure {
    match error {
        PartError::Io(error) | PartError::Index(IndexError::Io(error)) => storage(&error),
        PartError::Index(error) => Failure::new(FailureClass::Internal, error.to_string()),
    }
}

/// Gives the records of the task's partition, in order, to a sink.
fn merge(
    context: &Context<'_>,
    sink: impl FnMut(Place, RecordView<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let partition = context.assignment.attempt.task.index;
    let runs = sections::runs(context).map_err(Fault::Storage)?;
    let records = runs.readers(context, (partition, Kind::Records), RecordReader::new);
    let records = records.map_err(Fault::Storage)?;
    let buckets = sections::duplicates(context).map_err(Fault::Storage)?;
    let place = |bytes, ()| PlaceReader::new(bytes);
    let places = buckets.readers(context, (partition, Kind::Places), place);
    let places = places.map_err(Fault::Storage)?;
    merge_records(records, Merged::new(places)?, context.monitor, sink)?;
    Ok(())
}

/// Reads the known sites that may lie under the partition's reads.
fn known_sites(context: &Context<'_>) -> Result<KnownSites, Failure> {
    let index = context.index()?;
    let dictionary = index.dictionary();
    let partitions = context.partitions()?;
    let regions = partitions.regions(context.assignment.attempt.task.index);
    let stretch =
        |region: &Region| Region::new(region.contig, region.start, region.end + OVERHANG_BP);
    let stretches: Vec<Region> = regions.iter().map(stretch).collect();
    let mut sites = Vec::new();
    for location in &context.genome()?.known_sites {
        let found = match indexed_sites(context, location, &stretches)? {
            Some(found) => found,
            None => {
                let stream = context.open_input(location, 0)?;
                vcf::known_sites(stream, &location.to_string(), dictionary)?
            }
        };
        let wanted = |site: &Region| stretches.iter().any(|stretch| stretch.overlaps(site));
        sites.extend(found.into_iter().filter(wanted));
    }
    Ok(KnownSites::new(sites))
}

/// Reads the sites of stretches through the file's index; `None` if it has none that can be used.
fn indexed_sites(
    context: &Context<'_>,
    location: &Location,
    stretches: &[Region],
) -> Result<Option<Vec<Region>>, Failure> {
    let modified_ns = context.inputs.modified_ns(location)?;
    for ending in vcf::INDEX_ENDINGS {
        let beside = location.with_ending(ending);
        // An index that is older than its file may be that of another one.
        let indexed_ns = context.inputs.modified_ns(&beside)?;
        if indexed_ns.is_none() || indexed_ns < modified_ns {
            continue;
        }
        let file = context.local_input(location)?;
        let index = context.local_input(&beside)?;
        match vcf::known_sites_within(&file, &index, context.index()?.dictionary(), stretches) {
            Ok(found) => return Ok(Some(found)),
            Err(fault) => tracing::debug!(index = %beside, %fault, "the whole file is read"),
        }
    }
    Ok(None)
}

fn store(context: &Context<'_>, role: &str, bytes: &[u8]) -> Result<ObjectRef, Failure> {
    let mut out = context.create(role)?;
    out.write_all(bytes).map_err(|fault| storage(&fault))?;
    out.commit()
}
