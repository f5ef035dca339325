//! Objects of sections as stages see them: the footer first, then the ranges that are wanted.

use std::io::{BufReader, Cursor, Read};

use common::failure::{Failure, FailureClass};
use common::task::{Manifest, ObjectRef, Stage};
use genome::order::Place;
use genome::record::RecordView;
use reads::merge::Source;
use reads::run::{Error, Footer, Header, Kind, RunSource};

use super::{Context, align, duplicates};
use crate::error::{self, storage};

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
            footer: footer.map_err(|fault| lost(&object.key, fault))?,
        })
    }

    /// Opens a partition's section with a reader, if the object has one.
    ///
    /// # Errors
    /// [`FailureClass::IntermediateLost`] if the object is gone.
    pub fn section<R>(
        &self,
        context: &Context<'_>,
        (partition, kind): (u32, Kind),
        reader: impl FnOnce(SectionReader) -> R,
    ) -> Result<Option<Named<R>>, Failure> {
        let section = self.open_section(context, partition, kind)?;
        Ok(section.map(|bytes| Named {
            reader: reader(bytes),
            key: self.object.key.clone(),
        }))
    }

    fn open_section(
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

/// A reader of a section whose faults name the object, so that its producer can run again.
pub struct Named<R> {
    reader: R,
    key: String,
}

impl<R> Named<R> {
    fn named(key: &str, fault: Error) -> Error {
        match fault {
            Error::Io(_) | Error::Cancelled => fault,
            damaged => Error::Io(error::into_io(lost(key, damaged))),
        }
    }
}

impl<T, R: Iterator<Item = Result<T, Error>>> Iterator for Named<R> {
    type Item = R::Item;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.reader.next()?;
        Some(next.map_err(|fault| Self::named(&self.key, fault)))
    }
}

impl<R: Source> Source for Named<R> {
    fn advance(&mut self) -> Result<Option<Place>, Error> {
        let place = self.reader.advance();
        place.map_err(|fault| Self::named(&self.key, fault))
    }

    fn record(&self) -> RecordView<'_> {
        self.reader.record()
    }
}

/// Opens the runs of all read batches.
///
/// # Errors
/// [`FailureClass::IntermediateLost`] if one is gone or damaged.
pub fn runs(context: &Context<'_>) -> Result<Vec<(RunSource, Sections)>, Failure> {
    let mut runs = Vec::new();
    for manifest in context.upstream(Stage::Align)? {
        let object = output(&manifest, align::RUN)?;
        let run = Sections::open(context, object)?;
        let header = Header::parse(&run.footer);
        let header = header.map_err(|fault| lost(&object.key, fault))?;
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
        // Any of its other objects tells which task has to run again.
        match manifest.outputs.values().next() {
            Some(other) => error::lost(&other.key, &message),
            None => Failure::new(FailureClass::IntermediateLost, message),
        }
    })
}

/// Says what a fault in the data of an object means for the task.
pub fn lost(key: &str, fault: Error) -> Failure {
    match failure(fault) {
        damaged if damaged.class == FailureClass::IntermediateLost && damaged.file.is_none() => {
            error::lost(key, &damaged.message)
        }
        other => other,
    }
}

/// Says what a fault means for the task where readers are [`Named`], or where data is written.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn damaged() -> Error {
        Error::Checksum { what: "frame" }
    }

    #[test]
    fn damaged_sections_name_their_object() {
        let mut named = Named {
            reader: [Ok(1), Err(damaged())].into_iter(),
            key: "work/w/align/3/1/run".into(),
        };
        assert!(matches!(named.next(), Some(Ok(1))));
        let failure = failure(named.next().unwrap().unwrap_err());
        assert_eq!(failure.class, FailureClass::IntermediateLost);
        assert_eq!(failure.file.as_deref(), Some("work/w/align/3/1/run"));
    }

    #[test]
    fn failures_that_know_their_place_keep_it() {
        let inner = error::lost("work/w/align/1/1/run", &"gone");
        let carried = Error::Io(error::into_io(inner.clone()));
        assert_eq!(lost("work/w/merge/1/1/bam", carried), inner);
        let cancelled = lost("work/w/merge/1/1/bam", Error::Cancelled);
        assert_eq!(cancelled.class, FailureClass::Cancelled);
        let made = lost("work/w/merge/1/1/bam", damaged());
        assert_eq!(made.file.as_deref(), Some("work/w/merge/1/1/bam"));
    }
}
