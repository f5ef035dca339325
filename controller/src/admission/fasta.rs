//! The contigs of a FASTA file.

use std::collections::HashSet;
use std::io;

use genome::base;
use genome::dictionary::{Contig, Dictionary};

use super::text::Lines;
use crate::inputs::Source;

/// What is wrong with a FASTA file.
#[derive(Debug, thiserror::Error)]
pub enum FastaError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It does not begin with a header line.
    #[error("is not FASTA: it does not begin with `>`")]
    Format,
    /// A header without name.
    #[error("line {0}: contig without name")]
    Unnamed(u64),
    /// Two contigs of one name.
    #[error("line {line}: contig {name} is there twice")]
    Twice {
        /// 1-based.
        line: u64,
        /// The name.
        name: String,
    },
    /// A contig without bases.
    #[error("contig {0} is empty")]
    Empty(String),
    /// Something that is no base.
    #[error("line {line}: {letter:?} is no base")]
    Letter {
        /// 1-based.
        line: u64,
        /// The letter.
        letter: char,
    },
}

/// Most contigs of most genomes fit into so much memory.
const ROOM_BP: usize = 256 << 20;

/// Reads the whole file, hands each contig's bases over as they stand, and returns the contigs in
/// order. One contig is in memory at a time.
pub fn scan(
    source: impl Into<Source>,
    mut take: impl FnMut(&str, &[u8]),
) -> Result<Dictionary, FastaError> {
    let mut lines = Lines::open(source)?;
    let mut contigs: Vec<Contig> = Vec::new();
    let mut names = HashSet::new();
    // What is not filled costs nothing; growing step by step does.
    let mut bases = Vec::with_capacity(ROOM_BP);
    let mut line = Vec::new();
    while lines.next_into(&mut line)? {
        if let Some(head) = line.strip_prefix(b">") {
            finish(contigs.last_mut(), &mut bases, &mut take)?;
            let name = name_of(head).ok_or(FastaError::Unnamed(lines.number()))?;
            if !names.insert(name.clone()) {
                let line = lines.number();
                return Err(FastaError::Twice { line, name });
            }
            contigs.push(Contig { name, length: 0 });
            continue;
        }
        if contigs.is_empty() && !line.is_empty() {
            return Err(FastaError::Format);
        }
        if let Some(at) = base::find_other(&line) {
            return Err(FastaError::Letter {
                line: lines.number(),
                letter: line[at].into(),
            });
        }
        bases.extend_from_slice(&line);
    }
    finish(contigs.last_mut(), &mut bases, &mut take)?;
    if contigs.is_empty() {
        return Err(FastaError::Format);
    }
    Ok(Dictionary::new(contigs))
}

fn finish(
    contig: Option<&mut Contig>,
    bases: &mut Vec<u8>,
    take: &mut impl FnMut(&str, &[u8]),
) -> Result<(), FastaError> {
    let Some(contig) = contig else { return Ok(()) };
    if bases.is_empty() {
        return Err(FastaError::Empty(contig.name.clone()));
    }
    contig.length = bases.len() as u64;
    take(&contig.name, bases);
    bases.clear();
    Ok(())
}

fn name_of(head: &[u8]) -> Option<String> {
    let word = head.split(u8::is_ascii_whitespace).next()?;
    let name = std::str::from_utf8(word).ok()?;
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan_text(text: &str) -> Result<Dictionary, FastaError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ref.fa");
        std::fs::write(&path, text).unwrap();
        scan(&path, |_, _| ())
    }

    #[test]
    fn contigs_come_in_order_with_their_lengths() {
        let dictionary = scan_text(">b first\nACGT\r\nac\n\n>a\nN\n").unwrap();
        let found: Vec<(&str, u64)> = dictionary
            .contigs()
            .iter()
            .map(|contig| (contig.name.as_str(), contig.length))
            .collect();
        assert_eq!(found, [("b", 6), ("a", 1)]);
    }

    #[test]
    fn faults_are_named() {
        for (text, message) in [
            ("", "is not FASTA: it does not begin with `>`"),
            ("@a\nA\n+\nI\n", "is not FASTA: it does not begin with `>`"),
            (">a\n>b\nA\n", "contig a is empty"),
            (">a\nA\n>a\nA\n", "line 3: contig a is there twice"),
            (">a\nA1\n", "line 2: '1' is no base"),
        ] {
            assert_eq!(scan_text(text).unwrap_err().to_string(), message);
        }
    }
}
