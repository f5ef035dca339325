//! Reads of one or two files in batches, as `bwa mem -K` cuts them.

use std::fs::File;
use std::path::PathBuf;

use anyhow::Result;
use common::failure::Failure;
use genome::reads::Reads;
use worker::formats::fastq::{FastqReader, Record};

/// How reads belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Each alone.
    Single,
    /// Mates in two files.
    TwoFiles,
    /// Mates are neighbours with one name; others are alone.
    Interleaved,
}

/// Reads that are aligned together.
#[derive(Debug, Default)]
pub struct Batch {
    /// The reads.
    pub reads: Reads,
    /// What stands behind the name of each, if it is wanted.
    pub comments: Vec<Vec<u8>>,
    /// Ordinal of the first read.
    pub first_ordinal: u64,
}

/// The reads of one or two files.
pub struct Source {
    files: Vec<FastqReader>,
    /// How reads belong together.
    pub layout: Layout,
    keeps_comments: bool,
    batch_bases: u64,
    ordinal: u64,
    record: Record,
}

impl Source {
    /// Opens the files.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn open(
        paths: &[&PathBuf],
        interleaved: bool,
        (batch_bases, keeps_comments): (u64, bool),
    ) -> Result<Self> {
        let open = |path: &&PathBuf| -> Result<FastqReader> {
            let shown = path.display().to_string();
            let file = File::open(path)
                .map_err(|error| Failure::input(shown.clone(), error.to_string()))?;
            Ok(FastqReader::open_with_fasta(Box::new(file), &shown).map_err(Failure::from)?)
        };
        Ok(Self {
            files: paths.iter().map(open).collect::<Result<_>>()?,
            layout: match (paths.len(), interleaved) {
                (2, _) => Layout::TwoFiles,
                (_, true) => Layout::Interleaved,
                _ => Layout::Single,
            },
            keeps_comments,
            batch_bases,
            ordinal: 0,
            record: Record::default(),
        })
    }

    /// Reads the next batch; `None` at the end of the files.
    ///
    /// # Errors
    /// What is wrong with the reads, or that one has no mate.
    pub fn next_batch(&mut self) -> Result<Option<Batch>> {
        let mut batch = Batch {
            first_ordinal: self.ordinal,
            ..Batch::default()
        };
        let reads = &mut batch.reads;
        while reads.total_bases() < self.batch_bases || !reads.len().is_multiple_of(2) {
            let file = reads.len() % self.files.len();
            let more = self.files[file].read(&mut self.record);
            if !more.map_err(Failure::from)? {
                break;
            }
            reads.push(self.record.read());
            if self.keeps_comments {
                batch.comments.push(self.files[file].comment().to_vec());
            }
        }
        self.ordinal += batch.reads.len() as u64;
        if self.layout == Layout::TwoFiles {
            self.check_mates(batch.reads.len())?;
        }
        Ok(Some(batch).filter(|batch| !batch.reads.is_empty()))
    }

    /// Checks that neither file has a read more than the other.
    fn check_mates(&mut self, reads: usize) -> Result<()> {
        let lonely = match reads {
            0 => self.files[1]
                .read(&mut self.record)
                .map_err(Failure::from)?
                .then_some(1),
            _ => (!reads.is_multiple_of(2)).then_some(0),
        };
        let Some(file) = lonely else { return Ok(()) };
        let reader = &self.files[file];
        let failure = Failure::input(reader.file(), "read has no mate");
        Err(failure.at_record(reader.record_number()).into())
    }
}
