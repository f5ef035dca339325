//! Reads of one or two files in batches, as `bwa mem -K` cuts them.

use std::fs::File;
use std::path::PathBuf;

use anyhow::Result;
use common::failure::Failure;
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

/// Reads that come together, with what stands behind the name of each, if that is wanted.
pub type Block = aligner::stream::Block<Vec<Vec<u8>>>;

/// The reads of one or two files.
pub struct Source {
    files: Vec<FastqReader>,
    /// How reads belong together.
    pub layout: Layout,
    keeps_comments: bool,
    batch_bases: u64,
    /// Ordinal of the next read.
    ordinal: u64,
    /// Bases of the batch begun.
    bases: u64,
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
            bases: 0,
            record: Record::default(),
        })
    }

    /// Reads on to the end of the batch, at most `most_reads`, an even number; `None` at the end
    /// of the files.
    ///
    /// # Errors
    /// What is wrong with the reads, or that one has no mate.
    pub fn next_block(&mut self, most_reads: usize) -> Result<Option<Block>> {
        let mut block = Block {
            first_ordinal: self.ordinal,
            ..Block::default()
        };
        let reads = &mut block.reads;
        let wanted = self.batch_bases - self.bases.min(self.batch_bases);
        while reads.len() < most_reads
            && (reads.total_bases() < wanted || !reads.len().is_multiple_of(2))
        {
            let file = reads.len() % self.files.len();
            let more = self.files[file].read(&mut self.record);
            if !more.map_err(Failure::from)? {
                break;
            }
            reads.push(self.record.read());
            if self.keeps_comments {
                block.extra.push(self.files[file].comment().to_vec());
            }
        }
        self.ordinal += reads.len() as u64;
        self.bases += reads.total_bases();
        if self.bases >= self.batch_bases {
            (block.ends_batch, self.bases) = (true, 0);
        }
        if self.layout == Layout::TwoFiles {
            self.check_mates(block.reads.len())?;
        }
        Ok(Some(block).filter(|block| !block.reads.is_empty()))
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
