//! Objects of sections as stages see them: the footer first, then the ranges that are wanted.

use std::io::{BufReader, Cursor, Read};

use common::failure::{Failure, FailureClass};
use common::task::{Manifest, ObjectRef, Stage};
use reads::run::{Error, Footer, Header, Kind, RunSource};

use super::{Context, align, duplicates};
use crate::error::storage;

/// The end of an object that is read at once: nearly always it holds the whole footer.
const TAIL_BYTES: u64 = 1 << 14;

/// Sections up to this size are read at once; longer ones are streamed.
const SMALL_SECTION_BYTES: u64 = 1 << 20;

/// An object whose footer is known.
pub struct Sections {
    object: ObjectRef,
    footer: Footer,
}

/// A stream of one section.
pub type SectionReader = Box<dyn Read + Send>;

impl Sections {
    /// Reads the footer of an object.
    ///
    /// # Errors
    /// [`FailureClass::IntermediateLost`] if it is gone or damaged.
    pub fn open(context: &Context<'_>, object: &ObjectRef) -> Result<Self, Failure> {
        let footer = match Footer::parse(&tail(context, object, TAIL_BYTES)?) {
            Err(Error::ShortTail { needed_bytes }) => {
                Footer::parse(&tail(context, object, needed_bytes)?)
            }
            parsed => parsed,
        };
        Ok(Self {
            object: object.clone(),
            footer: footer.map_err(failure)?,
        })
    }

    /// Opens a partition's section, if it has one.
    ///
    /// # Errors
    /// [`FailureClass::IntermediateLost`] if the object is gone.
    pub fn section(
        &self,
        context: &Context<'_>,
        partition: u32,
        kind: Kind,
    ) -> Result<Option<SectionReader>, Failure> {
        let Some(section) = self.footer.section(partition, kind) else {
            return Ok(None);
        };
        let bytes = section.bytes.end - section.bytes.start;
        let mut stream = context.open_range(&self.object, section.bytes.clone())?;
        if bytes > SMALL_SECTION_BYTES {
            return Ok(Some(Box::new(BufReader::new(stream))));
        }
        let mut data = Vec::with_capacity(bytes as usize);
        let read = stream.read_to_end(&mut data);
        read.map_err(|fault| storage(&fault))?;
        Ok(Some(Box::new(Cursor::new(data))))
    }
}

/// Opens the runs of all read batches.
///
/// # Errors
/// [`FailureClass::IntermediateLost`] if one is gone or damaged.
pub fn runs(context: &Context<'_>) -> Result<Vec<(RunSource, Sections)>, Failure> {
    let mut runs = Vec::new();
    for manifest in context.upstream(Stage::Align)? {
        let run = Sections::open(context, output(&manifest, align::RUN)?)?;
        let header = Header::parse(&run.footer).map_err(failure)?;
        runs.push((header.source, run));
    }
    Ok(runs)
}

/// Opens the duplicates of all partitions.
///
/// # Errors
/// [`FailureClass::IntermediateLost`] if one is gone or damaged.
pub fn duplicates(context: &Context<'_>) -> Result<Vec<Sections>, Failure> {
    let manifests = context.upstream(Stage::Duplicates)?;
    let open =
        |manifest: &Manifest| Sections::open(context, output(manifest, duplicates::DUPLICATES)?);
    manifests.iter().map(open).collect()
}

/// Returns an output of a finished task.
///
/// # Errors
/// [`FailureClass::IntermediateLost`] if it has none of this role.
pub fn output<'a>(manifest: &'a Manifest, role: &str) -> Result<&'a ObjectRef, Failure> {
    manifest.outputs.get(role).ok_or_else(|| {
        let message = format!("{} has no {role}", manifest.attempt);
        Failure::new(FailureClass::IntermediateLost, message)
    })
}

/// Says what a fault of runs, duplicates or counts means for the task.
pub fn failure(error: Error) -> Failure {
    match &error {
        Error::Io(source) => storage(source),
        Error::Cancelled => Failure::new(FailureClass::Cancelled, error.to_string()),
        _ => Failure::new(FailureClass::IntermediateLost, error.to_string()),
    }
}

fn tail(context: &Context<'_>, object: &ObjectRef, bytes: u64) -> Result<Vec<u8>, Failure> {
    let size = object.size_bytes;
    let mut tail = Vec::new();
    let mut stream = context.open_range(object, size.saturating_sub(bytes)..size)?;
    let read = stream.read_to_end(&mut tail);
    read.map_err(|fault| storage(&fault))?;
    Ok(tail)
}
