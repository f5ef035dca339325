//! Several files of reads as one, their headers joined.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use common::failure::Failure;
use genome::record::{RecordView, TagValue, tags};
use worker::formats::bam::{FileHeader, Trail};

use crate::reads_input::ReadsInput;

/// How records follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// Sorted by coordinate.
    Coordinate,
    /// All records of a name together.
    Name,
}

/// Open files whose records come in one order.
pub struct Inputs {
    files: Vec<Source>,
    header: FileHeader,
    grouping: Grouping,
    /// The file of the record in view.
    present: Option<usize>,
    taken: u64,
}

/// One file.
struct Source {
    input: ReadsInput,
    /// New names of its read groups and programs, where others have the old ones.
    renamed: Vec<(Field, String, String)>,
    /// The record that comes next; empty at the end.
    head: Vec<u8>,
}

/// A kind of header line that records name.
type Field = [u8; 2];

impl Inputs {
    /// Opens files and joins their headers.
    ///
    /// # Errors
    /// What is wrong with a file: among others its order, or its contigs.
    pub fn open(
        paths: &[PathBuf],
        reference: Option<&Path>,
        assumed: Option<Grouping>,
    ) -> Result<Self, Failure> {
        let mut files: Vec<Source> = Vec::new();
        let mut header: Option<FileHeader> = None;
        let mut grouping = assumed;
        for path in paths {
            if !path.is_file() && path.exists() {
                let message = "is read twice: it has to be a regular file";
                return Err(Failure::input(path.display().to_string(), message));
            }
            let mut input = ReadsInput::open(path, reference)?;
            let own = match assumed {
                Some(assumed) => assumed,
                None => grouping_of(&mut input)?,
            };
            if *grouping.get_or_insert(own) != own {
                let message = "is ordered otherwise than the first input";
                return Err(Failure::input(input.file(), message));
            }
            if own == Grouping::Coordinate {
                input.demand_ascending();
            }
            let mut renamed = Vec::new();
            header = Some(match header {
                None => input.header().clone(),
                Some(joined) => join(&joined, &input, &mut renamed)?,
            });
            files.push(Source {
                input,
                renamed,
                head: Vec::new(),
            });
        }
        let mut inputs = Self {
            files,
            header: header.unwrap_or_else(|| FileHeader {
                text: String::new(),
                dictionary: genome::dictionary::Dictionary::default(),
            }),
            grouping: grouping.unwrap_or(Grouping::Coordinate),
            present: None,
            taken: 0,
        };
        if inputs.files.len() > 1 {
            inputs.files.iter_mut().try_for_each(Source::advance)?;
        }
        Ok(inputs)
    }

    /// Returns the joined header; that of several files grouped by name claims no order of names.
    pub fn header(&self) -> FileHeader {
        match (self.grouping, self.files.len()) {
            (Grouping::Name, 2..) => self.header.with_grouping("query"),
            _ => self.header.clone(),
        }
    }

    /// Returns the name of the first file for messages.
    pub fn first_file(&self) -> &str {
        self.files.first().map_or("", |source| source.input.file())
    }

    /// Returns how the records follow each other.
    pub const fn grouping(&self) -> Grouping {
        self.grouping
    }

    /// Returns how the records are deflated, if there is one file and it is BAM.
    pub fn follow(&mut self) -> Option<Trail> {
        match self.files.as_mut_slice() {
            [only] => only.input.follow(),
            _ => None,
        }
    }

    /// Returns the next record with its 1-based number in all files.
    ///
    /// # Errors
    /// Which record of which file is malformed or out of order.
    pub fn next_record(&mut self) -> Result<Option<(u64, RecordView<'_>)>, Failure> {
        self.taken += 1;
        if self.files.len() == 1 {
            let record = self.files[0].input.next_record()?;
            return Ok(record.map(|(_, record)| (self.taken, record)));
        }
        if let Some(present) = self.present {
            self.files[present].advance()?;
        }
        let waiting = (0..self.files.len()).filter(|&at| !self.files[at].head.is_empty());
        let first = match self.grouping {
            Grouping::Name => waiting.min(),
            Grouping::Coordinate => {
                waiting.min_by(|&a, &b| compare(&self.files[a].record(), &self.files[b].record()))
            }
        };
        self.present = first;
        Ok(first.map(|file| (self.taken, self.files[file].record())))
    }
}

