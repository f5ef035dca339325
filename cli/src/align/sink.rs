//! Where records go: SAM, or a BAM file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use aligner::Index;
use anyhow::{Context, Result};
use genome::monitor::Monitor;
use genome::record::RecordView;
use genome::record::sam::write_sam;
use reads::sort::{SortOrder, Sorter};
use worker::formats::bam::FileHeader;

use crate::output::folder_of;
use crate::reads_output::{FormatArgs, Plan, ReadsOutput};
use crate::spill::Spill;

/// Memory that sorting takes before records wait in a file.
const SORT_BYTES: usize = 512 << 20;
const BUFFER_BYTES: usize = 1 << 20;

/// An output in the making.
pub enum Sink<'a> {
    /// Lines of text.
    Sam(SamSink<'a>),
    /// Records in the order of the reads.
    Bam(ReadsOutput, PathBuf),
    /// Records by coordinate.
    Sorted(SortedBam),
}

/// SAM, with what `-C` and `-V` add.
pub struct SamSink<'a> {
    /// Where lines go.
    pub out: BufWriter<Box<dyn Write + Send>>,
    /// The contigs and their comments.
    pub index: &'a Index,
    /// Whether lines end with the comment of their contig.
    pub shows_contig_comment: bool,
    /// A line in the making.
    pub line: Vec<u8>,
}

/// A BAM file that is sorted before it is written.
pub struct SortedBam {
    sorter: Sorter,
    spill: Spill,
    out: ReadsOutput,
    path: PathBuf,
}

impl<'a> Sink<'a> {
    /// Starts SAM in a file or on standard output.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn sam(
        path: Option<&Path>,
        (index, header): (&'a Index, &str),
        shows_contig_comment: bool,
    ) -> Result<Self> {
        let out: Box<dyn Write + Send> = match path {
            Some(path) => Box::new(File::create(path).with_context(|| path.display().to_string())?),
            None => Box::new(std::io::stdout()),
        };
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, out);
        out.write_all(header.as_bytes())?;
        Ok(Self::Sam(SamSink {
            out,
            index,
            shows_contig_comment,
            line: Vec::new(),
        }))
    }

    /// Starts a BAM file.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn bam(path: &Path, (index, header): (&Index, &str), sorted: bool) -> Result<Self> {
        let header = FileHeader {
            text: header.into(),
            dictionary: index.dictionary().clone(),
        };
        let format = FormatArgs::default();
        let plan = Plan::new(path, &format, None);
        if !sorted {
            let out = ReadsOutput::create(&plan, header.with_sort_order("unsorted"))?;
            return Ok(Self::Bam(out, path.to_owned()));
        }
        Ok(Self::Sorted(SortedBam {
            sorter: Sorter::new(SortOrder::Coordinate, SORT_BYTES),
            spill: Spill::new_in(folder_of(path)),
            out: ReadsOutput::create(&plan, header.with_sort_order("coordinate"))?,
            path: path.to_owned(),
        }))
    }

    /// Takes a record and the comment of its read.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn write(&mut self, record: RecordView<'_>, comment: &[u8]) -> Result<()> {
        match self {
            Self::Sam(sam) => sam.write(record, comment),
            Self::Bam(out, _) => out.write(&record),
            Self::Sorted(sorted) => sorted.push(record),
        }
    }

    /// Ends the output.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn finish(self) -> Result<()> {
        match self {
            Self::Sam(mut sam) => Ok(sam.out.flush()?),
            Self::Bam(out, path) => out.finish(&path),
            Self::Sorted(sorted) => sorted.finish(),
        }
    }
}

impl SamSink<'_> {
    fn write(&mut self, record: RecordView<'_>, comment: &[u8]) -> Result<()> {
        self.line.clear();
        write_sam(record, self.index.dictionary(), &mut self.line);
        self.line.pop_if(|last| *last == b'\n');
        if !comment.is_empty() {
            self.line.push(b'\t');
            self.line.extend_from_slice(comment);
        }
        if let Some(contig) = record.contig().filter(|_| self.shows_contig_comment) {
            let text = self.index.comment(contig.0);
            if !text.is_empty() {
                self.line.extend_from_slice(b"\tXR:Z:");
                let plain = text
                    .bytes()
                    .map(|byte| if byte == b'\t' { b' ' } else { byte });
                self.line.extend(plain);
            }
        }
        self.line.push(b'\n');
        Ok(self.out.write_all(&self.line)?)
    }
}

impl SortedBam {
    fn push(&mut self, record: RecordView<'_>) -> Result<()> {
        if self.sorter.is_full(&record) {
            let Self { sorter, spill, .. } = self;
            spill.add(|out| sorter.spill(out)).context("scratch file")?;
        }
        self.sorter.push(record);
        Ok(())
    }

    fn finish(self) -> Result<()> {
        let Self {
            sorter,
            spill,
            mut out,
            path,
        } = self;
        let write = |record: RecordView<'_>| out.write(&record);
        sorter.merge(spill.into_stretches(), &Monitor::default(), write)?;
        out.finish(&path)
    }
}
