//! The stage that calls variants: one partition into the text of its records.

pub mod records;

use std::io::{self, Write};

use caller::gvcf::{PartReport, PartWriter};
use caller::{EmitMode, Options, Output, Scope};
use common::failure::{Failure, FailureClass};
use common::task::{Manifest, Stage};
use genome::monitor::Monitor;
use genome::record::OwnedRecord;
use genome::reference::Reference;
use noodles::bgzf;

use self::records::Records;
use super::{Context, Finished, gather, intervals, merge, sections};
use crate::error::storage;

/// Role of a BAM part with recalibrated qualities.
pub const PART: &str = "bam";

/// Role of that part's index.
pub const PART_INDEX: &str = "bam-index";

/// Text is handed on in pieces of about this size.
const PIECE_BYTES: usize = 1 << 16;

/// Returns the role of a mode's body among the outputs: BGZF text of records.
pub const fn body_role(emit: EmitMode) -> &'static str {
    match emit {
        EmitMode::Variants => "vcf",
        EmitMode::ReferenceConfidence | EmitMode::EveryPosition => "gvcf",
    }
}

/// Returns the role of what is kept beside a mode's body.
pub const fn report_role(emit: EmitMode) -> &'static str {
    match emit {
        EmitMode::Variants => "vcf-report",
        EmitMode::ReferenceConfidence | EmitMode::EveryPosition => "gvcf-report",
    }
}

/// Calls the partition of the task in each mode that the genome asks for.
///
/// # Errors
/// [`FailureClass::IntermediateLost`] if a merged part is gone; what storage answers.
pub fn run(context: &Context<'_>) -> Result<Finished, Failure> {
    let index = context.index()?;
    let reference = index.reference();
    let dictionary = reference.dictionary();
    let partitions = context.partitions()?;
    let stretches = partitions.regions(context.assignment.attempt.task.index);
    let scope = match intervals::regions(context, dictionary)? {
        Some(asked) => Scope::new(stretches, &asked),
        None => Scope::new(stretches, Scope::whole(dictionary).own()),
    };
    let outputs = context.genome()?.outputs;
    let mut finished = recalibrated_part(context, Finished::default())?;
    for (emit, wanted) in [
        (EmitMode::Variants, outputs.vcf),
        (EmitMode::ReferenceConfidence, outputs.gvcf),
    ] {
        if !wanted {
            continue;
        }
        let part = Part {
            reference: &reference,
            scope: &scope,
            options: &Options {
                emit,
                ..Options::default()
            },
            monitor: context.monitor,
        };
        let mut body = bgzf::io::Writer::new(context.create(body_role(emit))?);
        let evidence = scope.evidence(dictionary);
        let records = Records::open(context, evidence, dictionary, &partitions)?;
        let report = part.call(records, &mut body)?;
        let body = body.finish().map_err(|error| storage(&error))?;
        let mut beside = context.create(report_role(emit))?;
        let written = beside.write_all(report.encode().as_bytes());
        written.map_err(|error| storage(&error))?;
        finished = finished
            .with(body_role(emit), body.commit()?)
            .with(report_role(emit), beside.commit()?);
    }
    Ok(finished)
}

/// Adds the partition's BAM part with recalibrated qualities, where that is asked for.
fn recalibrated_part(context: &Context<'_>, finished: Finished) -> Result<Finished, Failure> {
    let genome = context.genome()?;
    let has_table = context.upstream_manifest(Stage::Recalibrate).is_some();
    if !(genome.outputs.bam && genome.recalibrated_qualities && has_table) {
        return Ok(finished);
    }
    let partition = context.assignment.attempt.task.index;
    let merged = context.upstream(Stage::Merge)?;
    let of_partition = |manifest: &&Manifest| manifest.attempt.task.index == partition;
    let missing = || Failure::new(FailureClass::Internal, "no merged part of this partition");
    let manifest = merged.iter().find(of_partition).ok_or_else(missing)?;
    let mut out = context.create(PART)?;
    let part = sections::output(manifest, merge::PART)?;
    let (_, index) = gather::bam::recalibrated(context, part, &mut out)?;
    let bytes = index
        .encode()
        .map_err(|fault| storage(&io::Error::other(fault)))?;
    let mut beside = context.create(PART_INDEX)?;
    beside.write_all(&bytes).map_err(|fault| storage(&fault))?;
    Ok(finished
        .with(PART, out.commit()?)
        .with(PART_INDEX, beside.commit()?))
}

