//! The final BAM: the parts of all partitions behind a header, as they are, and the joined index.

use std::io::{self, Write};

use common::failure::Failure;
use common::task::{Manifest, ObjectRef, Stage};

use super::super::call::records::Recalibration;
use super::super::lanes::Lanes;
use super::super::{Context, OutputWriter, call, merge, merged, sections};
use crate::error::{self, storage};
use crate::formats::bam::{END_OF_FILE, FAST_LEVEL, Index, IndexFormat, PartWriter};
use crate::formats::bam::{compressed, header};

/// The final files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The BAM.
    pub bam: ObjectRef,
    /// Its index.
    pub index: ObjectRef,
    /// What the index's file name adds to the BAM's: `bai` or `csi`.
    pub index_ending: &'static str,
}

/// Makes the file `name`, such as `SAMPLE.bam`, and its index.
///
/// # Errors
/// [`common::failure::FailureClass::IntermediateLost`] for a part that is gone; what storage
/// answers.
pub fn gather(context: &Context<'_>, name: &str) -> Result<Files, Failure> {
    let index = context.index()?;
    let dictionary = index.dictionary();
    let format = IndexFormat::of(dictionary);
    let lanes = Lanes::of(context.genome()?);
    let mut out = context.create(name)?;
    let head = compressed(&header(dictionary, &lanes.read_groups));
    out.write_all(&head).map_err(|fault| storage(&fault))?;
    let mut offset = head.len() as u64;
    let mut indexes = Vec::new();
    for (part, index) in parts(context)? {
        let (bytes, index) = match index {
            Some(index) => (
                copy(context, &part, &mut out)?,
                read_index(context, &index, format)?,
            ),
            None => recalibrated(context, &part, &mut out)?,
        };
        indexes.push((offset, index));
        offset += bytes;
    }
    out.write_all(&END_OF_FILE)
        .map_err(|fault| storage(&fault))?;
    let joined = Index::joined(&indexes, format, dictionary.contigs().len());
    let bytes = joined
        .encode()
        .map_err(|fault| storage(&io::Error::other(fault)))?;
    let index = super::store(context, &format!("{name}.{}", format.ending()), &bytes)?;
    Ok(Files {
        bam: out.commit()?,
        index,
        index_ending: format.ending(),
    })
}

/// Returns the parts in order of partition with their indexes; a part without one has original
/// qualities where recalibrated ones are wanted.
fn parts(context: &Context<'_>) -> Result<Vec<(ObjectRef, Option<ObjectRef>)>, Failure> {
    let merged = ordered(context, Stage::Merge)?;
    let wants_new = context.genome()?.recalibrated_qualities;
    let has_table = context.upstream_manifest(Stage::Recalibrate).is_some();
    if !(wants_new && has_table) {
        let part = |manifest: &Manifest| {
            let index = sections::output(manifest, merge::PART_INDEX)?;
            Ok((
                sections::output(manifest, merge::PART)?.clone(),
                Some(index.clone()),
            ))
        };
        return merged.iter().map(part).collect();
    }
    let has_calls = context.upstream_manifest(Stage::Call).is_some();
    let called = if has_calls {
        ordered(context, Stage::Call)?
    } else {
        Vec::new()
    };
    let part = |manifest: &Manifest| {
        let same = |call: &&Manifest| call.attempt.task.index == manifest.attempt.task.index;
        match called.iter().find(same) {
            Some(call) => {
                let index = sections::output(call, call::PART_INDEX)?;
                Ok((
                    sections::output(call, call::PART)?.clone(),
                    Some(index.clone()),
                ))
            }
            None => Ok((sections::output(manifest, merge::PART)?.clone(), None)),
        }
    };
    merged.iter().map(part).collect()
}

fn ordered(context: &Context<'_>, stage: Stage) -> Result<Vec<Manifest>, Failure> {
    let mut manifests = context.upstream(stage)?;
    manifests.sort_by_key(|manifest| manifest.attempt.task.index);
    Ok(manifests)
}

fn copy(context: &Context<'_>, part: &ObjectRef, out: &mut OutputWriter) -> Result<u64, Failure> {
    io::copy(&mut context.open(part)?, out).map_err(|fault| storage(&fault))
}

fn read_index(
    context: &Context<'_>,
    object: &ObjectRef,
    format: IndexFormat,
) -> Result<Index, Failure> {
    let index = Index::decode(&context.read_all(object)?, format);
    index.map_err(|fault| error::lost(&object.key, &fault))
}

/// Writes a part with recalibrated qualities; returns its length in bytes and its index.
///
/// # Errors
/// [`common::failure::FailureClass::IntermediateLost`] if part or table are gone.
pub fn recalibrated<W: Write>(
    context: &Context<'_>,
    part: &ObjectRef,
    out: W,
) -> Result<(u64, Index), Failure> {
    let index = context.index()?;
    let mut recalibration = Recalibration::open(context)?;
    let mut reader = merged::Reader::whole(context, part)?;
    let mut writer = PartWriter::new(out, index.dictionary()).with_level(FAST_LEVEL);
    while let Some(record) = reader.next_record()? {
        let written = match &mut recalibration {
            Some(recalibration) => writer.write(&recalibration.apply(&record)?),
            None => writer.write(&record),
        };
        written.map_err(merge::part_failure)?;
    }
    let (_, bytes, index) = writer.finish().map_err(merge::part_failure)?;
    Ok((bytes, index))
}
