//! The second pass: records with their flags, and the metrics.

use anyhow::Result;
use genome::record::{Flags, RecordView, encoded_tags, tags, text_of, without_tags};
use reads::duplicates::DuplicateKind;
use worker::formats::bam::{LEVEL, Levels};

use super::find::{Found, Group};
use super::inputs::Grouping;
use super::{Args, AssumedOrder, TaggingPolicy};
use crate::output::OutputFile;
use crate::reads_output::{Plan, ReadsOutput};

/// Where FLAG stands in a record. SAM v1 §4.2 (2024-11-06).
const FLAG_OFFSET: usize = 14;

/// The tag that says by what a record is a duplicate.
const KIND_TAG: [u8; 2] = *b"DT";

/// Writes the outputs.
///
/// # Errors
/// What is wrong with an input; what the outputs answer.
pub fn write(args: &Args, found: Found) -> Result<()> {
    let Found {
        duplicates,
        mut metrics,
        libraries,
    } = found;
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
    if args.keeps_lengths() && args.level.is_none() {
        out.follow(inputs.follow());
    }
    let mut decisions = Decisions::new(duplicates)?;
    let mut group = Group::default();
    let mut bytes = Vec::new();
    while let Some((number, record)) = inputs.next_record()? {
        let ordinal = match by_name {
            true => group.of(number, record.name()).0,
            false => number,
        };
        let kind = decisions.of(ordinal)?;
        let fields = Fields::of(&record);
        let written = match changes(args, &record, kind, &fields) {
            true => {
                flag(args, &record, kind, &mut bytes);
                RecordView::trusted(&bytes)
            }
            false => record,
        };
        metrics.add_record(&written, libraries.of_id(fields.read_group()).0);
        let is_removed = match kind {
            Some(DuplicateKind::Sequencing) => args.remove || args.remove_sequencing,
            Some(DuplicateKind::Library) => args.remove,
            None => false,
        };
        if !is_removed {
            out.write(&written)?;
        }
    }
    out.finish(&args.output)?;
    OutputFile::write_whole(&args.metrics, libraries.text(&metrics).as_bytes())
}

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

/// What is read of a record's tags.
#[derive(Debug, Default)]
struct Fields<'a> {
    read_group: Option<&'a [u8]>,
    has_kind: bool,
}

impl<'a> Fields<'a> {
    fn of(record: &RecordView<'a>) -> Self {
        let mut fields = Self::default();
        for (tag, encoded) in encoded_tags(record.tag_bytes()) {
            match &tag {
                b"RG" if fields.read_group.is_none() => fields.read_group = Some(encoded),
                &KIND_TAG => fields.has_kind = true,
                _ => {}
            }
        }
        fields
    }

    fn read_group(&self) -> Option<&'a [u8]> {
        self.read_group.and_then(text_of)
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
    let others = record.flags().0 & !Flags::DUPLICATE;
    let duplicate = kind.map_or(0, |_| Flags::DUPLICATE);
    bytes[FLAG_OFFSET..FLAG_OFFSET + 2].copy_from_slice(&(others | duplicate).to_le_bytes());
}
