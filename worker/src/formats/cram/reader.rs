//! Reading a CRAM file, container by container.

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use genome::record::RecordView;
use noodles::cram::io::reader::Container;
use noodles::fasta::Repository;
use noodles::sam::alignment::io::Write as _;
use noodles::{bam, cram, sam};

use super::super::bam::{Defect, FileError};
use super::super::sam::contig;
use super::derived::append_derived;
use super::reference::{ReferenceFile, ReferenceFileError};

/// Where MAPQ stands in a record. SAM v1 §4.2 (2024-11-06).
const MAPPING_QUALITY_OFFSET: usize = 9;

/// Reads header and records of a file, each defect named with file and record.
pub struct CramReader {
    reader: cram::io::Reader<Box<dyn Read + Send>>,
    repository: Repository,
    header: sam::Header,
    header_text: String,
    contigs: Vec<(String, u64)>,
    file: String,
    container: Container,
    /// The records of the present container, each behind its length.
    blocks: Vec<u8>,
    next: usize,
    record: u64,
}

impl CramReader {
    /// Reads the header; `file` is the name for messages.
    ///
    /// # Errors
    /// [`FileError`] if it is not that of a CRAM file, or the reference cannot be read.
    pub fn open(
        stream: Box<dyn Read + Send>,
        file: &str,
        reference: Option<&ReferenceFile>,
    ) -> Result<Self, FileError> {
        let mut reader = cram::io::reader::Builder::default().build_from_reader(stream);
        let header = reader.read_header();
        let header = header.map_err(|fault| fault_at(file, 0, &fault))?;
        let mut text = sam::io::Writer::new(Vec::new());
        text.write_header(&header)
            .map_err(|fault| fault_at(file, 0, &fault))?;
        let header_text = String::from_utf8_lossy(text.get_ref()).into_owned();
        let repository = match reference {
            Some(reference) => open(reference, &header_text, file)?,
            None => Repository::default(),
        };
        let lines = header_text.lines().filter(|line| line.starts_with("@SQ\t"));
        Ok(Self {
            contigs: lines.filter_map(contig).collect(),
            reader,
            repository,
            header,
            header_text,
            file: file.into(),
            container: Container::default(),
            blocks: Vec::new(),
            next: 0,
            record: 0,
        })
    }

    /// Returns the text of the header.
    pub fn header_text(&self) -> &str {
        &self.header_text
    }

    /// Returns names and lengths of the contigs.
    pub fn contigs(&self) -> &[(String, u64)] {
        &self.contigs
    }

    /// Returns the 1-based number of the last record; 0 before the first.
    pub const fn record_number(&self) -> u64 {
        self.record
    }

    /// Returns the next record; `None` at the end.
    ///
    /// # Errors
    /// [`FileError`] names file, record and defect.
    pub fn next_record(&mut self) -> Result<Option<RecordView<'_>>, FileError> {
        while self.next == self.blocks.len() {
            self.blocks.clear();
            self.next = 0;
            let read = self.next_container();
            if !read.map_err(|fault| fault_at(&self.file, self.record + 1, &fault))? {
                return Ok(None);
            }
        }
        let length = self.blocks[self.next..].first_chunk();
        let length = u32::from_le_bytes(*length.expect("a length stands before each record"));
        let start = self.next + 4;
        self.next = start + length as usize;
        self.record += 1;
        let record = RecordView::parse(&self.blocks[start..self.next]);
        record.map(Some).map_err(|defect| FileError::Invalid {
            file: self.file.clone(),
            record: self.record,
            defect: Defect::Record(defect),
        })
    }

    /// Reads the records of a container; false at the end of the file.
    ///
    /// `noodles` panics where a container does not fit the header; such a file is refused.
    fn next_container(&mut self) -> io::Result<bool> {
        let read = catch_unwind(AssertUnwindSafe(|| self.decode_container()));
        let unfit = || io::Error::new(io::ErrorKind::InvalidData, "a container is malformed");
        read.unwrap_or_else(|_| Err(unfit()))
    }

    fn decode_container(&mut self) -> io::Result<bool> {
        if self.reader.read_container(&mut self.container)? == 0 {
            return Ok(false);
        }
        let compression_header = self.container.compression_header()?;
        let mut writer = bam::io::Writer::from(std::mem::take(&mut self.blocks));
        for slice in self.container.slices() {
            let slice = slice?;
            let (core, external) = slice.decode_blocks()?;
            let repository = self.repository.clone();
            let records = slice.records(
                repository,
                &self.header,
                &compression_header,
                &core,
                &external,
            )?;
            for record in &records {
                writer.write_alignment_record(&self.header, record)?;
            }
        }
        let blocks = writer.into_inner();
        self.blocks = self.settle(&blocks)?;
        Ok(true)
    }
}

