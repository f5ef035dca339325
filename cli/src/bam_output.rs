//! A BAM file as the tools write it, with its index if it is sorted.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use genome::record::RecordView;
use worker::formats::bam::{END_OF_FILE, FileHeader, Index, IndexFormat, PartWriter, compressed};

use crate::output::{OutputFile, with_ending};

const BUFFER_BYTES: usize = 1 << 20;

/// A BAM file in the making.
pub struct BamOutput {
    writer: PartWriter<BufWriter<OutputFile>>,
    path: PathBuf,
    header: FileHeader,
    header_bytes: u64,
}

impl BamOutput {
    /// Starts a file with a header, which says whether the records are sorted.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn create(path: &Path, header: FileHeader) -> Result<Self> {
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, OutputFile::create(path)?);
        let head = compressed(&header.bytes());
        out.write_all(&head)
            .with_context(|| path.display().to_string())?;
        let sorted = header.sort_order() == Some("coordinate");
        let writer = match sorted {
            true => PartWriter::new(out, &header.dictionary),
            false => PartWriter::unsorted(out, &header.dictionary),
        };
        Ok(Self {
            writer,
            path: path.to_owned(),
            header,
            header_bytes: head.len() as u64,
        })
    }

    /// Appends a record.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn write(&mut self, record: &RecordView<'_>) -> Result<()> {
        self.writer
            .write(record)
            .with_context(|| self.path.display().to_string())
    }

    /// Ends the file and lets it appear; returns what its index is made of.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn finish(self) -> Result<Finished> {
        let shown = || self.path.display().to_string();
        let (mut out, _, index) = self.writer.finish().with_context(shown)?;
        out.write_all(&END_OF_FILE).with_context(shown)?;
        let file = out.into_inner().map_err(|error| error.into_error());
        file.with_context(shown)?.publish()?;
        let format = IndexFormat::of(&self.header.dictionary);
        let contigs = self.header.dictionary.contigs().len();
        Ok(Finished {
            index: Index::joined(&[(self.header_bytes, index)], format, contigs),
            format,
        })
    }
}

/// A file that is complete.
pub struct Finished {
    index: Index,
    format: IndexFormat,
}

impl Finished {
    /// Writes the index; `stem` is its path but for the ending.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn write_index(&self, stem: &Path) -> Result<()> {
        let path = with_ending(stem, &format!(".{}", self.format.ending()));
        let bytes = self.index.encode();
        let bytes = bytes.with_context(|| path.display().to_string())?;
        OutputFile::write_whole(&path, &bytes)
    }
}
