//! Aligned reads in whichever format they come: SAM, BAM or CRAM, told apart by their first bytes.

use std::io::{self, Read};

use genome::record::RecordView;

use super::bam::{self, Defect, FileError, FileReader, Trail};
use super::cram::{CramReader, ReferenceFile};
use super::sam::SamReader;

/// Bytes that are looked at: more than a block.
const HEAD_BYTES: u64 = 1 << 17;

/// An open file.
pub enum ReadsFile {
    /// BAM.
    Bam(Box<FileReader<Box<dyn Read + Send>>>),
    /// SAM.
    Sam(Box<SamReader>),
    /// CRAM.
    Cram(Box<CramReader>),
}

impl ReadsFile {
    /// Reads the header; `file` is the name for messages, `reference` that of CRAM.
    ///
    /// # Errors
    /// [`FileError`] if it is no such file.
    pub fn open(
        mut stream: Box<dyn Read + Send>,
        file: &str,
        reference: Option<&ReferenceFile>,
    ) -> Result<Self, FileError> {
        let mut head = Vec::new();
        let read = stream.by_ref().take(HEAD_BYTES).read_to_end(&mut head);
        read.map_err(|fault| bam::judge(file, 0, fault))?;
        let start = start_of(&head);
        let is_text = start.is_some_and(|start| is_text(&head, &start));
        let stream: Box<dyn Read + Send> = Box::new(io::Cursor::new(head).chain(stream));
        match start.as_ref() {
            Some(start) if is_fastq(start) => Err(FileError::Invalid {
                file: file.into(),
                record: 0,
                defect: Defect::Fastq,
            }),
            Some(b"CRAM") => {
                CramReader::open(stream, file, reference).map(|reader| Self::Cram(Box::new(reader)))
            }
            _ if is_text => SamReader::open(stream, file).map(|reader| Self::Sam(Box::new(reader))),
            _ => FileReader::open(stream, file).map(|reader| Self::Bam(Box::new(reader))),
        }
    }

    /// Returns the text of the header.
    pub fn header_text(&self) -> &str {
        match self {
            Self::Bam(reader) => reader.header_text(),
            Self::Sam(reader) => reader.header_text(),
            Self::Cram(reader) => reader.header_text(),
        }
    }

    /// Returns names and lengths of the contigs.
    pub fn contigs(&self) -> &[(String, u64)] {
        match self {
            Self::Bam(reader) => reader.contigs(),
            Self::Sam(reader) => reader.contigs(),
            Self::Cram(reader) => reader.contigs(),
        }
    }

    /// Returns how the records that were not yet read are deflated, if they are BAM.
    pub fn follow(&mut self) -> Option<Trail> {
        match self {
            Self::Bam(reader) => Some(reader.follow()),
            Self::Sam(_) | Self::Cram(_) => None,
        }
    }

    /// Returns the 1-based number of the last record; 0 before the first.
    pub fn record_number(&self) -> u64 {
        match self {
            Self::Bam(reader) => reader.record_number(),
            Self::Sam(reader) => reader.record_number(),
            Self::Cram(reader) => reader.record_number(),
        }
    }

    /// Returns the next record; `None` at the end of a file that is whole.
    ///
    /// # Errors
    /// [`FileError`] names file, record and defect.
    pub fn next_record(&mut self) -> Result<Option<RecordView<'_>>, FileError> {
        match self {
            Self::Bam(reader) => reader.next_record(),
            Self::Sam(reader) => reader.next_record(),
            Self::Cram(reader) => reader.next_record(),
        }
    }
}

/// Returns the first four bytes, inflated if they are deflated.
fn start_of(head: &[u8]) -> Option<[u8; 4]> {
    let mut start = [0; 4];
    if head.starts_with(&[0x1F, 0x8B]) {
        let mut inflated = flate2::read::MultiGzDecoder::new(head);
        inflated.read_exact(&mut start).ok()?;
        return Some(start);
    }
    head.first_chunk().copied()
}

/// Says whether a file starts with a name, but not with a line of SAM's header: `@`, two letters and
/// a tab. SAM v1 §1.3 (2024-11-06).
fn is_fastq(start: &[u8; 4]) -> bool {
    let is_header = |[_, first, second, tab]: &[u8; 4]| {
        first.is_ascii_alphabetic() && second.is_ascii_alphanumeric() && *tab == b'\t'
    };
    start[0] == b'@' && !is_header(start)
}

/// Says whether a file starts as SAM: with a header, or with the columns of a record.
fn is_text(head: &[u8], start: &[u8; 4]) -> bool {
    const COLUMN_ENDS: usize = 10;
    let is_printed = |byte: &u8| (b' '..=b'~').contains(byte) || *byte == b'\t';
    if !start.iter().all(is_printed) || head.starts_with(&[0x1F, 0x8B]) {
        return start.iter().all(is_printed);
    }
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or(head);
    let tabs = line.iter().filter(|&&byte| byte == b'\t').count();
    start[0] == b'@' || tabs >= COLUMN_ENDS
}
