//! The second pass: records with their flags, and the metrics.

use std::fs::File;
use std::io::BufReader;

use anyhow::{Context, Result};
use common::failure::Failure;
use genome::record::{Flags, RecordView, tags, without_tags};
use reads::duplicates::{DuplicateKind, DuplicateMetrics};
use worker::formats::bam::{LEVEL, Levels, ReflagError, Reflagger};

use super::fields::{Fields, KIND_TAG};
use super::find::{Found, Group};
use super::inputs::{Grouping, Inputs};
use super::libraries::Libraries;
use super::notes::Mark;
use super::{Args, AssumedOrder, TaggingPolicy};
use crate::output::OutputFile;
use crate::reads_output::{BamOut, Plan, ReadsOutput};

/// Where FLAG stands in a record. SAM v1 §4.2 (2024-11-06).
const FLAG_OFFSET: usize = 14;

/// Bytes of the input that are read together where its blocks are copied.
const READ_BYTES: usize = 1 << 20;

/// Writes the outputs.
///
/// # Errors
/// What is wrong with an input; what the outputs answer.
pub fn write(args: &Args, found: Found) -> Result<()> {
    let mut inputs = args.open()?;
    let by_name = inputs.grouping() == Grouping::Name;
    let header = match args.assumed_order {
        Some(AssumedOrder::Queryname) => inputs.header().with_grouping("query"),
        Some(AssumedOrder::Coordinate) => inputs.header().with_sort_order("coordinate"),
        None => inputs.header(),
    };
    let plan = Plan {
        wants_index: args.write_index && !by_name,
        levels: Levels::one(args.level.unwrap_or(LEVEL)),
        ..Plan::new(&args.output, &args.format, args.reference.as_deref())
    };
    let mut out = ReadsOutput::create(&plan, header.with_program("spindle-markdup"))?;
    let mut marking = Marking {
        args,
        by_name,
        decisions: Decisions::new(found.duplicates)?,
        metrics: found.metrics,
        libraries: found.libraries,
    };
    match (found.notes, out.bam()) {
        (Some(notes), Some(out)) => marking.copy(&inputs, notes, out)?,
        _ => marking.records(&mut inputs, &mut out)?,
    }
    out.finish(&args.output)?;
    let text = marking.libraries.text(&marking.metrics);
    OutputFile::write_whole(&args.metrics, text.as_bytes())
}

/// The second pass on its way.
struct Marking<'a> {
    args: &'a Args,
    by_name: bool,
    decisions: Decisions<Duplicates>,
    metrics: DuplicateMetrics,
    libraries: Libraries,
}

impl Marking<'_> {
    /// Writes record after record.
    fn records(&mut self, inputs: &mut Inputs, out: &mut ReadsOutput) -> Result<()> {
        let args = self.args;
        let mut group = Group::default();
        let mut bytes = Vec::new();
        while let Some((number, record)) = inputs.next_record()? {
            let ordinal = match self.by_name {
                true => group.of(number, record.name()).0,
                false => number,
            };
            let kind = self.decisions.of(ordinal)?;
            let fields = Fields::of(&record);
            let written = match changes(args, &record, kind, &fields) {
                true => {
                    flag(args, &record, kind, &mut bytes);
                    RecordView::trusted(&bytes)
                }
                false => record,
            };
            let library = self.libraries.of_id(fields.read_group()).0;
            self.metrics.add_record(written.flags(), library);
            let is_removed = match kind {
                Some(DuplicateKind::Sequencing) => args.remove || args.remove_sequencing,
                Some(DuplicateKind::Library) => args.remove,
                None => false,
            };
            if !is_removed {
                out.write(&written)?;
            }
        }
        Ok(())
    }

    /// Copies the blocks of the only input, by what was noted of them.
    fn copy(&mut self, inputs: &Inputs, notes: BufReader<File>, out: &mut BamOut) -> Result<()> {
        let file = inputs.first_file();
        let paths = self.args.paths();
        let input = File::open(&paths[0]).with_context(|| file.to_owned())?;
        let input = BufReader::with_capacity(READ_BYTES, input);
        let reflagger = Reflagger::new(input, file, notes).map_err(failed)?;
        let (mut number, mut first) = (0, 0);
        let written = reflagger.write(out, |flags, mark| {
            let mark = Mark::unpack(mark);
            number += 1;
            if mark.is_first || !self.by_name {
                first = number;
            }
            let kind = self.decisions.of(first)?;
            let flags = flagged(flags, kind);
            self.metrics.add_record(flags, mark.library);
            Ok::<_, anyhow::Error>(flags)
        });
        written.map_err(|error| match error.downcast::<ReflagError>() {
            Ok(error) => failed(error),
            Err(error) => error,
        })
    }
}

