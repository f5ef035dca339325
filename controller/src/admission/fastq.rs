//! Whether FASTQ files look right: their first records, not all of them.

use std::io;

use super::text::Lines;
use crate::inputs::Source;

/// How many records of each file are looked at.
const RECORDS: u64 = 2_000;

/// What is wrong with a FASTQ file.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct FastqError {
    /// Which of the two files: 0 or 1.
    pub file: usize,
    /// 1-based number of the record at fault.
    pub record: Option<u64>,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with a record or a file.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// It cannot be read.
    #[error("{}", super::text::reading(.0))]
    Io(#[from] io::Error),
    /// No record at all.
    #[error("holds no reads")]
    Empty,
    /// Another format.
    #[error("is {0}, not FASTQ")]
    Format(&'static str),
    /// A line that is not what it should be.
    #[error("{0}")]
    Line(&'static str),
    /// Sequence and qualities of different length.
    #[error("has {bases} bases but {qualities} qualities")]
    Lengths {
        /// Letters of the sequence.
        bases: usize,
        /// Letters of the qualities.
        qualities: usize,
    },
    /// Mates of different names.
    #[error("is named {own}, but its mate {mate}")]
    Names {
        /// The name in this file.
        own: String,
        /// The name of the mate.
        mate: String,
    },
    /// One file is shorter than the other.
    #[error("ends where the other file goes on")]
    Shorter,
    /// The last read of interleaved pairs stands alone.
    #[error("has no mate")]
    Alone,
}

/// Looks at single reads.
pub fn check_single(path: impl Into<Source>) -> Result<(), FastqError> {
    let mut reader = Reader::open(path, 0)?;
    while reader.record < RECORDS && reader.next()?.is_some() {}
    reader.not_empty()
}

/// Looks at two files with mates in the same order.
pub fn check_paired(path1: impl Into<Source>, path2: impl Into<Source>) -> Result<(), FastqError> {
    let mut readers = [Reader::open(path1, 0)?, Reader::open(path2, 1)?];
    while readers[0].record < RECORDS {
        let [name1, name2] = [readers[0].next()?, readers[1].next()?];
        match (name1, name2) {
            (None, None) => break,
            (Some(own), Some(mate)) => readers[1].same_name(&mate, &own)?,
            (None, Some(_)) => return Err(readers[0].shorter()),
            (Some(_), None) => return Err(readers[1].shorter()),
        }
    }
    readers.iter().try_for_each(Reader::not_empty)
}

/// Looks at one file in which mates are neighbours.
pub fn check_interleaved(path: impl Into<Source>) -> Result<(), FastqError> {
    let mut reader = Reader::open(path, 0)?;
    while reader.record < RECORDS {
        let Some(first) = reader.next()? else { break };
        match reader.next()? {
            Some(second) => reader.same_name(&second, &first)?,
            None => return Err(reader.at_last(Reason::Alone)),
        }
    }
    reader.not_empty()
}

struct Reader {
    lines: Lines,
    file: usize,
    record: u64,
}

impl Reader {
    fn open(source: impl Into<Source>, file: usize) -> Result<Self, FastqError> {
        let error = |reason| FastqError {
            file,
            record: None,
            reason,
        };
        let mut lines = Lines::open(source).map_err(|e| error(e.into()))?;
        match lines.peek().map_err(|e| error(e.into()))? {
            [b'B', b'A', b'M', 1, ..] => return Err(error(Reason::Format("BAM"))),
            [b'C', b'R', b'A', b'M', ..] => return Err(error(Reason::Format("CRAM"))),
            [b'>', ..] => return Err(error(Reason::Format("FASTA"))),
            _ => {}
        }
        Ok(Self {
            lines,
            file,
            record: 0,
        })
    }

    /// Reads a record and returns its name without `/1`, `/2` and comment.
    fn next(&mut self) -> Result<Option<Vec<u8>>, FastqError> {
        let Some(head) = self.line()? else {
            return Ok(None);
        };
        self.record += 1;
        let name = match head.strip_prefix(b"@") {
            Some(name) if !short_name(name).is_empty() => short_name(name).to_vec(),
            Some(_) => return Err(self.at_last(Reason::Line("has no name"))),
            None => return Err(self.at_last(Reason::Line("does not begin with `@`"))),
        };
        let bases = self.line_of_record()?;
        if !bases.iter().all(|&b| b.is_ascii_alphabetic() || b == b'.') {
            return Err(self.at_last(Reason::Line("has a base that is no letter")));
        }
        if !self.line_of_record()?.starts_with(b"+") {
            return Err(self.at_last(Reason::Line("has no `+` line after its bases")));
        }
        let qualities = self.line_of_record()?;
        if qualities.len() != bases.len() {
            return Err(self.at_last(Reason::Lengths {
                bases: bases.len(),
                qualities: qualities.len(),
            }));
        }
        if !qualities.iter().all(|q| (33..=126).contains(q)) {
            return Err(self.at_last(Reason::Line("has a quality outside `!`-`~`")));
        }
        Ok(Some(name))
    }

    fn line(&mut self) -> Result<Option<Vec<u8>>, FastqError> {
        self.lines.next().map_err(|e| FastqError {
            file: self.file,
            record: Some(self.record + 1),
            reason: e.into(),
        })
    }

    fn line_of_record(&mut self) -> Result<Vec<u8>, FastqError> {
        let line = self.line()?;
        line.ok_or_else(|| self.at_last(Reason::Line("is cut off")))
    }

    fn same_name(&self, own: &[u8], mate: &[u8]) -> Result<(), FastqError> {
        if own == mate {
            return Ok(());
        }
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        Err(self.at_last(Reason::Names {
            own: text(own),
            mate: text(mate),
        }))
    }

    fn not_empty(&self) -> Result<(), FastqError> {
        if self.record == 0 {
            return Err(FastqError {
                file: self.file,
                record: None,
                reason: Reason::Empty,
            });
        }
        Ok(())
    }

    fn at_last(&self, reason: Reason) -> FastqError {
        FastqError {
            file: self.file,
            record: Some(self.record),
            reason,
        }
    }

    /// The file ends where the other one goes on.
    fn shorter(&self) -> FastqError {
        match self.not_empty() {
            Ok(()) => self.at_last(Reason::Shorter),
            Err(empty) => empty,
        }
    }
}

fn short_name(head: &[u8]) -> &[u8] {
    let end = head.iter().position(u8::is_ascii_whitespace);
    let name = &head[..end.unwrap_or(head.len())];
    match name {
        [short @ .., b'/', b'1' | b'2'] => short,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use std::io::Write;

    fn file(folder: &Path, name: &str, text: &[u8]) -> std::path::PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn pairs_match_by_name_without_mate_number_and_comment() {
        let folder = tempfile::tempdir().unwrap();
        let one = file(folder.path(), "1", b"@a/1 x\nAC\n+\nII\n@b 1\nA\n+\nI\n");
        let two = file(folder.path(), "2", b"@a/2\nACG\n+\nIII\n@b 2\nA\n+b\nI\n");
        check_paired(&one, &two).unwrap();
    }

    #[test]
    fn faults_name_file_and_record() {
        let folder = tempfile::tempdir().unwrap();
        let good: &[u8] = b"@a\nAC\n+\nII\n@b\nA\n+\nI\n";
        let cases: [(&[u8], Option<u64>, &str); 9] = [
            (b"", None, "holds no reads"),
            (b"BAM\x01xxxx", None, "is BAM, not FASTQ"),
            (b">a\nAC\n", None, "is FASTA, not FASTQ"),
            (
                b"@a\nAC\n+\nII\n",
                Some(1),
                "ends where the other file goes on",
            ),
            (
                b"@a\nAC\n+\nII\n@c\nA\n+\nI\n",
                Some(2),
                "is named c, but its mate b",
            ),
            (
                b"@a\nAC\n+\nII\n@b\nAA\n+\nI\n",
                Some(2),
                "has 2 bases but 1 qualities",
            ),
            (b"@a\nAC\n+\nII\n@b\nA\n", Some(2), "is cut off"),
            (b"a\nAC\n+\nII\n", Some(1), "does not begin with `@`"),
            (b"@a\nAC\n+\nI \n", Some(1), "has a quality outside `!`-`~`"),
        ];
        let one = file(folder.path(), "1", good);
        for (text, record, reason) in cases {
            let two = file(folder.path(), "2", text);
            let error = check_paired(&one, &two).unwrap_err();
            assert_eq!((error.file, error.record), (1, record), "{reason}");
            assert_eq!(error.to_string(), reason);
        }
    }

    #[test]
    fn an_odd_interleaved_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(
            folder.path(),
            "1",
            b"@a\nA\n+\nI\n@a\nA\n+\nI\n@b\nA\n+\nI\n",
        );
        let error = check_interleaved(&path).unwrap_err();
        assert_eq!(
            (error.record, error.to_string().as_str()),
            (Some(3), "has no mate")
        );
    }

    #[test]
    fn gzip_is_read_and_its_damage_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(b"@a\nAC\n+\nII\n").unwrap();
        let whole = encoder.finish().unwrap();
        check_single(&file(folder.path(), "1.gz", &whole)).unwrap();
        let cut = file(folder.path(), "2.gz", &whole[..whole.len() - 12]);
        assert!(matches!(
            check_single(&cut).unwrap_err().reason,
            Reason::Io(_)
        ));
    }
}
