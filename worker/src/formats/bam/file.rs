//! Reading a whole BAM file that may be damaged: each defect is named with file and record.

use std::io::{self, BufReader, Read};

use common::failure::Failure;
use genome::record::{RecordError, RecordView, SamError};

use super::blocks::END_OF_FILE;
use super::{PartReader, ReadError, Trail};
use crate::error::storage;

/// Bytes of the file that are read at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// No header is longer; it bounds what a damaged length may ask for.
const MAX_HEADER_BYTES: u32 = 1 << 28;

/// Why a BAM file was refused.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The bytes could not be read.
    #[error("{file}: record {record}: cannot be read")]
    Io {
        /// The file, as submitted.
        file: String,
        /// 1-based number of the record; 0 for the header.
        record: u64,
        /// The cause.
        source: io::Error,
    },
    /// The bytes are no BAM that can be used.
    #[error("{file}: record {record}: {defect}")]
    Invalid {
        /// The file, as submitted.
        file: String,
        /// 1-based number of the record; 0 for the header.
        record: u64,
        /// What is wrong.
        defect: Defect,
    },
}

/// What is wrong with a BAM file.
#[derive(Debug, thiserror::Error)]
pub enum Defect {
    /// The magic bytes are others.
    #[error("not a BAM file")]
    NotBam,
    /// Reads that were not aligned.
    #[error("FASTQ, but SAM, BAM or CRAM is needed: align the reads first")]
    Fastq,
    /// It ends in the middle.
    #[error("file is truncated")]
    Truncated,
    /// All records are whole, but the block that closes each BAM is missing.
    #[error("file is truncated: it does not end with the block that ends each BAM")]
    NoEnd,
    /// A block that cannot be inflated, or that has another checksum.
    #[error("a compressed block is corrupt")]
    Corrupt,
    /// A length that can't be.
    #[error("a header of {0} bytes is not believed")]
    Length(u32),
    /// A contig with another length than in the reference.
    #[error("contig {name} has {length} bp, but {expected} in the reference")]
    OtherLength {
        /// Name of the contig.
        name: String,
        /// Its length in the file.
        length: u64,
        /// Its length in the reference.
        expected: u64,
    },
    /// Contigs that both have, in another order.
    #[error("contig {0} stands in another order than in the reference")]
    Order(String),
    /// The reference shares no contig.
    #[error("no contig of the file is in the reference")]
    OtherReference,
    /// A block that is no record.
    #[error("{0}")]
    Record(#[source] RecordError),
    /// A line of SAM that is no record.
    #[error("{0}")]
    Sam(#[source] SamError),
    /// A line of a SAM header.
    #[error("header has a line that cannot be read: {0}")]
    HeaderLine(String),
    /// CRAM that cannot be decoded or encoded.
    #[error("CRAM: {0}")]
    Cram(String),
    /// A reference that CRAM cannot do with.
    #[error("reference cannot be used: {0}")]
    Reference(String),
    /// A contig's number that the header lacks.
    #[error("contig number {0} is not in the header")]
    Contig(u32),
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Io {
                file,
                record,
                source,
            } => {
                let failure = storage(&source);
                let file = failure.file.clone().or(Some(file));
                Self {
                    file,
                    record: Some(record).filter(|&record| record > 0),
                    ..failure
                }
            }
            FileError::Invalid {
                file,
                record: 0,
                defect,
            } => Self::input(file, defect.to_string()),
            FileError::Invalid {
                file,
                record,
                defect,
            } => Self::input(file, defect.to_string()).at_record(record),
        }
    }
}

/// Reads header and records of a file, and checks that its end is there.
pub struct FileReader<R> {
    records: PartReader<BufReader<Ending<R>>>,
    file: String,
    header_text: String,
    contigs: Vec<(String, u64)>,
}

