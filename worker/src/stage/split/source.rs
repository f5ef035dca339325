//! The reads of a lane, template by template, whatever files they are in.

use std::io::Read;
use std::sync::{Arc, Mutex};

use common::failure::Failure;
use common::location::Location;
use common::task::SplitCursor;
use common::workflow::LaneReads;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::Context;
use crate::formats::fastq::{FastqReader, Record};

/// What a file was when it was read, for the provenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigest {
    /// The file, as submitted.
    pub file: String,
    /// Its size.
    pub size_bytes: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

/// One or two reads of a template.
#[derive(Debug, Default)]
pub struct Template {
    records: [Record; 2],
    count: usize,
}

impl Template {
    /// Returns the reads.
    pub fn records(&self) -> &[Record] {
        &self.records[..self.count]
    }
}

/// The files of a lane.
pub struct Source {
    files: Vec<File>,
    interleaved: bool,
}

struct File {
    reader: FastqReader,
    digest: Arc<Mutex<Counted>>,
}

impl Source {
    /// Opens the files.
    ///
    /// # Errors
    /// What is wrong with their beginning.
    pub fn open(context: &Context<'_>, reads: &LaneReads) -> Result<Self, Failure> {
        let open = |location| File::open(context, location);
        let (files, interleaved) = match reads {
            LaneReads::SingleEnd(file) => (vec![open(file)?], false),
            LaneReads::Paired(first, second) => (vec![open(first)?, open(second)?], false),
            LaneReads::Interleaved(file) => (vec![open(file)?], true),
            LaneReads::Bam(file) => {
                let message = "reads from BAM are not supported yet: convert them to FASTQ";
                return Err(Failure::input(file.to_string(), message));
            }
        };
        Ok(Self { files, interleaved })
    }

    /// Says whether templates have two reads.
    pub fn is_paired(&self) -> bool {
        self.interleaved || self.files.len() == 2
    }

    /// Goes on where an earlier attempt stood.
    ///
    /// # Errors
    /// If the files end before.
    pub fn skip(&mut self, cursor: &SplitCursor) -> Result<(), Failure> {
        let records = cursor.next_ordinal / self.files.len() as u64;
        for (file, offset) in self.files.iter_mut().zip(cursor.offsets) {
            file.reader.skip(offset, records)?;
        }
        Ok(())
    }

    /// Returns how much decompressed text of each file has been read.
    pub fn offsets(&self) -> [u64; 2] {
        let offset = |index| {
            self.files
                .get(index)
                .map_or(0, |f: &File| f.reader.consumed_bytes())
        };
        [offset(0), offset(1)]
    }

    /// Reads the next template; false at the end.
    ///
    /// # Errors
    /// What is wrong with its reads, or that one has no mate.
    pub fn next(&mut self, template: &mut Template) -> Result<bool, Failure> {
        let [first, second] = &mut template.records;
        template.count = 1 + usize::from(self.interleaved || self.files.len() == 2);
        let has_first = self.files[0].reader.read(first)?;
        if template.count == 1 {
            return Ok(has_first);
        }
        if self.interleaved && !has_first {
            return Ok(false);
        }
        let last = self.files.len() - 1;
        let has_second = self.files[last].reader.read(second)?;
        match (has_first, has_second) {
            (false, false) => Ok(false),
            (true, true) => self.check_mates(first, second).map(|()| true),
            (true, false) => Err(self.without_mate(0, last)),
            (false, true) => Err(self.without_mate(last, 0)),
        }
    }

    fn check_mates(&self, first: &Record, second: &Record) -> Result<(), Failure> {
        if first.name == second.name {
            return Ok(());
        }
        let reader = &self.files[self.files.len() - 1].reader;
        let [first, second] = [first, second].map(|read| String::from_utf8_lossy(&read.name));
        let message = format!("mates have different names: {first} and {second}");
        Err(Failure::input(reader.file(), message).at_record(reader.record_number()))
    }

    fn without_mate(&self, has: usize, lacks: usize) -> Failure {
        let (has, lacks) = (&self.files[has].reader, &self.files[lacks].reader);
        let message = match has.file() == lacks.file() {
            true => "the last read has no mate".to_owned(),
            false => {
                format!(
                    "read has no mate: {} ends after {}",
                    lacks.file(),
                    lacks.record_number()
                )
            }
        };
        Failure::input(has.file(), message).at_record(has.record_number())
    }

    /// Returns what the files were, once they have been read to their ends.
    ///
    /// # Errors
    /// What storage answers.
    pub fn finish(self) -> Result<Vec<FileDigest>, Failure> {
        self.files.into_iter().map(File::finish).collect()
    }
}

impl File {
    fn open(context: &Context<'_>, location: &Location) -> Result<Self, Failure> {
        let digest = Arc::new(Mutex::new(Counted::default()));
        let stream = context.open_input(location, 0)?;
        let counting = Counting {
            stream,
            digest: Arc::clone(&digest),
        };
        let reader = FastqReader::open(Box::new(counting), &location.to_string())?;
        Ok(Self { reader, digest })
    }

    fn finish(self) -> Result<FileDigest, Failure> {
        let file = self.reader.file().to_owned();
        let counted = self
            .digest
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let sha256: [u8; 32] = counted.sha256.clone().finalize().into();
        let sha256 = common::ids::Sha256(sha256).to_string();
        Ok(FileDigest {
            file,
            size_bytes: counted.size_bytes,
            sha256,
        })
    }
}

/// Bytes that went through, and their digest.
#[derive(Default)]
struct Counted {
    size_bytes: u64,
    sha256: Sha256,
}

/// Digests a stream while it is read.
struct Counting {
    stream: Box<dyn Read + Send>,
    digest: Arc<Mutex<Counted>>,
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let bytes = self.stream.read(buffer)?;
        let mut counted = self
            .digest
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        counted.size_bytes += bytes as u64;
        counted.sha256.update(&buffer[..bytes]);
        Ok(bytes)
    }
}
