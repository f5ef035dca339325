//! The reads of a lane in a BAM file: primary records, mates joined by name.
//!
//! A pair comes out where its second end is met, so that its place does not depend on memory.

use std::io::Read;
use std::path::Path;

use common::failure::Failure;
use common::location::Location;

use super::super::Context;
use super::bam_read::{ReadDefect, sequenced};
use super::digest::{Digester, FileDigest};
use super::mates::Mates;
use super::names::{NameDigest, Names};
use super::source::Template;
use super::waiting::{End, Waiting};
use crate::error::storage;
use crate::formats::bam::FileReader;

/// Waiting reads may take this share of the memory.
const MATES_SHARE: u64 = 4;

/// The names that were met may take this share of the memory.
const NAMES_SHARE: u64 = 16;

/// A BAM file.
pub struct BamLane {
    reader: FileReader<Box<dyn Read + Send>>,
    digester: Digester,
    /// The first read, which says whether the lane is paired, until it is taken.
    first: Option<Waiting>,
    /// What joins pairs, if the lane is paired.
    pairs: Option<Pairs>,
}

impl BamLane {
    /// Opens a file.
    ///
    /// # Errors
    /// What is wrong with its beginning, up to the first primary record.
    pub fn open(context: &Context<'_>, location: &Location) -> Result<Self, Failure> {
        let stream = context.open_input(location, 0)?;
        let file = location.to_string();
        Self::new(stream, &file, context.scratch, context.memory_bytes)
    }

    fn new(
        stream: Box<dyn Read + Send>,
        file: &str,
        scratch: &Path,
        memory_bytes: u64,
    ) -> Result<Self, Failure> {
        let digester = Digester::default();
        let mut lane = Self {
            reader: FileReader::open(digester.watch(stream), file)?,
            digester,
            first: None,
            pairs: None,
        };
        let Some((first, is_paired)) = lane.primary()? else {
            return Err(Failure::input(file, "file has no primary record"));
        };
        lane.pairs = is_paired.then(|| Pairs::new(scratch, memory_bytes));
        lane.first = Some(first);
        Ok(lane)
    }

    /// Says whether templates have two reads.
    pub const fn is_paired(&self) -> bool {
        self.pairs.is_some()
    }

    /// Skips reads that an earlier attempt gave.
    ///
    /// # Errors
    /// If the file ends before.
    pub fn skip(&mut self, mut reads: u64) -> Result<(), Failure> {
        let mut template = Template::default();
        while reads > 0 {
            if !self.next(&mut template)? {
                let message = format!("file ends {reads} reads before the place to go on at");
                return Err(Failure::input(self.reader.file(), message));
            }
            reads = reads.saturating_sub(template.count as u64);
        }
        Ok(())
    }

    /// Reads the next template; false at the end.
    ///
    /// # Errors
    /// What is wrong with a record, or with its being in this lane.
    pub fn next(&mut self, template: &mut Template) -> Result<bool, Failure> {
        while let Some(waiting) = self.next_read()? {
            let Some(pairs) = &mut self.pairs else {
                template.records[0] = waiting.read;
                template.count = 1;
                return Ok(true);
            };
            let record = waiting.record;
            let joined = pairs.join(waiting);
            if let Some([first, second]) = joined.map_err(|fault| self.refused(record, fault))? {
                template.records = [first.read, second.read];
                template.count = 2;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns what the file was, once it has been read to its end.
    ///
    /// # Errors
    /// If a name was met again after its pair was complete, or no pair was met at all.
    pub fn finish(mut self) -> Result<FileDigest, Failure> {
        let file = self.reader.file();
        let mut digest = self.digester.digest(file);
        let Some(pairs) = self.pairs.take() else {
            return Ok(digest);
        };
        if pairs.joined == 0 {
            return Err(Failure::input(
                file,
                "no read of a pair has its mate in the file",
            ));
        }
        digest.reads_without_mate = Some(pairs.mates.len());
        match pairs.first_repeated().map_err(|fault| storage(&fault))? {
            None => Ok(digest),
            Some(record) => {
                let message = "more than two primary records have the name of this read";
                Err(Failure::input(file, message).at_record(record))
            }
        }
    }

    fn next_read(&mut self) -> Result<Option<Waiting>, Failure> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let Some((read, is_paired)) = self.primary()? else {
            return Ok(None);
        };
        let message = match (self.is_paired(), is_paired) {
            (true, true) | (false, false) => return Ok(Some(read)),
            (true, false) => "unpaired read in a file that begins with paired ones",
            (false, true) => "paired read in a file that begins with unpaired ones",
        };
        Err(Failure::input(self.reader.file(), message).at_record(read.record))
    }

    /// Returns the read of the next primary record, and whether it is paired.
    fn primary(&mut self) -> Result<Option<(Waiting, bool)>, Failure> {
        loop {
            let number = self.reader.record_number() + 1;
            let Some(record) = self.reader.next_record()? else {
                return Ok(None);
            };
            let flags = record.flags();
            if !flags.is_primary() {
                continue;
            }
            let read = sequenced(&record, number);
            let invalid = |defect: ReadDefect| {
                Failure::input(self.reader.file(), defect.to_string()).at_record(number)
            };
            return read
                .map(|read| Some((read, flags.is_paired())))
                .map_err(invalid);
        }
    }

    fn refused(&self, record: u64, fault: Fault) -> Failure {
        match fault {
            Fault::Io(fault) => storage(&fault),
            Fault::SameEnd { .. } => {
                Failure::input(self.reader.file(), fault.to_string()).at_record(record)
            }
        }
    }
}

/// Why a read could not be joined.
#[derive(Debug, thiserror::Error)]
enum Fault {
    /// The scratch folder failed.
    #[error("spill file failed")]
    Io(#[from] std::io::Error),
    /// Two reads of a name are the same of their pair.
    #[error("read {name} is the same end of its pair as record {other}")]
    SameEnd { name: String, other: u64 },
}

/// What joins the reads of a paired lane.
struct Pairs {
    mates: Mates,
    names: Names,
    joined: u64,
}

impl Pairs {
    fn new(scratch: &Path, memory_bytes: u64) -> Self {
        Self {
            mates: Mates::new(scratch, memory_bytes / MATES_SHARE),
            names: Names::new(scratch, memory_bytes / NAMES_SHARE),
            joined: 0,
        }
    }

    /// Returns the pair that the read completes, first of pair first; keeps the read if there is
    /// none yet.
    fn join(&mut self, read: Waiting) -> Result<Option<[Waiting; 2]>, Fault> {
        let name = NameDigest::of(&read.read.name);
        let Some(mate) = self.mates.take(&read.read.name, name)? else {
            self.mates.keep(read)?;
            return Ok(None);
        };
        if mate.end == read.end && read.end != End::Unknown {
            return Err(Fault::SameEnd {
                name: String::from_utf8_lossy(&read.read.name).into_owned(),
                other: mate.record,
            });
        }
        self.names.add(name, mate.record)?;
        self.joined += 1;
        let is_swapped = mate.end == End::Second || read.end == End::First;
        Ok(Some(if is_swapped {
            [read, mate]
        } else {
            [mate, read]
        }))
    }

    /// Returns the first record whose name had a whole pair before.
    fn first_repeated(self) -> std::io::Result<Option<u64>> {
        let Self {
            mates, mut names, ..
        } = self;
        mates.for_each(|name, record| names.add(name, record))?;
        names.first_repeated()
    }
}

#[cfg(test)]
mod tests;
