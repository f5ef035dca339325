//! Objects of sections as stages see them: the footer first, then the ranges that are wanted.

use std::io::{BufReader, Read};

use bytes::{Buf, Bytes};
use common::failure::{Failure, FailureClass};
use common::task::{Manifest, ObjectRef, Stage};
use genome::order::Place;
use genome::record::RecordView;
use reads::merge::Source;
use reads::run::{Error, Footer, Header, Kind, RunSource};

use super::{Context, align, duplicates};
use crate::error::{self, storage};
use crate::objects::Piece;

/// The end of an object that is read at once: nearly always it holds the whole footer.
const TAIL_BYTES: u64 = 1 << 14;

/// Sections up to this size are read at once; longer ones are streamed.
const SMALL_SECTION_BYTES: u64 = 1 << 20;

/// Objects of one kind whose footers are known, each with what its readers need.
pub struct Sections<T> {
    objects: Vec<(ObjectRef, Footer, T)>,
}

/// A stream of one section.
pub type SectionReader = Box<dyn Read + Send>;

impl<T: Copy> Sections<T> {
    /// Reads the footers of objects; `needed` finds in them what readers need.
    ///
    /// # Errors
    /// [`FailureClass::IntermediateLost`] if one is gone or damaged.
    fn open(
        context: &Context<'_>,
        objects: &[&ObjectRef],
        needed: impl Fn(&Footer) -> Result<T, Error>,
    ) -> Result<Self, Failure> {
        let tail = |object: &ObjectRef, bytes| object.size_bytes.saturating_sub(bytes)..u64::MAX;
        let tails = objects
            .iter()
            .map(|&object| (object, tail(object, TAIL_BYTES)));
        let tails = context.objects.kept_pieces(&tails.collect::<Vec<_>>())?;
        let open = |(&object, bytes): (&&ObjectRef, Bytes)| {
            let footer = match Footer::parse(&bytes) {
                Err(Error::ShortTail { needed_bytes }) => {
                    let piece = (object, tail(object, needed_bytes));
                    Footer::parse(&context.objects.kept_pieces(&[piece])?.concat())
                }
                parsed => parsed,
            };
            let known = footer.and_then(|footer| Ok((needed(&footer)?, footer)));
            let (needed, footer) = known.map_err(|fault| lost(&object.key, fault))?;
            Ok((object.clone(), footer, needed))
        };
        let objects = objects.iter().zip(tails).map(open);
        Ok(Self {
            objects: objects.collect::<Result<_, Failure>>()?,
        })
    }

    /// Opens the sections that there are of a kind and a partition, each with a reader.
    ///
    /// # Errors
    /// [`FailureClass::IntermediateLost`] if an object is gone.
    pub fn readers<R>(
        &self,
        context: &Context<'_>,
        (partition, kind): (u32, Kind),
        reader: impl Fn(SectionReader, T) -> R,
    ) -> Result<Vec<Named<R>>, Failure> {
        let sections = self.objects.iter().filter_map(|(object, footer, needed)| {
            let section = footer.section(partition, kind)?;
            Some((object, section.bytes.clone(), *needed))
        });
        let sections: Vec<_> = sections.collect();
        let is_small =
            |(_, bytes): &Piece<'_>| bytes.end.saturating_sub(bytes.start) <= SMALL_SECTION_BYTES;
        let pieces = sections
            .iter()
            .map(|(object, bytes, _)| (*object, bytes.clone()));
        let small: Vec<Piece<'_>> = pieces.filter(is_small).collect();
        let mut small = small.iter().zip(context.objects.pieces(&small)?).peekable();
        let mut readers = Vec::new();
        for (object, bytes, needed) in sections {
            let piece = (object, bytes.clone());
            let found: SectionReader = match small.next_if(|(of, _)| **of == piece) {
                Some((_, data)) => Box::new(data.reader()),
                None => Box::new(BufReader::new(context.open_range(object, bytes)?)),
            };
            readers.push(Named {
                reader: reader(found, needed),
                key: object.key.clone(),
            });
        }
        Ok(readers)
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
pub fn runs(context: &Context<'_>) -> Result<Sections<RunSource>, Failure> {
    let manifests = context.upstream(Stage::Align)?;
    let source = |footer: &Footer| Header::parse(footer).map(|header| header.source);
    Sections::open(context, &outputs(&manifests, align::RUN)?, source)
}

/// Opens the duplicates of all partitions.
///
/// # Errors
/// [`FailureClass::IntermediateLost`] if one is gone or damaged.
pub fn duplicates(context: &Context<'_>) -> Result<Sections<()>, Failure> {
    let manifests = context.upstream(Stage::Duplicates)?;
    let objects = outputs(&manifests, duplicates::DUPLICATES)?;
    Sections::open(context, &objects, |_| Ok(()))
}

/// Returns an output of each of some finished tasks.
///
/// # Errors
/// As [`output`].
pub fn outputs<'a>(manifests: &'a [Manifest], role: &str) -> Result<Vec<&'a ObjectRef>, Failure> {
    let outputs = manifests.iter().map(|manifest| output(manifest, role));
    outputs.collect()
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
