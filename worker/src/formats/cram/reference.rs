//! The reference of a CRAM file, a contig at a time.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};
use noodles::fasta::repository::Adapter;
use noodles::fasta::repository::adapters::IndexedReader;
use noodles::fasta::{self, Record, Repository};

use super::super::fasta as contigs;

/// Why a FASTA file cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceFileError {
    /// It cannot be opened or read.
    #[error("{file}: cannot be read: {source}")]
    Io {
        /// The file.
        file: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// It is malformed.
    #[error(transparent)]
    Fasta(#[from] contigs::Error),
}

/// A FASTA file whose contigs have the sums that a header names.
#[derive(Debug, Clone)]
pub struct ReferenceFile {
    path: PathBuf,
}

impl ReferenceFile {
    /// Names the file; its index `.fai` is used where it exists, so that contigs are read when
    /// they are asked for.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// Opens the file for a CRAM file with this header.
    ///
    /// # Errors
    /// [`ReferenceFileError`] if it cannot be read.
    pub fn open(&self, header_text: &str) -> Result<Repository, ReferenceFileError> {
        let sums = sums(header_text);
        if self.has_index() {
            let reader = fasta::io::indexed_reader::Builder::default().build_from_path(&self.path);
            let reader = reader.map_err(|source| self.io(source))?;
            let inner = IndexedReader::new(reader);
            return Ok(Repository::new(Checked { inner, sums }));
        }
        let stream = std::fs::File::open(&self.path).map_err(|source| self.io(source))?;
        let mut records = HashMap::new();
        let shown = self.path.display().to_string();
        contigs::for_each_contig(Box::new(stream), &shown, |contig| {
            records.insert(contig.name.as_bytes().to_vec(), contig.bases.to_vec());
        })?;
        let inner = Loaded(records);
        Ok(Repository::new(Checked { inner, sums }))
    }

    fn has_index(&self) -> bool {
        let beside = |ending: &str| {
            let mut path = self.path.clone().into_os_string();
            path.push(ending);
            Path::new(&path).exists()
        };
        let packed = self.path.extension();
        let is_packed = packed.is_some_and(|ending| ending == "gz" || ending == "bgz");
        beside(".fai") && (!is_packed || beside(".gzi"))
    }

    fn io(&self, source: io::Error) -> ReferenceFileError {
        ReferenceFileError::Io {
            file: self.path.clone(),
            source,
        }
    }
}

/// Returns the sums of a header by contig: M5 of `@SQ`.
fn sums(header_text: &str) -> HashMap<Vec<u8>, String> {
    let lines = header_text.lines().filter(|line| line.starts_with("@SQ\t"));
    let sum = |line: &str| {
        let field = |tag: &str| line.split('\t').find_map(|field| field.strip_prefix(tag));
        let sum = field("M5:")?.to_ascii_lowercase();
        Some((field("SN:")?.as_bytes().to_vec(), sum))
    };
    lines.filter_map(sum).collect()
}

/// Returns the MD5 sum of a contig in hexadecimal digits, as `@SQ` has it.
pub(super) fn sum(bases: &[u8]) -> String {
    let upper = bases.to_ascii_uppercase();
    let sum = Md5::digest(&upper);
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All contigs of a file.
struct Loaded(HashMap<Vec<u8>, Vec<u8>>);

impl Adapter for Loaded {
    fn get(&mut self, name: &[u8]) -> Option<io::Result<Record>> {
        let bases = self.0.get(name)?;
        let definition = fasta::record::Definition::new(name, None);
        Some(Ok(Record::new(definition, bases.clone().into())))
    }
}

/// Contigs whose sums are compared when they are first used.
struct Checked<A> {
    inner: A,
    sums: HashMap<Vec<u8>, String>,
}

impl<A: Adapter> Adapter for Checked<A> {
    fn get(&mut self, name: &[u8]) -> Option<io::Result<Record>> {
        let record = match self.inner.get(name)? {
            Ok(record) => record,
            Err(error) => return Some(Err(error)),
        };
        let found = self.sums.get(name).map(|expected| {
            let found = sum(record.sequence().as_ref());
            (found == *expected, found, expected)
        });
        if let Some((false, found, expected)) = found {
            let contig = String::from_utf8_lossy(name);
            let message = format!(
                "contig {contig} of the reference has the MD5 sum {found}, but the header says {expected}"
            );
            return Some(Err(io::Error::new(io::ErrorKind::InvalidInput, message)));
        }
        Some(Ok(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_contigs_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.fa");
        std::fs::write(&path, ">c\nACgt\nAC\n>d\nA\n").unwrap();
        let file = ReferenceFile::new(&path);
        let right = format!("@SQ\tSN:c\tLN:6\tM5:{}\n@SQ\tSN:d\tLN:1", sum(b"ACGTAC"));
        let repository = file.open(&right).unwrap();
        assert_eq!(
            repository.get(b"c").unwrap().unwrap().as_ref().as_ref(),
            b"ACgtAC"
        );
        assert!(repository.get(b"d").unwrap().is_ok());
        assert!(repository.get(b"e").is_none());
        let wrong = file.open("@SQ\tSN:c\tLN:6\tM5:00").unwrap();
        let message = wrong.get(b"c").unwrap().unwrap_err().to_string();
        assert!(message.contains("contig c of the reference"), "{message}");
    }
}