impl<R: Read> FileReader<R> {
    /// Reads the header; `file` is the name for messages.
    ///
    /// # Errors
    /// [`FileError`] if it is not that of a BAM.
    pub fn open(stream: R, file: &str) -> Result<Self, FileError> {
        let stream = BufReader::with_capacity(BUFFER_BYTES, Ending::new(stream));
        let mut reader = Self {
            records: PartReader::new(stream),
            file: file.into(),
            header_text: String::new(),
            contigs: Vec::new(),
        };
        match reader.records.take(4) {
            Ok(magic) if magic == *b"BAM\x01" => {}
            Err(fault) if fault.kind() != io::ErrorKind::UnexpectedEof => {
                return Err(reader.io(fault));
            }
            _ => return Err(reader.invalid(Defect::NotBam)),
        }
        let length = reader.number()?;
        let text = reader.take(length)?;
        let text = String::from_utf8_lossy(&text);
        reader.header_text = text.trim_end_matches('\0').to_owned();
        for _ in 0..reader.number()? {
            let length = reader.number()?;
            let name = reader.take(length)?;
            let name = name.strip_suffix(b"\0").unwrap_or(&name);
            let name = String::from_utf8_lossy(name).into_owned();
            let length = reader.number()?;
            reader.contigs.push((name, length.into()));
        }
        Ok(reader)
    }

    /// Returns the text of the header.
    pub fn header_text(&self) -> &str {
        &self.header_text
    }

    /// Returns names and lengths of the contigs.
    pub fn contigs(&self) -> &[(String, u64)] {
        &self.contigs
    }

    /// Returns the name of the file, as submitted.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns how the records that were not yet read are deflated.
    pub fn follow(&mut self) -> Trail {
        self.records.follow()
    }

    /// Returns the 1-based number of the last record; 0 before the first.
    pub const fn record_number(&self) -> u64 {
        self.records.record_number()
    }

    /// Returns the next record; `None` at the end of a file that is whole.
    ///
    /// # Errors
    /// [`FileError`] names file, record and defect.
    pub fn next_record(&mut self) -> Result<Option<RecordView<'_>>, FileError> {
        let Self { records, file, .. } = self;
        let at = records.record_number();
        // The borrow of a record that is returned lasts: what ends the file is found out before.
        let is_over = records
            .is_over()
            .map_err(|fault| judge(file, at + 1, fault))?;
        if is_over {
            if records.input().get_ref().is_closed() {
                return Ok(None);
            }
            return Err(invalid(file, at, Defect::NoEnd));
        }
        records.next_record().map_err(|fault| match fault {
            ReadError::Io(fault) => judge(file, at + 1, fault),
            ReadError::Truncated { record } => invalid(file, record, Defect::Truncated),
            ReadError::Record { record, source } => invalid(file, record, Defect::Record(source)),
        })
    }

    /// Says what is wrong with the last record.
    pub fn invalid(&self, defect: Defect) -> FileError {
        invalid(&self.file, self.record_number(), defect)
    }

    fn number(&mut self) -> Result<u32, FileError> {
        let bytes = self.take(4)?;
        let bytes = bytes.first_chunk().expect("four bytes were taken");
        Ok(u32::from_le_bytes(*bytes))
    }

    fn take(&mut self, length: u32) -> Result<Vec<u8>, FileError> {
        if length > MAX_HEADER_BYTES {
            return Err(self.invalid(Defect::Length(length)));
        }
        let bytes = self.records.take(length).map_err(|fault| self.io(fault))?;
        if bytes.len() < length as usize {
            return Err(self.invalid(Defect::Truncated));
        }
        Ok(bytes)
    }

    fn io(&self, fault: io::Error) -> FileError {
        judge(&self.file, self.record_number(), fault)
    }
}

fn invalid(file: &str, record: u64, defect: Defect) -> FileError {
    FileError::Invalid {
        file: file.into(),
        record,
        defect,
    }
}

/// Says what a fault of the stream or of its blocks means.
pub(in crate::formats) fn judge(file: &str, record: u64, source: io::Error) -> FileError {
    match source.kind() {
        io::ErrorKind::UnexpectedEof => invalid(file, record, Defect::Truncated),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput if record == 0 => {
            invalid(file, 0, Defect::NotBam)
        }
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            invalid(file, record, Defect::Corrupt)
        }
        _ => FileError::Io {
            file: file.into(),
            record,
            source,
        },
    }
}

/// Remembers the last bytes that were read.
struct Ending<R> {
    inner: R,
    last: [u8; END_OF_FILE.len()],
}

impl<R> Ending<R> {
    const fn new(inner: R) -> Self {
        Self {
            inner,
            last: [0; END_OF_FILE.len()],
        }
    }

    fn is_closed(&self) -> bool {
        self.last == END_OF_FILE
    }
}

impl<R: Read> Read for Ending<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let new = &buffer[count.saturating_sub(self.last.len())..count];
        self.last.rotate_left(new.len());
        let from = self.last.len() - new.len();
        self.last[from..].copy_from_slice(new);
        Ok(count)
    }
}
