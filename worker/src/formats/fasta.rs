//! FASTA in: plain, gzip or BGZF.

use std::collections::BTreeSet;
use std::io::{self, Read};

use common::failure::Failure;
use genome::base;
use noodles::fasta;
use noodles::fasta::record::Definition;

use super::compression::decompressed;
use crate::error::storage;

/// Why a FASTA file was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes could not be read.
    #[error("{file}: contig {contig}: cannot be read")]
    Io {
        /// The file, as submitted.
        file: String,
        /// 1-based number of the contig that was being read.
        contig: u64,
        /// The cause.
        source: io::Error,
    },
    /// The text is not a reference.
    #[error("{file}: contig {contig}: {defect}")]
    Invalid {
        /// The file, as submitted.
        file: String,
        /// 1-based number of the contig.
        contig: u64,
        /// What is wrong with it.
        defect: Defect,
    },
}

/// What is wrong with a reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// No contig at all.
    #[error("file has no contig")]
    Empty,
    /// A compressed stream that ends too early.
    #[error("compressed file is truncated")]
    Truncated,
    /// Text that FASTA does not know.
    #[error("not FASTA: {0}")]
    Syntax(String),
    /// A contig without bases.
    #[error("{0} has no bases")]
    NoBases(String),
    /// A name that stands twice.
    #[error("the name {0} stands twice")]
    Repeated(String),
    /// A character that IUPAC does not know.
    #[error("{name} has {letter:?} at position {position}, which is not an IUPAC code")]
    Base {
        /// Name of the contig.
        name: String,
        /// 1-based position.
        position: usize,
        /// The character.
        letter: char,
    },
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Io {
                file,
                contig,
                source,
            } => {
                let failure = storage(&source);
                let file = failure.file.clone().or(Some(file));
                Self {
                    file,
                    record: Some(contig),
                    ..failure
                }
            }
            Error::Invalid {
                file,
                contig,
                defect,
            } => Self::input(file, defect.to_string()).at_record(contig),
        }
    }
}

/// A contig as it stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contig<'a> {
    /// Its name.
    pub name: &'a str,
    /// What stands behind the name; not UTF-8 is left out.
    pub comment: &'a str,
    /// Its bases, in either case.
    pub bases: &'a [u8],
}

/// Reads all contigs in order and hands on each.
///
/// # Errors
/// [`Error`] names file, contig and defect.
pub fn for_each_contig(
    stream: Box<dyn Read + Send>,
    file: &str,
    mut take: impl FnMut(Contig<'_>),
) -> Result<(), Error> {
    let mut contig = 1;
    let failed = |contig, source| error_of(file, contig, source);
    let text = decompressed(stream).map_err(|source| failed(contig, source))?;
    let mut reader = fasta::io::Reader::new(text);
    let mut names = BTreeSet::new();
    let (mut definition, mut bases) = (Definition::new("", None), Vec::new());
    loop {
        bases.clear();
        let read = reader.read_definition(&mut definition);
        if read.map_err(|source| failed(contig, source))? == 0 {
            break;
        }
        reader
            .read_sequence(&mut bases)
            .map_err(|source| failed(contig, source))?;
        let invalid = |defect| Error::Invalid {
            file: file.into(),
            contig,
            defect,
        };
        let name = name_of(&definition).map_err(invalid)?;
        check(name, &bases).map_err(invalid)?;
        if !names.insert(name.to_owned()) {
            return Err(invalid(Defect::Repeated(name.into())));
        }
        let comment = definition.description().unwrap_or_default();
        let comment = std::str::from_utf8(comment).unwrap_or_default();
        take(Contig {
            name,
            comment,
            bases: &bases,
        });
        contig += 1;
    }
    match names.is_empty() {
        true => Err(Error::Invalid {
            file: file.into(),
            contig,
            defect: Defect::Empty,
        }),
        false => Ok(()),
    }
}

fn name_of(definition: &Definition) -> Result<&str, Defect> {
    let name = std::str::from_utf8(definition.name());
    name.map_err(|_| Defect::Syntax("name of a contig is not UTF-8".into()))
}

fn check(name: &str, bases: &[u8]) -> Result<(), Defect> {
    if bases.is_empty() {
        return Err(Defect::NoBases(name.into()));
    }
    match base::find_other(bases) {
        Some(at) => Err(Defect::Base {
            name: name.into(),
            position: at + 1,
            letter: bases[at].into(),
        }),
        None => Ok(()),
    }
}

fn error_of(file: &str, contig: u64, source: io::Error) -> Error {
    let defect = match source.kind() {
        io::ErrorKind::UnexpectedEof => Defect::Truncated,
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            Defect::Syntax(source.to_string())
        }
        _ => {
            return Error::Io {
                file: file.into(),
                contig,
                source,
            };
        }
    };
    Error::Invalid {
        file: file.into(),
        contig,
        defect,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static [u8]) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let mut contigs = Vec::new();
        for_each_contig(Box::new(text), "x.fa", |contig| {
            contigs.push((contig.name.to_owned(), contig.bases.to_vec()));
        })?;
        Ok(contigs)
    }

    #[test]
    fn lines_are_joined_and_comments_dropped() {
        let contigs = read(b">a comment\nACG\nTn\n>b\nR\n").unwrap();
        assert_eq!(
            contigs,
            [("a".into(), b"ACGTn".to_vec()), ("b".into(), b"R".to_vec())]
        );
    }

    #[test]
    fn each_defect_is_named() {
        for (text, expected) in [
            (b"".as_slice(), "contig 1: file has no contig"),
            (b">a\n>b\nA\n", "contig 1: a has no bases"),
            (b">a\nA\n>a\nC\n", "contig 2: the name a stands twice"),
            (
                b">a\nAC!\n",
                "contig 1: a has '!' at position 3, which is not an IUPAC code",
            ),
        ] {
            let message = read(text).unwrap_err().to_string();
            assert_eq!(message, format!("x.fa: {expected}"));
        }
    }
}
