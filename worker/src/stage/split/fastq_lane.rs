//! The reads of a lane of FASTQ files.

use common::failure::Failure;
use common::location::Location;
use common::task::SplitCursor;

use super::super::Context;
use super::digest::{Digester, FileDigest};
use super::source::Template;
use crate::formats::fastq::{FastqReader, Record};

/// One or two FASTQ files.
pub struct FastqLane {
    files: Vec<File>,
    interleaved: bool,
}

struct File {
    reader: FastqReader,
    digester: Digester,
}

impl FastqLane {
    /// Opens one file, interleaved or of single reads, or two files of mates.
    ///
    /// # Errors
    /// What is wrong with their beginning.
    pub fn open(
        context: &Context<'_>,
        files: &[&Location],
        interleaved: bool,
    ) -> Result<Self, Failure> {
        let files = files.iter().map(|location| File::open(context, location));
        let files = files.collect::<Result<_, _>>()?;
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
    pub fn finish(self) -> Vec<FileDigest> {
        let digest = |file: &File| file.digester.digest(file.reader.file());
        self.files.iter().map(digest).collect()
    }
}

impl File {
    fn open(context: &Context<'_>, location: &Location) -> Result<Self, Failure> {
        let digester = Digester::default();
        let stream = digester.watch(context.open_input(location, 0)?);
        let reader = FastqReader::open(stream, &location.to_string())?;
        Ok(Self { reader, digester })
    }
}
