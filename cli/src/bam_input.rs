//! A BAM file as the tools read it: from start to end, every fault named with file and record.

use std::error::Error as _;
use std::fs::File;
use std::io::{self, BufReader};
use std::os::unix::fs::FileExt;
use std::path::Path;

use common::failure::{Failure, FailureClass};
use genome::dictionary::Dictionary;
use genome::read_group::ReadGroup;
use genome::record::RecordView;
use genome::region::ContigId;
use worker::formats::bam::{END_OF_FILE, FileHeader, PartReader, ReadError};

const BUFFER_BYTES: usize = 1 << 20;

/// An open BAM file.
pub struct BamInput {
    file: String,
    header: FileHeader,
    reader: PartReader<BufReader<File>>,
    record: u64,
    /// Where the last record lies, if the records have to ascend.
    last: Option<(u32, u32)>,
}

impl BamInput {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// What is wrong with the file: it cannot be opened, is not BAM, or lacks its end.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let shown = path.display().to_string();
        let unreadable = |verb: &str, error: io::Error| {
            Failure::input(shown.clone(), format!("cannot be {verb}: {error}"))
        };
        let file = File::open(path).map_err(|error| unreadable("opened", error))?;
        let ends_well = has_end_mark(&file).map_err(|error| unreadable("read", error))?;
        let input = BufReader::with_capacity(BUFFER_BYTES, file);
        let (header, reader) = PartReader::of_file(input).map_err(|error| match error {
            ReadError::Io(error) if !is_damage(&error) => unreadable("read", error),
            _ => Failure::input(shown.clone(), "not a BAM file"),
        })?;
        if !ends_well {
            let message = "file is truncated: the mark of its end is missing";
            return Err(Failure::input(shown, message));
        }
        Ok(Self {
            file: shown,
            header,
            reader,
            record: 0,
            last: None,
        })
    }

    /// Returns the header.
    pub const fn header(&self) -> &FileHeader {
        &self.header
    }

    /// Returns the read groups of the header.
    ///
    /// # Errors
    /// Which line is malformed.
    pub fn read_groups(&self) -> Result<Vec<ReadGroup>, Failure> {
        let groups = self.header.read_groups();
        groups.map_err(|error| Failure::input(&self.file, error.to_string()))
    }

    /// Demands that the records are sorted by coordinate, and that the header says so.
    ///
    /// # Errors
    /// What the header says instead.
    pub fn require_sorted(&mut self) -> Result<(), Failure> {
        if self.header.sort_order() == Some("coordinate") {
            self.last = Some((0, 0));
            return Ok(());
        }
        let found = self.header.sort_order().unwrap_or("no order");
        let message = format!("header says {found}, but SO:coordinate is needed: run spindle sort");
        Err(Failure::input(&self.file, message))
    }

    /// Returns, for each contig of the file, that of a reference.
    ///
    /// # Errors
    /// Which contig has another length in the reference, or that none is in it.
    pub fn contigs_in(&self, reference: &Dictionary) -> Result<Vec<Option<ContigId>>, Failure> {
        let mut found = Vec::new();
        for contig in self.header.dictionary.contigs() {
            let id = reference.find(&contig.name);
            let expected = id.map(|id| reference.contig(id).length);
            if let Some(expected) = expected.filter(|&expected| expected != contig.length) {
                let (name, length) = (&contig.name, contig.length);
                let message =
                    format!("contig {name} has {length} bp, but {expected} in the reference");
                return Err(Failure::input(&self.file, message));
            }
            found.push(id);
        }
        if found.iter().all(Option::is_none) {
            let message = "no contig of the file is in the reference";
            return Err(Failure::input(&self.file, message));
        }
        Ok(found)
    }

    /// Returns the next record with its 1-based number; `None` at the end.
    ///
    /// # Errors
    /// Which record is malformed or out of order.
    pub fn next_record(&mut self) -> Result<Option<(u64, RecordView<'_>)>, Failure> {
        self.record += 1;
        let number = self.record;
        let fault = |message: String| Failure::input(&self.file, message).at_record(number);
        let next = self.reader.next_record().map_err(|error| match error {
            ReadError::Io(error) if !is_damage(&error) => {
                let message = format!("{}: {error}", self.file);
                Failure::new(FailureClass::StorageTransient, message).at_record(number)
            }
            ReadError::Io(_) => fault("file is truncated or damaged".into()),
            ReadError::Record { source, .. } => fault(source.to_string()),
            ReadError::Truncated { .. } => fault("file is truncated".into()),
            ReadError::Magic => fault(error.to_string()),
        })?;
        let Some(record) = next else {
            return Ok(None);
        };
        let contigs = self.header.dictionary.contigs().len();
        for contig in [record.contig(), record.mate_contig()]
            .into_iter()
            .flatten()
        {
            if contig.0 as usize >= contigs {
                let contig = contig.0;
                return Err(fault(format!(
                    "contig number {contig} is not in the header"
                )));
            }
        }
        if let Some(last) = &mut self.last {
            let contig = record.contig().map_or(u32::MAX, |contig| contig.0);
            let here = (contig, record.position().unwrap_or(0));
            if here < *last {
                return Err(fault("record is not in coordinate order".into()));
            }
            *last = here;
        }
        Ok(Some((number, record)))
    }
}

/// Says whether the bytes are at fault, not the storage.
fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    let kinds = [InvalidData, InvalidInput, Other, UnexpectedEof];
    error.raw_os_error().is_none() && (kinds.contains(&error.kind()) || error.source().is_some())
}

/// Says whether a file ends with BAM's mark; what is no regular file cannot be asked.
fn has_end_mark(file: &File) -> io::Result<bool> {
    let found = file.metadata()?;
    if !found.is_file() {
        return Ok(true);
    }
    let mut tail = [0; END_OF_FILE.len()];
    let Some(start) = found.len().checked_sub(tail.len() as u64) else {
        return Ok(false);
    };
    file.read_exact_at(&mut tail, start)?;
    Ok(tail == END_OF_FILE)
}
