//! The parts that `merge` makes: blocks of a BAM file where the final file takes them over, packed
//! frames where qualities are still to change.

use std::io::BufReader;
use std::ops::Range;

use common::failure::Failure;
use common::task::ObjectRef;
use genome::dictionary::Dictionary;
use genome::record::RecordView;

use super::call::records::reading;
use super::{Context, ObjectReader, OutputWriter, sections};
use crate::formats::bam::{Index, PackedReader, PackedWriter, PartError, PartReader, PartWriter};

/// Pieces in which a part is read.
const READ_BYTES: usize = 1 << 17;

/// Writes a part.
pub enum Writer {
    /// For the final file.
    Blocks(Box<PartWriter<OutputWriter>>),
    /// To be read once more.
    Packed(Box<PackedWriter<OutputWriter>>),
}

impl Writer {
    /// Starts the part of a task.
    ///
    /// # Errors
    /// What storage answers.
    pub fn create(
        context: &Context<'_>,
        role: &str,
        dictionary: &Dictionary,
    ) -> Result<Self, Failure> {
        let out = context.create(role)?;
        Ok(match context.genome()?.keeps_merged_bam() {
            true => Self::Blocks(Box::new(PartWriter::new(out, dictionary))),
            false => Self::Packed(Box::new(PackedWriter::new(out, dictionary))),
        })
    }

    /// Appends a record.
    ///
    /// # Errors
    /// [`PartError`] if the output fails or the record is out of order.
    pub fn write(&mut self, record: &RecordView<'_>) -> Result<(), PartError> {
        match self {
            Self::Blocks(part) => part.write(record),
            Self::Packed(part) => part.write(record),
        }
    }

    /// Ends the part; returns the output and the index.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub fn finish(self) -> Result<(OutputWriter, Index), PartError> {
        match self {
            Self::Blocks(part) => part.finish().map(|(out, _, index)| (out, index)),
            Self::Packed(part) => part.finish(),
        }
    }
}

/// Reads a part.
pub struct Reader {
    key: String,
    part: Part,
}

enum Part {
    Blocks(Box<PartReader<BufReader<ObjectReader>>>),
    Packed(Box<PackedReader<BufReader<ObjectReader>>>),
}

impl Reader {
    /// Reads a whole part.
    ///
    /// # Errors
    /// [`common::failure::FailureClass::IntermediateLost`] if it is gone.
    pub fn whole(context: &Context<'_>, object: &ObjectRef) -> Result<Self, Failure> {
        Self::within(context, object, context.open(object)?, 0)
    }

    /// Reads from the place on that the part's index names.
    ///
    /// # Errors
    /// [`common::failure::FailureClass::IntermediateLost`] if it is gone.
    pub fn range(
        context: &Context<'_>,
        object: &ObjectRef,
        (bytes, skip): (Range<u64>, u16),
    ) -> Result<Self, Failure> {
        Self::within(context, object, context.open_range(object, bytes)?, skip)
    }

    fn within(
        context: &Context<'_>,
        object: &ObjectRef,
        stream: ObjectReader,
        skip: u16,
    ) -> Result<Self, Failure> {
        let stream = BufReader::with_capacity(READ_BYTES, stream);
        let part = match context.genome()?.keeps_merged_bam() {
            true => {
                let reader = PartReader::within(stream, skip);
                let reader = reader.map_err(|fault| reading(&object.key, fault.into()))?;
                Part::Blocks(Box::new(reader))
            }
            false => Part::Packed(Box::new(PackedReader::new(stream, skip))),
        };
        Ok(Self {
            key: object.key.clone(),
            part,
        })
    }

    /// Returns the next record; `None` at the end.
    ///
    /// # Errors
    /// [`common::failure::FailureClass::IntermediateLost`] if the part is damaged; what storage
    /// answers.
    pub fn next_record(&mut self) -> Result<Option<RecordView<'_>>, Failure> {
        let key = &self.key;
        match &mut self.part {
            Part::Blocks(part) => part.next_record().map_err(|fault| reading(key, fault)),
            Part::Packed(part) => part
                .next_record()
                .map_err(|fault| sections::lost(key, fault)),
        }
    }
}
