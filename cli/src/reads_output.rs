//! Aligned reads as the tools write them, in the format that the file's name says, with an index.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use common::failure::Failure;
use genome::record::RecordView;
use genome::record::sam::write_sam_line;
use worker::formats::bam::{
    END_OF_FILE, FileHeader, Index, IndexFormat, LEVEL, Levels, PartWriter, compressed,
};
use worker::formats::cram::{CramVersion, CramWriter, ReferenceFile};

use crate::exit::{Exit, ended};
use crate::output::{OutputFile, with_ending};

const BUFFER_BYTES: usize = 1 << 20;

/// How reads are written.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct FormatArgs {
    /// Format of the output: sam, bam, cram, or cram,version=3.1 [default: by its name, else bam]
    #[arg(long, value_name = "FORMAT", value_parser = parse_format)]
    output_fmt: Option<Format>,
}

/// A format of reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// SAM.
    Sam,
    /// BAM.
    Bam,
    /// CRAM.
    Cram(CramVersion),
}

impl FormatArgs {
    fn of(&self, path: &Path) -> Format {
        let by_name = match path.extension().and_then(|ending| ending.to_str()) {
            Some("sam") => Format::Sam,
            Some("cram") => Format::Cram(CramVersion::V3_0),
            _ => Format::Bam,
        };
        self.output_fmt.unwrap_or(by_name)
    }

    /// Says whether a file of this name is BAM.
    pub fn is_bam(&self, path: &Path) -> bool {
        self.of(path) == Format::Bam
    }
}

/// What an output is made of beside its records.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// Where it goes.
    pub path: &'a Path,
    /// In which format.
    pub format: &'a FormatArgs,
    /// The reference of CRAM.
    pub reference: Option<&'a Path>,
    /// Whether an index is to be written too.
    pub wants_index: bool,
    /// The levels of deflation.
    pub levels: Levels,
}

impl<'a> Plan<'a> {
    /// Writes in a format, without an index.
    pub const fn new(path: &'a Path, format: &'a FormatArgs, reference: Option<&'a Path>) -> Self {
        Self {
            path,
            format,
            reference,
            wants_index: false,
            levels: Levels::one(LEVEL),
        }
    }
}

/// A file in the making.
pub struct ReadsOutput {
    writer: Writer,
    path: PathBuf,
    header: FileHeader,
    header_bytes: u64,
    wants_index: bool,
}

type Out = BufWriter<OutputFile>;

/// BAM in the making.
pub type BamOut = PartWriter<Out>;

enum Writer {
    Bam(Box<BamOut>),
    Sam(Out, Vec<u8>),
    Cram(Box<CramWriter<Out>>),
}