/// Blames the input for what is wrong with it.
fn failed(error: ReflagError) -> anyhow::Error {
    match &error {
        ReflagError::Input { file, source } => {
            Failure::input(file, format!("cannot be read again: {source}")).into()
        }
        ReflagError::Changed(file) => Failure::input(file, "changed while it was read").into(),
        ReflagError::Notes(_) | ReflagError::Output(_) => error.into(),
    }
}

/// The ordinals of duplicates, as the first pass gives them.
type Duplicates = Box<dyn Iterator<Item = Result<(u64, DuplicateKind), reads::Error>>>;

/// The ordinals of duplicates beside records that come in their order.
struct Decisions<I> {
    ordinals: I,
    next: Option<(u64, DuplicateKind)>,
}

impl<I: Iterator<Item = Result<(u64, DuplicateKind), reads::Error>>> Decisions<I> {
    fn new(mut ordinals: I) -> Result<Self> {
        let next = ordinals.next().transpose()?;
        Ok(Self { ordinals, next })
    }

    /// Returns by what the records with this ordinal are duplicates.
    fn of(&mut self, ordinal: u64) -> Result<Option<DuplicateKind>> {
        while self.next.is_some_and(|(next, _)| next < ordinal) {
            let passed = self.next.map(|(passed, _)| passed);
            while self.next.map(|(next, _)| next) == passed {
                self.next = self.ordinals.next().transpose()?;
            }
        }
        let here = self.next.filter(|(next, _)| *next == ordinal);
        Ok(here.map(|(_, kind)| kind))
    }
}

/// Says whether a record is written with other bytes.
fn changes(
    args: &Args,
    record: &RecordView<'_>,
    kind: Option<DuplicateKind>,
    fields: &Fields<'_>,
) -> bool {
    let may_be_tagged = kind.is_some() && args.tagging != TaggingPolicy::DontTag;
    let drops = fields.has_kind && (args.clear_tags || may_be_tagged);
    record.flags().is_duplicate() != kind.is_some() || may_be_tagged || drops
}

/// Writes the record's bytes with its flag as decided, and the tag that the user wants.
fn flag(args: &Args, record: &RecordView<'_>, kind: Option<DuplicateKind>, bytes: &mut Vec<u8>) {
    let tag_bytes = record.tag_bytes();
    let block = record.bytes();
    bytes.clear();
    let tag = match (args.tagging, kind) {
        (TaggingPolicy::All, Some(DuplicateKind::Library)) => Some(b"LB"),
        (TaggingPolicy::All | TaggingPolicy::OpticalOnly, Some(DuplicateKind::Sequencing)) => {
            Some(b"SQ")
        }
        _ => None,
    };
    let drops = args.clear_tags || tag.is_some();
    if drops && tags(tag_bytes).any(|(tag, _)| tag == KIND_TAG) {
        bytes.extend_from_slice(&block[..block.len() - tag_bytes.len()]);
        without_tags(tag_bytes, &[KIND_TAG], bytes);
    } else {
        bytes.extend_from_slice(block);
    }
    if let Some(value) = tag {
        bytes.extend_from_slice(&KIND_TAG);
        bytes.push(b'Z');
        bytes.extend_from_slice(value);
        bytes.push(0);
    }
    let flags = flagged(record.flags(), kind);
    bytes[FLAG_OFFSET..FLAG_OFFSET + 2].copy_from_slice(&flags.0.to_le_bytes());
}

/// Returns a record's flags as decided.
fn flagged(flags: Flags, kind: Option<DuplicateKind>) -> Flags {
    let duplicate = kind.map_or(0, |_| Flags::DUPLICATE);
    Flags(flags.0 & !Flags::DUPLICATE | duplicate)
}
