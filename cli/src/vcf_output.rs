//! VCF text to a file, compressed and indexed if its name says so.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use common::failure::{Failure, FailureClass};
use genome::dictionary::Dictionary;
use worker::formats::vcf::Writer;

/// Where the text goes.
pub enum VcfOutput {
    /// As it is.
    Plain(BufWriter<File>),
    /// BGZF with an index.
    Compressed(Box<Writer<BufWriter<File>>>),
}

impl VcfOutput {
    /// Creates a file; one that ends in .gz is compressed and indexed.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn create(path: &Path, dictionary: &Dictionary) -> Result<Self> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        let file = BufWriter::with_capacity(1 << 20, file);
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

    /// Ends the file, and writes its index.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn finish(self, path: &Path) -> Result<()> {
        let shown = || path.display().to_string();
        match self {
            Self::Plain(mut file) => file.flush().with_context(shown),
            Self::Compressed(writer) => {
                let mut written = writer.finish().with_context(shown)?;
                written.out.flush().with_context(shown)?;
                let mut index = path.as_os_str().to_owned();
                index.push(written.index_ending);
                std::fs::write(&index, &written.index).with_context(shown)
            }
        }
    }
}
