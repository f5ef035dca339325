//! Aligned reads as the tools read them: from start to end, every fault named with file and record.

use std::fs::File;
use std::path::Path;

use common::failure::Failure;
use genome::dictionary::{Contig, Dictionary};
use genome::read_group::ReadGroup;
use genome::record::RecordView;
use genome::region::ContigId;
use worker::formats::bam::{FileHeader, Trail};
use worker::formats::cram::ReferenceFile;
use worker::formats::reads_file::ReadsFile;

/// An open SAM, BAM or CRAM file.
pub struct ReadsInput {
    file: String,
    header: FileHeader,
    reader: ReadsFile,
    /// Where the last record lies, if the records have to ascend.
    last: Option<(u32, u32)>,
}

impl ReadsInput {
    /// Opens a file and reads its header; `-` is standard input. CRAM may need a reference.
    ///
    /// # Errors
    /// What is wrong with the file: it cannot be opened, or holds no reads.
    pub fn open(path: &Path, reference: Option<&Path>) -> Result<Self, Failure> {
        let shown = path.display().to_string();
        if path.is_dir() {
            return Err(Failure::input(shown, "not a BAM file but a folder"));
        }
        let source = match path == Path::new("-") {
            true => Path::new("/dev/stdin"),
            false => path,
        };
        let file = File::open(source)
            .map_err(|error| Failure::input(&shown, format!("cannot be opened: {error}")))?;
        let reference = reference.map(ReferenceFile::new);
        let reader = ReadsFile::open(Box::new(file), &shown, reference.as_ref());
        let reader = reader.map_err(Failure::from)?;
        let contig = |(name, length): &(String, u64)| Contig {
            name: name.clone(),
            length: *length,
        };
        Ok(Self {
            header: FileHeader {
                text: reader.header_text().to_owned(),
                dictionary: Dictionary::new(reader.contigs().iter().map(contig).collect()),
            },
            file: shown,
            reader,
            last: None,
        })
    }

    /// Returns the header.
    pub const fn header(&self) -> &FileHeader {
        &self.header
    }

    /// Returns the name of the file for messages.
    pub fn file(&self) -> &str {
        &self.file
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
            self.demand_ascending();
            return Ok(());
        }
        let found = self.header.sort_order().unwrap_or("no order");
        let message = format!("header says {found}, but SO:coordinate is needed: run spindle sort");
        Err(Failure::input(&self.file, message))
    }

    /// Demands that the records are sorted by coordinate, whatever the header says.
    pub const fn demand_ascending(&mut self) {
        self.last = Some((0, 0));
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

    /// Returns how the records that were not yet read are deflated, if they are BAM.
    pub fn follow(&mut self) -> Option<Trail> {
        self.reader.follow()
    }

    /// Returns the next record with its 1-based number; `None` at the end.
    ///
    /// # Errors
    /// Which record is malformed or out of order.
    pub fn next_record(&mut self) -> Result<Option<(u64, RecordView<'_>)>, Failure> {
        let number = self.reader.record_number() + 1;
        let fault = |message: String| Failure::input(&self.file, message).at_record(number);
        let Some(record) = self.reader.next_record().map_err(Failure::from)? else {
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
        if let Some(contig) = record.contig() {
            let contig = &self.header.dictionary.contigs()[contig.0 as usize];
            let end = record.end().map_or(0, u64::from);
            if end > contig.length {
                let (name, length) = (&contig.name, contig.length);
                let message =
                    format!("record leaves its contig: it ends at {end}, {name} at {length}");
                return Err(fault(message));
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