/// What is called, and how.
pub struct Part<'a> {
    /// The reference.
    pub reference: &'a Reference<'a>,
    /// The positions.
    pub scope: &'a Scope,
    /// The options.
    pub options: &'a Options,
    /// Takes progress, tells of cancellation.
    pub monitor: &'a Monitor,
}

impl Part<'_> {
    /// Writes the lines of the part's body and returns what is kept beside it.
    ///
    /// # Errors
    /// What the records or `body` answer.
    pub fn call(
        &self,
        records: impl IntoIterator<Item = Result<OwnedRecord, Failure>>,
        body: &mut impl Write,
    ) -> Result<PartReport, Failure> {
        let mut writer = PartWriter::new(self.reference.dictionary());
        let mut text = Vec::with_capacity(2 * PIECE_BYTES);
        let sink = |output: Output| {
            writer.write(output, &mut text);
            if text.len() >= PIECE_BYTES {
                hand_on(&mut text, body)?;
            }
            Ok(())
        };
        let summary = caller::call(
            self.reference,
            self.scope,
            records,
            self.options,
            self.monitor,
            sink,
        );
        let summary = summary.map_err(failure)?;
        hand_on(&mut text, body)?;
        Ok(PartReport {
            ends: writer.finish(),
            summary,
        })
    }
}

fn hand_on(text: &mut Vec<u8>, body: &mut impl Write) -> Result<(), Failure> {
    let written: io::Result<()> = body.write_all(text);
    text.clear();
    written.map_err(|error| storage(&error))
}

/// Says what the end of a call means for the task.
pub fn failure(error: caller::Error<Failure>) -> Failure {
    match error {
        caller::Error::Reads(failure) | caller::Error::Sink(failure) => failure,
        caller::Error::Cancelled => Failure::new(FailureClass::Cancelled, "cancelled"),
        caller::Error::Options(options) => {
            Failure::new(FailureClass::InputInvalid, options.to_string())
        }
        unsorted @ caller::Error::Unsorted { .. } => {
            Failure::new(FailureClass::InputInvalid, unsorted.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use genome::dictionary::{Contig, Dictionary};

    fn call(records: Vec<Result<OwnedRecord, Failure>>) -> Result<(PartReport, Vec<u8>), Failure> {
        let dictionary = Dictionary::new(vec![Contig {
            name: "c".into(),
            length: 40,
        }]);
        let reference = Reference::new(&dictionary, &[0; 10], &[]);
        let part = Part {
            reference: &reference,
            scope: &Scope::whole(&dictionary),
            options: &Options {
                emit: EmitMode::ReferenceConfidence,
                ..Options::default()
            },
            monitor: &Monitor::default(),
        };
        let mut body = Vec::new();
        part.call(records, &mut body).map(|report| (report, body))
    }

    #[test]
    fn part_without_reads_is_one_open_block() {
        let (report, body) = call(Vec::new()).unwrap();
        let head = report.ends.head.unwrap();
        assert_eq!((head.start, head.end), (0, 40));
        assert!(body.is_empty() && report.ends.tail.is_none());
    }

    #[test]
    fn failure_of_the_reads_comes_out_as_it_was() {
        let lost = Failure::new(FailureClass::IntermediateLost, "gone");
        assert_eq!(call(vec![Err(lost.clone())]).unwrap_err(), lost);
    }
}