impl CramReader {
    /// Gives unmapped records the mapping quality 0, for which CRAM has no place, and mapped ones
    /// the tags MD and NM, which writers leave out as they follow from the reference.
    fn settle(&self, blocks: &[u8]) -> io::Result<Vec<u8>> {
        const UNKNOWN: u8 = 255;
        let mut settled = Vec::with_capacity(blocks.len() + blocks.len() / 16);
        let mut contig: Option<(u32, Vec<u8>)> = None;
        let mut rest = blocks;
        while let Some((length, records)) = rest.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            let (block, others) = records.split_at(length.min(records.len()));
            rest = others;
            let start = settled.len();
            settled.extend_from_slice(&(block.len() as u32).to_le_bytes());
            settled.extend_from_slice(block);
            let Ok(record) = RecordView::parse(block) else {
                continue;
            };
            if record.flags().is_unmapped() {
                if record.mapping_quality() == UNKNOWN {
                    settled[start + 4 + MAPPING_QUALITY_OFFSET] = 0;
                }
                continue;
            }
            let Some(id) = record.contig().map(|contig| contig.0) else {
                continue;
            };
            if contig.as_ref().is_none_or(|(known, _)| *known != id) {
                contig = Some((id, self.letters(id)?));
            }
            let letters = contig.as_ref().map_or(&[][..], |(_, letters)| letters);
            append_derived(&record, letters, &mut settled);
            let length = (settled.len() - start - 4) as u32;
            settled[start..start + 4].copy_from_slice(&length.to_le_bytes());
        }
        Ok(settled)
    }

    /// Returns the letters of a contig; none if there is no reference.
    fn letters(&self, contig: u32) -> io::Result<Vec<u8>> {
        let contigs = self.header.reference_sequences();
        let Some((name, _)) = contigs.get_index(contig as usize) else {
            return Ok(Vec::new());
        };
        match self.repository.get(name) {
            Some(letters) => {
                let letters = letters?;
                let letters: &[u8] = (*letters).as_ref();
                Ok(letters.to_ascii_uppercase())
            }
            None => Ok(Vec::new()),
        }
    }
}

/// Opens the reference for a file with this header.
pub(super) fn open(
    reference: &ReferenceFile,
    header_text: &str,
    file: &str,
) -> Result<Repository, FileError> {
    reference.open(header_text).map_err(|error| match error {
        ReferenceFileError::Io { .. } | ReferenceFileError::Fasta(_) => FileError::Invalid {
            file: file.into(),
            record: 0,
            defect: Defect::Reference(error.to_string()),
        },
    })
}

/// Says what a fault of `noodles` means: CRAM that it cannot decode, or a reference that is none.
pub(super) fn fault_at(file: &str, record: u64, fault: &io::Error) -> FileError {
    let defect = match fault.kind() {
        io::ErrorKind::UnexpectedEof => Defect::Truncated,
        _ => Defect::Cram(fault.to_string()),
    };
    FileError::Invalid {
        file: file.into(),
        record,
        defect,
    }
}