impl Source {
    fn record(&self) -> RecordView<'_> {
        RecordView::trusted(&self.head)
    }

    fn advance(&mut self) -> Result<(), Failure> {
        self.head.clear();
        let Some((_, record)) = self.input.next_record()? else {
            return Ok(());
        };
        if self.renamed.is_empty() {
            self.head.extend_from_slice(record.bytes());
        } else {
            rename(&record, &self.renamed, &mut self.head);
        }
        Ok(())
    }
}

/// Reads from the header how records follow each other.
fn grouping_of(input: &mut ReadsInput) -> Result<Grouping, Failure> {
    let header = input.header();
    if header.sort_order() == Some("queryname") || header.grouping() == Some("query") {
        return Ok(Grouping::Name);
    }
    input.require_sorted().map(|()| Grouping::Coordinate)
}

/// The order in which Picard merges sorted files.
fn compare(a: &RecordView<'_>, b: &RecordView<'_>) -> Ordering {
    let place = |record: &RecordView<'_>| {
        let contig = record.contig().map_or(u32::MAX, |contig| contig.0);
        (contig, record.position())
    };
    let rest = |record: &RecordView<'_>| {
        let mate = (
            record.mate_contig().map(|contig| contig.0),
            record.mate_position(),
        );
        let quality = record.mapping_quality();
        (record.flags().0, quality, mate, record.template_length())
    };
    place(a)
        .cmp(&place(b))
        .then_with(|| a.flags().is_reverse().cmp(&b.flags().is_reverse()))
        .then_with(|| a.name().cmp(b.name()))
        .then_with(|| rest(a).cmp(&rest(b)))
}

/// Adds the lines of another header; read groups and programs whose names are taken get new ones.
fn join(
    joined: &FileHeader,
    input: &ReadsInput,
    renamed: &mut Vec<(Field, String, String)>,
) -> Result<FileHeader, Failure> {
    let other = input.header();
    if other.dictionary != joined.dictionary {
        let message = "has other contigs than the first input";
        return Err(Failure::input(input.file(), message));
    }
    let mut text = joined.text.clone();
    for (start, field) in [("@RG\t", *b"RG"), ("@PG\t", *b"PG")] {
        for line in other.text.lines().filter(|line| line.starts_with(start)) {
            let known = |line: &str, text: &str| text.lines().any(|known| known == line);
            if known(line, &text) {
                continue;
            }
            let id = line.split('\t').find_map(|field| field.strip_prefix("ID:"));
            let id = id.unwrap_or_default();
            let is_taken = |id: &str| {
                let field = format!("ID:{id}");
                let mut lines = text.lines().filter(|line| line.starts_with(start));
                lines.any(|line| line.split('\t').any(|known| known == field))
            };
            let numbered = (1..).map(|number| format!("{id}.{number}"));
            let mut names = std::iter::once(id.to_owned()).chain(numbered);
            let name = names.find(|name| !is_taken(name)).unwrap_or_default();
            let line = line.replacen(&format!("ID:{id}"), &format!("ID:{name}"), 1);
            if name != id {
                renamed.push((field, id.to_owned(), name));
            }
            text.push_str(&line);
            text.push('\n');
        }
    }
    Ok(FileHeader {
        text,
        dictionary: joined.dictionary.clone(),
    })
}

/// Writes a record with other names of its read group and program.
fn rename(record: &RecordView<'_>, renamed: &[(Field, String, String)], bytes: &mut Vec<u8>) {
    let block = record.bytes();
    let tag_bytes = record.tag_bytes();
    let mut dropped = Vec::new();
    let mut added = Vec::new();
    for (tag, value) in tags(tag_bytes) {
        let TagValue::Text(text) = value else {
            continue;
        };
        let is_this =
            |(field, old, _): &&(Field, String, String)| *field == tag && old.as_bytes() == text;
        if let Some((_, _, new)) = renamed.iter().find(is_this) {
            dropped.push(tag);
            added.extend_from_slice(&tag);
            added.push(b'Z');
            added.extend_from_slice(new.as_bytes());
            added.push(0);
        }
    }
    bytes.extend_from_slice(&block[..block.len() - tag_bytes.len()]);
    genome::record::without_tags(tag_bytes, &dropped, bytes);
    bytes.extend_from_slice(&added);
}
