//! The records of a region out of merged parts, with recalibrated qualities where there is a table.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::vec;

use common::failure::Failure;
use common::task::{Manifest, ObjectRef, Stage};
use genome::dictionary::Dictionary;
use genome::partition::Partitions;
use genome::record::{OwnedRecord, RecordView};
use genome::region::{ContigId, Region};
use reads::covariates::ReadGroupKeys;
use reads::recalibration::{Outcome, Recalibrator};

use super::super::{Context, merge, merged, recalibrate, sections};
use crate::error::{self, storage};
use crate::formats::bam::{Index, IndexFormat, ReadError};

/// A recalibration table made ready for the read groups of a genome.
pub struct Recalibration {
    keys: ReadGroupKeys,
    recalibrator: Arc<Recalibrator>,
    qualities: Vec<u8>,
    bytes: Vec<u8>,
}

impl Recalibration {
    /// Reads the table of the genome; `None` if it has none.
    ///
    /// # Errors
    /// [`common::failure::FailureClass::IntermediateLost`] if the table is gone or damaged.
    pub fn open(context: &Context<'_>) -> Result<Option<Self>, Failure> {
        let ready = recalibrate::recalibrator(context)?;
        let with_buffer = |(keys, recalibrator)| Self {
            keys,
            recalibrator,
            qualities: Vec::new(),
            bytes: Vec::new(),
        };
        Ok(ready.map(with_buffer))
    }

    /// Returns the record with its new qualities.
    ///
    /// # Errors
    /// [`common::failure::FailureClass::InputInvalid`] for a record that GATK refuses too.
    pub fn apply(&mut self, record: &RecordView<'_>) -> Result<RecordView<'_>, Failure> {
        let key = self.keys.key_of(record);
        let applied = self
            .recalibrator
            .recalibrate(record, key, &mut self.qualities);
        let outcome = applied.map_err(|fault| {
            let name = String::from_utf8_lossy(record.name());
            Failure::input(name, fault.to_string())
        })?;
        self.bytes.clear();
        self.bytes.extend_from_slice(record.bytes());
        if outcome == Outcome::Recalibrated {
            let start = record.qualities_start();
            self.bytes[start..start + self.qualities.len()].copy_from_slice(&self.qualities);
        }
        Ok(RecordView::trusted(&self.bytes))
    }
}

/// Records that overlap regions, in order, from one part after the other.
pub struct Records<'a> {
    context: &'a Context<'a>,
    evidence: Vec<Region>,
    parts: vec::IntoIter<Slice>,
    open: Option<(merged::Reader, Place)>,
    recalibration: Option<Recalibration>,
}

impl<'a> Records<'a> {
    /// Finds where the records that overlap `evidence` (sorted, disjoint) lie.
    ///
    /// # Errors
    /// [`common::failure::FailureClass::IntermediateLost`] if a part is gone or damaged.
    pub fn open(
        context: &'a Context<'a>,
        evidence: Vec<Region>,
        dictionary: &Dictionary,
        partitions: &Partitions,
    ) -> Result<Self, Failure> {
        let manifests = context.upstream(Stage::Merge)?;
        let mut parts = Vec::new();
        for manifest in &manifests {
            let regions = partitions.regions(manifest.attempt.task.index);
            let wanted: Vec<Region> = regions
                .iter()
                .flat_map(|region| {
                    evidence
                        .iter()
                        .filter_map(|wanted| region.intersection(wanted))
                })
                .collect();
            if !wanted.is_empty() {
                parts.extend(slice(context, manifest, &wanted, dictionary)?);
            }
        }
        Ok(Self {
            context,
            evidence,
            parts: parts.into_iter(),
            open: None,
            recalibration: Recalibration::open(context)?,
        })
    }

    fn next_record(&mut self) -> Result<Option<OwnedRecord>, Failure> {
        loop {
            if self.open.is_none() {
                let Some(Slice { part, start, end }) = self.parts.next() else {
                    return Ok(None);
                };
                let reader = merged::Reader::range(self.context, &part, start)?;
                self.open = Some((reader, end));
            }
            let Some((reader, end)) = &mut self.open else {
                continue;
            };
            match reader.next_record()? {
                None => self.open = None,
                Some(record) if is_at_or_after(&record, *end) => self.open = None,
                Some(record) if !overlaps(&record, &self.evidence) => {}
                Some(record) => {
                    return Ok(Some(match &mut self.recalibration {
                        Some(recalibration) => recalibration.apply(&record)?.into(),
                        None => OwnedRecord::from(record),
                    }));
                }
            }
        }
    }
}

impl Iterator for Records<'_> {
    type Item = Result<OwnedRecord, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_record().transpose()
    }
}

/// Contig and position.
type Place = (ContigId, u64);

/// A part, and where the records in it begin that are wanted, and end.
struct Slice {
    part: ObjectRef,
    /// The bytes from the first block on, and how far into that they begin.
    start: (Range<u64>, u16),
    /// No wanted record starts there or behind it.
    end: Place,
}

/// Returns where a part holds the records that overlap `wanted`, which is sorted; `None` if it has none.
fn slice(
    context: &Context<'_>,
    manifest: &Manifest,
    wanted: &[Region],
    dictionary: &Dictionary,
) -> Result<Option<Slice>, Failure> {
    let part = sections::output(manifest, merge::PART)?;
    let object = sections::output(manifest, merge::PART_INDEX)?;
    let bytes = context.read_all(object)?;
    let index = Index::decode(&bytes, IndexFormat::of(dictionary));
    let index = index.map_err(|fault| error::lost(&object.key, &fault))?;
    let first = wanted
        .iter()
        .filter_map(|region| index.first_chunk(region))
        .min();
    let last = wanted.last().map(|region| (region.contig, region.end));
    let slice = |((block, skip), end)| Slice {
        part: part.clone(),
        start: (block..part.size_bytes, skip),
        end,
    };
    Ok(first.zip(last).map(slice))
}

/// Says whether a record starts at a place or behind it; those without a place are behind all.
fn is_at_or_after(record: &RecordView<'_>, place: Place) -> bool {
    let (Some(contig), Some(start)) = (record.contig(), record.position()) else {
        return true;
    };
    (contig, u64::from(start)) >= place
}

fn overlaps(record: &RecordView<'_>, evidence: &[Region]) -> bool {
    let (Some(contig), Some(start), Some(end)) = (record.contig(), record.position(), record.end())
    else {
        return false;
    };
    let span = Region::new(contig, start.into(), end.into());
    let from =
        evidence.partition_point(|region| (region.contig, region.end) <= (contig, span.start));
    evidence
        .get(from)
        .is_some_and(|region| region.overlaps(&span))
}

/// Says what a fault while reading a part means.
pub fn reading(key: &str, fault: ReadError) -> Failure {
    match fault {
        ReadError::Io(source) if source.kind() != io::ErrorKind::InvalidData => storage(&source),
        damaged => error::lost(key, &damaged),
    }
}
