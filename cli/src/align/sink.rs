//! Where records go: SAM, or a BAM file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use aligner::Index;
use anyhow::{Context, Result};
use genome::monitor::Monitor;
use genome::record::sam::write_sam;
use genome::record::{RecordView, Records};
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

/// SAM on its way out.
pub struct SamSink<'a> {
    out: BufWriter<Box<dyn Write + Send>>,
    lines: SamLines<'a>,
    /// A line in the making.
    line: Vec<u8>,
}

/// Lines of SAM, with what `-C` and `-V` add.
#[derive(Clone, Copy)]
pub struct SamLines<'a> {
    index: &'a Index,
    /// Whether lines end with the comment of their contig.
    shows_contig_comment: bool,
}

/// How the threads that align prepare records for the sink.
#[derive(Clone, Copy)]
pub struct Lines<'a>(Option<SamLines<'a>>);

/// Records as the sink takes them.
pub enum Rendered {
    /// Lines of SAM.
    Text(Vec<u8>),
    /// Records as they are.
    Records(Records),
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
        let lines = SamLines {
            index,
            shows_contig_comment,
        };
        Ok(Self::Sam(SamSink {
            out,
            lines,
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

    /// Returns what prepares records for this sink.
    pub const fn lines(&self) -> Lines<'a> {
        match self {
            Self::Sam(sam) => Lines(Some(sam.lines)),
            Self::Bam(..) | Self::Sorted(_) => Lines(None),
        }
    }

    /// Takes prepared records.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn write_all(&mut self, rendered: Rendered) -> Result<()> {
        match (rendered, self) {
            (Rendered::Text(text), Self::Sam(sam)) => Ok(sam.out.write_all(&text)?),
            (Rendered::Text(_), _) => Ok(()),
            (Rendered::Records(records), sink) => records
                .iter()
                .try_for_each(|record| sink.write(record, &[])),
        }
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
        self.lines.push(record, comment, &mut self.line);
        Ok(self.out.write_all(&self.line)?)
    }
}

impl Lines<'_> {
    /// Prepares the records of some reads, given the comments of these if they are wanted.
    pub fn render(&self, records: Records, comments: &[Vec<u8>]) -> Rendered {
        let Some(lines) = self.0 else {
            return Rendered::Records(records);
        };
        let mut text = Vec::new();
        for at in 0..records.len() {
            let comment = comments.get(records.read(at) as usize);
            let comment = comment.map_or(&[][..], Vec::as_slice);
            lines.push(records.get(at), comment, &mut text);
        }
        Rendered::Text(text)
    }
}

impl SamLines<'_> {
    /// Appends the line of a record and the comment of its read.
    fn push(&self, record: RecordView<'_>, comment: &[u8], text: &mut Vec<u8>) {
        write_sam(record, self.index.dictionary(), text);
        text.pop_if(|last| *last == b'\n');
        if !comment.is_empty() {
            text.push(b'\t');
            text.extend_from_slice(comment);
        }
        if let Some(contig) = record.contig().filter(|_| self.shows_contig_comment) {
            let described = self.index.comment(contig.0);
            if !described.is_empty() {
                text.extend_from_slice(b"\tXR:Z:");
                let plain = described
                    .bytes()
                    .map(|byte| if byte == b'\t' { b' ' } else { byte });
                text.extend(plain);
            }
        }
        text.push(b'\n');
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
