//! Writing a CRAM file.

use std::io::{self, Write};

use genome::record::RecordView;
use noodles::cram::codecs::{Encoder, rans_nx16};
use noodles::cram::container::BlockContentEncoderMap;
use noodles::sam::alignment::io::Write as _;
use noodles::{bam, cram, sam};

use super::super::bam::FileError;
use super::reader::{fault_at, open};
use super::reference::ReferenceFile;

/// A version of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CramVersion {
    /// 3.0, which every reader knows.
    V3_0,
    /// 3.1, smaller.
    V3_1,
}

/// Writes records, in order.
pub struct CramWriter<W> {
    writer: cram::io::Writer<W>,
    header: sam::Header,
    block: Vec<u8>,
    record: bam::Record,
    file: String,
    written: u64,
}

impl<W: Write> CramWriter<W> {
    /// Starts a file with the text of a header; `file` is the name for messages.
    ///
    /// # Errors
    /// [`FileError`] if the header cannot be written, the reference cannot be read, or a contig
    /// is not the one that the header names.
    pub fn create(
        out: W,
        file: &str,
        header_text: &str,
        reference: &ReferenceFile,
        version: CramVersion,
    ) -> Result<Self, FileError> {
        let fault = |fault: io::Error| fault_at(file, 0, &fault);
        let header: sam::Header = header_text.parse().map_err(|error| {
            fault(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{error}"),
            ))
        })?;
        let repository = open(reference, header_text, file)?;
        let builder =
            cram::io::writer::Builder::default().set_reference_sequence_repository(repository);
        let builder = match version {
            CramVersion::V3_0 => builder,
            CramVersion::V3_1 => builder.set_block_content_encoder_map(newer_codecs()),
        };
        let mut writer = builder.build_from_writer(out);
        writer.write_header(&header).map_err(fault)?;
        Ok(Self {
            writer,
            header,
            block: Vec::new(),
            record: bam::Record::default(),
            file: file.into(),
            written: 0,
        })
    }

    /// Appends a record.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be encoded, or the output fails.
    pub fn write(&mut self, record: &RecordView<'_>) -> Result<(), FileError> {
        self.written += 1;
        let (file, number) = (&self.file, self.written);
        let fault = |fault: io::Error| fault_at(file, number, &fault);
        self.block.clear();
        self.block
            .extend_from_slice(&(record.bytes().len() as u32).to_le_bytes());
        self.block.extend_from_slice(record.bytes());
        let mut reader = bam::io::Reader::from(self.block.as_slice());
        reader.read_record(&mut self.record).map_err(fault)?;
        let written = self
            .writer
            .write_alignment_record(&self.header, &self.record);
        written.map_err(fault)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// [`FileError`] if the last records cannot be encoded, or the output fails.
    pub fn finish(mut self) -> Result<W, FileError> {
        let finished = self.writer.try_finish(&self.header);
        finished.map_err(|fault| fault_at(&self.file, self.written, &fault))?;
        Ok(self.writer.into_inner())
    }
}

/// What 3.1 has and 3.0 has not.
fn newer_codecs() -> BlockContentEncoderMap {
    let order_one = Encoder::RansNx16(rans_nx16::Flags::ORDER);
    BlockContentEncoderMap::builder()
        .set_core_data_encoder(Some(order_one.clone()))
        .set_default_encoder(Some(order_one))
        .build()
}
