//! VCF text to a file, compressed and indexed if its name says so. The file appears when it is whole.

use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use common::failure::{Failure, FailureClass};
use genome::dictionary::Dictionary;
use worker::formats::vcf::Writer;

use crate::output::{OutputFile, with_ending};

/// Where the text goes.
pub enum VcfOutput {
    /// As it is.
    Plain(BufWriter<OutputFile>),
    /// BGZF with an index.
    Compressed(Box<Writer<BufWriter<OutputFile>>>),
}

impl VcfOutput {
    /// Creates a file; one that ends in .gz is compressed and indexed.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn create(path: &Path, dictionary: &Dictionary) -> Result<Self> {
        let file = BufWriter::with_capacity(1 << 20, OutputFile::create(path)?);
        Ok(match path.extension() {
            Some(ending) if ending == "gz" => {
                Self::Compressed(Box::new(Writer::new(file, dictionary)))
            }
            _ => Self::Plain(file),
        })
    }

    /// Appends text.
    ///
    /// # Errors
    /// What the file system answers; records that are out of order.
    pub fn write(&mut self, text: &[u8]) -> Result<(), Failure> {
        let written = match self {
            Self::Plain(file) => file.write_all(text),
            Self::Compressed(writer) => writer.write_text(text),
        };
        written.map_err(|error| Failure::new(FailureClass::Internal, format!("output: {error}")))
    }

    /// Ends the file, lets it appear, and writes its index.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn finish(self, path: &Path) -> Result<()> {
        match self {
            Self::Plain(file) => publish(file, path),
            Self::Compressed(writer) => {
                let written = writer.finish();
                let written = written.with_context(|| path.display().to_string())?;
                publish(written.out, path)?;
                let index = with_ending(path, written.index_ending);
                OutputFile::write_whole(&index, &written.index)
            }
        }
    }
}

fn publish(file: BufWriter<OutputFile>, path: &Path) -> Result<()> {
    let file = file.into_inner().map_err(|error| error.into_error());
    file.with_context(|| path.display().to_string())?.publish()
}