impl ReadsOutput {
    /// Starts a file with a header.
    ///
    /// # Errors
    /// What the file system answers; that CRAM lacks its reference.
    pub fn create(plan: &Plan<'_>, header: FileHeader) -> Result<Self> {
        let path = plan.path;
        let shown = || path.display().to_string();
        let format = plan.format.of(path);
        if plan.wants_index && format == Format::Sam {
            return Err(ended(Exit::Usage, "SAM cannot be indexed"));
        }
        let reference = match (format, plan.reference) {
            (Format::Cram(_), None) => {
                return Err(ended(Exit::Usage, "CRAM needs --reference FASTA"));
            }
            (_, reference) => reference,
        };
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, OutputFile::create(path)?);
        let mut header_bytes = 0;
        let writer = match (format, reference) {
            (Format::Cram(version), Some(reference)) => {
                let reference = ReferenceFile::new(reference);
                let writer = CramWriter::create(out, &shown(), &header.text, &reference, version);
                Writer::Cram(Box::new(writer.map_err(Failure::from)?))
            }
            (Format::Sam, _) => {
                out.write_all(header.text.as_bytes()).with_context(shown)?;
                Writer::Sam(out, Vec::new())
            }
            _ => {
                let head = compressed(&header.bytes());
                out.write_all(&head).with_context(shown)?;
                header_bytes = head.len() as u64;
                let writer = match plan.wants_index {
                    true => PartWriter::new(out, &header.dictionary),
                    false => PartWriter::unsorted(out, &header.dictionary),
                };
                Writer::Bam(Box::new(writer.with_levels(plan.levels)))
            }
        };
        Ok(Self {
            writer,
            path: path.to_owned(),
            header,
            header_bytes,
            wants_index: plan.wants_index,
        })
    }

    /// Returns what takes whole blocks, where BAM is written.
    pub fn bam(&mut self) -> Option<&mut BamOut> {
        match &mut self.writer {
            Writer::Bam(writer) => Some(writer),
            Writer::Sam(..) | Writer::Cram(_) => None,
        }
    }

    /// Appends a record.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn write(&mut self, record: &RecordView<'_>) -> Result<()> {
        let shown = || self.path.display().to_string();
        match &mut self.writer {
            Writer::Bam(writer) => writer.write(record).with_context(shown),
            Writer::Cram(writer) => Ok(writer.write(record).map_err(Failure::from)?),
            Writer::Sam(out, line) => {
                line.clear();
                write_sam_line(*record, &self.header.dictionary, line);
                out.write_all(line).with_context(shown)
            }
        }
    }

    /// Ends the file and lets it appear, then its index; `stem` is the index's path but for the
    /// ending.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn finish(self, stem: &Path) -> Result<()> {
        let shown = || self.path.display().to_string();
        let mut index = None;
        let mut out = match self.writer {
            Writer::Sam(out, _) => out,
            Writer::Cram(writer) => {
                let (out, bytes) = writer.finish().map_err(Failure::from)?;
                index = Some(("crai", bytes));
                out
            }
            Writer::Bam(writer) => {
                let (mut out, _, part) = writer.finish().with_context(shown)?;
                out.write_all(&END_OF_FILE).with_context(shown)?;
                let format = IndexFormat::of(&self.header.dictionary);
                let contigs = self.header.dictionary.contigs().len();
                let parts = [(self.header_bytes, part)];
                let joined = Index::joined(&parts, format, contigs);
                index = Some((format.ending(), joined.encode().with_context(shown)?));
                out
            }
        };
        out.flush().with_context(shown)?;
        let file = out.into_inner().map_err(io::IntoInnerError::into_error);
        file.with_context(shown)?.publish()?;
        if !self.wants_index {
            return Ok(());
        }
        let Some((ending, bytes)) = index else {
            return Ok(());
        };
        OutputFile::write_whole(&with_ending(stem, &format!(".{ending}")), &bytes)
    }
}

fn parse_format(text: &str) -> Result<Format, String> {
    match text.to_ascii_lowercase().as_str() {
        "sam" => Ok(Format::Sam),
        "bam" => Ok(Format::Bam),
        "cram" | "cram,version=3.0" => Ok(Format::Cram(CramVersion::V3_0)),
        "cram,version=3.1" => Ok(Format::Cram(CramVersion::V3_1)),
        _ => Err("sam, bam, cram or cram,version=3.1".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_choose_the_format_unless_it_is_said() {
        let by_name = FormatArgs::default();
        let said = FormatArgs {
            output_fmt: Some(Format::Sam),
        };
        let cases = [
            ("x.sam", Format::Sam),
            ("x.bam", Format::Bam),
            ("-", Format::Bam),
            ("x.cram", Format::Cram(CramVersion::V3_0)),
        ];
        for (name, format) in cases {
            assert_eq!(by_name.of(Path::new(name)), format);
            assert_eq!(said.of(Path::new(name)), Format::Sam);
        }
        assert_eq!(
            parse_format("CRAM,version=3.1"),
            Ok(Format::Cram(CramVersion::V3_1))
        );
        assert!(parse_format("vcf").is_err());
    }
}
