//! The runs that `align` made, read by partition.

use std::io::{BufReader, Read};

use common::failure::Failure;
use common::task::{Manifest, ObjectRef, Stage};
use reads::container::Footer;
use reads::run::{Error, Header, Kind, RunSource};

use super::{Context, ObjectReader};
use crate::error::{self, storage};

/// Role of a run among the outputs of `align`.
pub const RUN: &str = "run";

/// Enough for the footer of a run over a human genome; a longer one is read again.
const TAIL_BYTES: u64 = 32 << 10;

/// An object of sections whose footer has been read.
pub struct Sections {
    object: ObjectRef,
    footer: Footer,
}

impl Sections {
    /// Reads the footer of an object.
    ///
    /// # Errors
    /// [`common::failure::FailureClass::IntermediateLost`] if it is gone or damaged.
    pub fn open(context: &Context<'_>, object: &ObjectRef) -> Result<Self, Failure> {
        let mut tail_bytes = TAIL_BYTES;
        loop {
            let start = object.size_bytes.saturating_sub(tail_bytes);
            let mut tail = Vec::new();
            let mut stream = context.open_range(object, start..object.size_bytes)?;
            stream
                .read_to_end(&mut tail)
                .map_err(|error| storage(&error))?;
            match Footer::parse(&tail) {
                Ok(footer) => {
                    return Ok(Self {
                        object: object.clone(),
                        footer,
                    });
                }
                Err(Error::ShortTail { needed_bytes }) if needed_bytes <= object.size_bytes => {
                    tail_bytes = needed_bytes;
                }
                Err(fault) => return Err(error::sections(&object.key, fault)),
            }
        }
    }

    /// Opens the bytes of a partition's section, if it has any item.
    ///
    /// # Errors
    /// [`common::failure::FailureClass::IntermediateLost`] if the object is gone.
    pub fn section(
        &self,
        context: &Context<'_>,
        partition: u32,
        kind: Kind,
    ) -> Result<Option<BufReader<ObjectReader>>, Failure> {
        let Some(section) = self.footer.section(partition, kind) else {
            return Ok(None);
        };
        let stream = context.open_range(&self.object, section.bytes.clone())?;
        Ok(Some(BufReader::new(stream)))
    }

    /// Says what a fault in this object means.
    pub fn failure(&self, fault: Error) -> Failure {
        error::sections(&self.object.key, fault)
    }
}

/// One run and where its records come from.
pub struct Run {
    /// Its sections.
    pub sections: Sections,
    /// Its lane and the place of its batch in it.
    pub source: RunSource,
}

/// Opens all runs of the genome.
///
/// # Errors
/// [`common::failure::FailureClass::IntermediateLost`] if one is gone or damaged.
pub fn open(context: &Context<'_>) -> Result<Vec<Run>, Failure> {
    let open = |manifest: Manifest| {
        let sections = Sections::open(context, output(&manifest, RUN)?)?;
        let header = Header::parse(&sections.footer).map_err(|fault| sections.failure(fault))?;
        Ok(Run {
            source: header.source,
            sections,
        })
    };
    context
        .upstream(Stage::Align)?
        .into_iter()
        .map(open)
        .collect()
}

/// Returns the output of a task that has a role.
///
/// # Errors
/// [`common::failure::FailureClass::IntermediateLost`] if the manifest does not name it.
pub fn output<'a>(manifest: &'a Manifest, role: &str) -> Result<&'a ObjectRef, Failure> {
    let missing = || {
        error::lost(
            &manifest.attempt.to_string(),
            &format!("there is no {role}"),
        )
    };
    manifest.outputs.get(role).ok_or_else(missing)
}
