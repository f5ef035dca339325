//! Writing a CRAM file: the header by `noodles`, containers of one slice each by this module.
//!
//! Each record keeps its own name and mate fields ("detached"), so that flags, positions and
//! template lengths come back as they were, whatever other records of the name say.

use std::io::{self, Write};

use genome::record::RecordView;
use noodles::core::Position;
use noodles::cram::codecs::{Encoder, rans_nx16};
use noodles::cram::container::BlockContentEncoderMap;
use noodles::cram::crai;
use noodles::fasta::Repository;
use noodles::{cram, sam};

use super::super::bam::FileError;
use super::container::Deflater;
use super::reader::{fault_at, open};
use super::reference::ReferenceFile;
use super::slice::{Letters, Slice};

/// Records of a slice, as many as other programs put there.
const SLICE_RECORDS: usize = 10_000;

/// Slices of fewer records take in records of another contig.
const MIN_SLICE_RECORDS: usize = 1_000;

/// The container that ends a file. CRAM v3.1 (2024-09-04), §9.
const END: [u8; 38] = [
    0x0f, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0xe0, 0x45, 0x4f, 0x46, 0, 0, 0, 0, 1, 0, 5, 0xbd,
    0xd9, 0x4f, 0, 1, 0, 6, 6, 1, 0, 1, 0, 1, 0, 0xee, 0x63, 1, 0x4b,
];

/// A version of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CramVersion {
    /// 3.0, which every reader knows.
    V3_0,
    /// 3.1; the blocks are those of 3.0.
    V3_1,
}

/// Writes records, in order.
pub struct CramWriter<W> {
    out: W,
    repository: Repository,
    contigs: Vec<Vec<u8>>,
    read_groups: Vec<Vec<u8>>,
    /// The contig whose letters are at hand.
    letters: Option<(u32, Letters)>,
    slice: Slice,
    deflater: Deflater,
    file: String,
    written: u64,
    written_bytes: u64,
    index: Vec<crai::Record>,
}

impl<W: Write> CramWriter<W> {
    /// Starts a file with the text of a header; `file` is the name for messages.
    ///
    /// # Errors
    /// [`FileError`] if the header cannot be written, the reference cannot be read, or a contig
    /// is not the one that the header names.
    pub fn create(
        mut out: W,
        file: &str,
        header_text: &str,
        reference: &ReferenceFile,
        version: CramVersion,
    ) -> Result<Self, FileError> {
        let fault = |fault: io::Error| fault_at(file, 0, &fault);
        let header: sam::Header = header_text
            .parse()
            .map_err(|error| fault(invalid(format!("{error}"))))?;
        let repository = open(reference, header_text, file)?;
        let builder = cram::io::writer::Builder::default()
            .set_reference_sequence_repository(repository.clone());
        let builder = match version {
            CramVersion::V3_0 => builder,
            CramVersion::V3_1 => builder.set_block_content_encoder_map(newer()),
        };
        let mut writer = builder.build_from_writer(Vec::new());
        writer.write_header(&header).map_err(fault)?;
        let head = writer.into_inner();
        out.write_all(&head).map_err(fault)?;
        let contigs = header.reference_sequences().keys();
        let read_groups = header.read_groups().keys();
        Ok(Self {
            out,
            contigs: contigs.map(|name| name.to_vec()).collect(),
            read_groups: read_groups.map(|name| name.to_vec()).collect(),
            repository,
            letters: None,
            slice: Slice::default(),
            deflater: Deflater::default(),
            file: file.into(),
            written: 0,
            written_bytes: head.len() as u64,
            index: Vec::new(),
        })
    }

    /// Appends a record.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be encoded, or the output fails.
    pub fn write(&mut self, record: &RecordView<'_>) -> Result<(), FileError> {
        self.written += 1;
        let written = self.append(record);
        written.map_err(|fault| fault_at(&self.file, self.written, &fault))
    }

    /// Ends the file, and returns its index too.
    ///
    /// # Errors
    /// [`FileError`] if the last records cannot be encoded, or the output fails.
    pub fn finish(mut self) -> Result<(W, Vec<u8>), FileError> {
        let finished = self.flush().and_then(|()| self.out.write_all(&END));
        let index = finished.and_then(|()| {
            let mut writer = crai::io::Writer::new(Vec::new());
            writer.write_index(&self.index)?;
            writer.finish()
        });
        let index = index.map_err(|fault| fault_at(&self.file, self.written, &fault))?;
        Ok((self.out, index))
    }

    fn append(&mut self, record: &RecordView<'_>) -> io::Result<()> {
        let contig = record.contig().map(|contig| contig.0);
        let is_other = self.slice.is_other_contig(contig);
        let count = self.slice.len();
        if count >= SLICE_RECORDS || (is_other && count >= MIN_SLICE_RECORDS) {
            self.flush()?;
        }
        if let Some(contig) = contig
            && !matches!(&self.letters, Some((known, _)) if *known == contig)
        {
            self.letters = Some((contig, self.fetch(contig)?));
        }
        let letters = self.letters.as_ref().map(|(_, letters)| letters);
        let letters = letters.filter(|_| contig.is_some());
        self.slice.push(record, letters, &self.read_groups)
    }

    fn fetch(&self, contig: u32) -> io::Result<Letters> {
        let name = self.contigs.get(contig as usize);
        let name = name.ok_or_else(|| invalid("a contig that is not in the header".into()))?;
        let shown = || String::from_utf8_lossy(name).into_owned();
        let found = self.repository.get(name);
        let missing = || invalid(format!("contig {} is not in the reference", shown()));
        Ok(Letters(found.ok_or_else(missing)??))
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.slice.len() == 0 {
            return Ok(());
        }
        let slice = std::mem::take(&mut self.slice);
        let letters = match slice.contig() {
            Some(contig) => Some(self.fetch(contig)?),
            None => None,
        };
        let before = self.written.saturating_sub(slice.len() as u64);
        let container = slice.into_container(letters.as_ref(), before, &mut self.deflater)?;
        for (&contig, &(start, end)) in &container.extents {
            let start = Position::new(start as usize + 1).filter(|_| contig >= 0);
            self.index.push(crai::Record::new(
                usize::try_from(contig).ok(),
                start,
                start.map_or(0, |start| (end as usize + 1).saturating_sub(start.get())),
                self.written_bytes,
                container.landmark,
                container.slice_bytes,
            ));
        }
        self.written_bytes += container.bytes.len() as u64;
        self.out.write_all(&container.bytes)
    }
}

/// Makes the writer call its file 3.1: these codecs are what it has more than 3.0.
fn newer() -> BlockContentEncoderMap {
    let encoder = Encoder::RansNx16(rans_nx16::Flags::ORDER);
    BlockContentEncoderMap::builder()
        .set_core_data_encoder(Some(encoder))
        .build()
}

pub(super) fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
