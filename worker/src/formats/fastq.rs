//! FASTQ: plain, gzip or BGZF; strict, since a damaged file must not look complete.

mod error;
mod line;
mod place;

pub use error::{Defect, Error};

use std::io::{self, BufRead, Read};

use genome::base;
use genome::cigar::MOST_BASES;
use genome::phred::ASCII_OFFSET;
use genome::reads::Read as SequencedRead;

use super::compression::decompressed;
use place::Place;

/// One record: what a [`FastqReader`] fills again and again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Name, without comment and without `/1`, `/2`.
    pub name: Vec<u8>,
    /// Bases as they stand in the file.
    pub bases: Vec<u8>,
    /// Raw Phred qualities; none from FASTA.
    pub qualities: Vec<u8>,
}

impl Record {
    /// Returns the record as a read.
    pub fn read(&self) -> SequencedRead<'_> {
        SequencedRead {
            name: &self.name,
            bases: &self.bases,
            qualities: &self.qualities,
        }
    }
}

/// A strict reader of FASTQ records that knows where it stands.
pub struct FastqReader {
    text: Box<dyn BufRead + Send>,
    file: String,
    record: u64,
    consumed_bytes: u64,
    line: Vec<u8>,
    comment: Vec<u8>,
    takes_fasta: bool,
    most_bases: u64,
}

impl FastqReader {
    /// Opens a stream of any compression; `file` is the name for messages.
    ///
    /// # Errors
    /// [`Defect::Empty`] and [`Defect::Bam`], or what the stream answers.
    pub fn open(stream: Box<dyn Read + Send>, file: &str) -> Result<Self, Error> {
        let mut reader = Self {
            text: Box::new(io::empty()),
            file: file.into(),
            record: 0,
            consumed_bytes: 0,
            line: Vec::new(),
            comment: Vec::new(),
            takes_fasta: false,
            most_bases: MOST_BASES.into(),
        };
        reader.text = decompressed(stream).map_err(|source| reader.at_next().io(source))?;
        let head = reader.text.fill_buf();
        let defect = match head {
            Ok([]) => Some(Defect::Empty),
            Ok(bytes) if bytes.starts_with(b"BAM\x01") => Some(Defect::Bam),
            Ok(_) => None,
            Err(source) => return Err(reader.at_next().io(source)),
        };
        match defect {
            Some(defect) => Err(reader.at_next().invalid(defect)),
            None => Ok(reader),
        }
    }

    /// The same, and takes records of FASTA as reads without qualities.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with_fasta(stream: Box<dyn Read + Send>, file: &str) -> Result<Self, Error> {
        let reader = Self::open(stream, file)?;
        Ok(Self {
            takes_fasta: true,
            ..reader
        })
    }

    /// Skips decompressed text and the records in it, to go on where an earlier reader stood.
    ///
    /// # Errors
    /// Where the text ends before.
    pub fn skip(&mut self, bytes: u64, records: u64) -> Result<(), Error> {
        let skipped = io::copy(&mut self.text.as_mut().take(bytes), &mut io::sink());
        let skipped = skipped.map_err(|source| self.at_next().io(source))?;
        self.record += records;
        self.consumed_bytes += skipped;
        if skipped == bytes {
            Ok(())
        } else {
            Err(self.invalid(Defect::Incomplete(0)))
        }
    }

    /// Returns how many bytes of decompressed text have been read.
    pub const fn consumed_bytes(&self) -> u64 {
        self.consumed_bytes
    }

    /// Returns the 1-based number of the last record.
    pub const fn record_number(&self) -> u64 {
        self.record
    }

    /// Returns what stands behind the name of the last record.
    pub fn comment(&self) -> &[u8] {
        &self.comment
    }

    /// Returns the name of the file, as submitted.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Reads the next record; false at the end of the file.
    ///
    /// # Errors
    /// [`Error`] names file, record and defect.
    pub fn read(&mut self, record: &mut Record) -> Result<bool, Error> {
        self.record += 1;
        if !self.read_line(0)? {
            self.record -= 1;
            return Ok(false);
        }
        match self.line.first() {
            Some(b'@') => self.take_title(&mut record.name),
            Some(b'>') if self.takes_fasta => {
                self.take_title(&mut record.name);
                return self.read_fasta(record).map(|()| true);
            }
            Some(&other) => return Err(self.invalid(Defect::Start(other.into()))),
            None => return Err(self.invalid(Defect::BlankLine(1))),
        }
        if !(1..=254).contains(&record.name.len()) {
            return Err(self.invalid(Defect::Name(record.name.len())));
        }
        self.read_bases(1, (&record.name, 0))?;
        std::mem::swap(&mut record.bases, &mut self.line);
        self.read_line(2)?;
        if self.line.first() != Some(&b'+') {
            return Err(self.invalid(Defect::Separator));
        }
        self.read_bases(3, (&record.name, 0))?;
        std::mem::swap(&mut record.qualities, &mut self.line);
        self.check(record)?;
        record
            .qualities
            .iter_mut()
            .for_each(|quality| *quality -= ASCII_OFFSET);
        Ok(true)
    }

    /// Takes the name up to the first white space, without `/digit` if it is longer than that, and
    /// the comment behind it.
    fn take_title(&mut self, name: &mut Vec<u8>) {
        let line = &self.line[1..];
        let end = line.iter().position(u8::is_ascii_whitespace);
        let end = end.unwrap_or(line.len());
        let mut word = &line[..end];
        if let [head @ .., b'/', b'0'..=b'9'] = word
            && !head.is_empty()
        {
            word = head;
        }
        name.clear();
        name.extend_from_slice(word);
        self.comment.clear();
        self.comment.extend(line.iter().skip(end + 1));
    }

    /// Reads the lines of a FASTA record up to the next one.
    fn read_fasta(&mut self, record: &mut Record) -> Result<(), Error> {
        if !(1..=254).contains(&record.name.len()) {
            return Err(self.invalid(Defect::Name(record.name.len())));
        }
        record.bases.clear();
        record.qualities.clear();
        loop {
            let next = self.text.fill_buf().map(|text| text.first().copied());
            let is_over = |next: &u8| matches!(next, b'>' | b'@');
            if next
                .map_err(|source| self.io(source))?
                .is_none_or(|next| is_over(&next))
            {
                break;
            }
            self.read_bases(1, (&record.name, record.bases.len() as u64))?;
            record.bases.extend_from_slice(&self.line);
        }
        self.check_bases(record)
    }

    fn check_bases(&self, record: &Record) -> Result<(), Error> {
        match base::find_other(&record.bases) {
            Some(at) => Err(self.invalid(Defect::Base(record.bases[at].into()))),
            None => Ok(()),
        }
    }

    fn check(&self, record: &Record) -> Result<(), Error> {
        let (bases, qualities) = (record.bases.len(), record.qualities.len());
        if bases != qualities {
            return Err(self.invalid(Defect::Lengths { bases, qualities }));
        }
        self.check_bases(record)?;
        let is_printable = |quality: &u8| quality.is_ascii_graphic();
        let mut qualities = record.qualities.iter();
        // All of them first: that needs no branch a quality.
        if qualities
            .clone()
            .fold(true, |all, quality| all & is_printable(quality))
        {
            return Ok(());
        }
        match qualities.find(|quality| !is_printable(quality)) {
            Some(&quality) => Err(self.invalid(Defect::Quality(quality.into()))),
            None => Ok(()),
        }
    }

    fn at_next(&self) -> Place<'_> {
        Place {
            file: &self.file,
            record: self.record + 1,
        }
    }

    fn invalid(&self, defect: Defect) -> Error {
        Place {
            file: &self.file,
            record: self.record,
        }
        .invalid(defect)
    }

    fn io(&self, source: io::Error) -> Error {
        Place {
            file: &self.file,
            record: self.record,
        }
        .io(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use genome::reads::Reads;
    use std::io::Write;

    fn read_all(stream: Box<dyn Read + Send>, file: &str) -> Result<Reads, Error> {
        let mut reader = FastqReader::open(stream, file)?;
        let (mut reads, mut record) = (Reads::default(), Record::default());
        while reader.read(&mut record)? {
            reads.push(record.read());
        }
        Ok(reads)
    }

    fn defect_of(text: &'static [u8]) -> (u64, Defect) {
        match read_all(Box::new(text), "x.fq") {
            Err(Error::Invalid { record, defect, .. }) => (record, defect),
            other => panic!("not refused: {other:?}"),
        }
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn names_lose_comment_and_mate_number() {
        let text = b"@a/1 comment\nACGT\n+\nIIII\n@/1\nN\n+a\n!\n".as_slice();
        let reads = read_all(Box::new(text), "x.fq").unwrap();
        assert_eq!(reads.get(0).name, b"a");
        assert_eq!(reads.get(0).qualities, [40; 4]);
        assert_eq!(
            (reads.get(1).name, reads.total_bases()),
            (b"/1".as_slice(), 5)
        );
    }

    #[test]
    fn a_read_that_is_too_long_is_refused_by_name_and_length() {
        let refused = |text: &[u8]| {
            for bytes in [text.to_vec(), gzip(text)] {
                let stream = Box::new(io::Cursor::new(bytes));
                let mut reader = FastqReader::open_with_fasta(stream, "x.fq").unwrap();
                reader.most_bases = 100;
                let mut record = Record::default();
                assert!(reader.read(&mut record).unwrap());
                let Err(Error::Invalid { record, defect, .. }) = reader.read(&mut record) else {
                    panic!("taken");
                };
                assert_eq!((record, reader.line.len() <= 102), (2, true));
                assert_eq!(
                    defect,
                    Defect::TooLong {
                        name: "long".into(),
                        length: 250,
                        most: 100
                    }
                );
            }
        };
        let (good, long) = ("A".repeat(100), "A".repeat(250));
        let qualities = "I".repeat(100);
        let first = format!("@good\n{good}\n+\n{qualities}\n");
        refused(format!("{first}@long\n{long}\n+\n{long}\n").as_bytes());
        refused(format!("{first}@long\n{good}\n+\n{long}\n").as_bytes());
        refused(format!(">good\n{good}\n>long\n{long}\n").as_bytes());
        refused(format!(">good\n{good}\n>long\nA\n{}\n", "A".repeat(249)).as_bytes());
    }

    #[test]
    fn each_defect_is_named_with_its_record() {
        let cases: [(&[u8], u64, Defect); 11] = [
            (b"", 1, Defect::Empty),
            (b"BAM\x01", 1, Defect::Bam),
            (b">a\nA\n", 1, Defect::Start('>')),
            (b"@a\nA\n+\nI\n\n", 2, Defect::BlankLine(1)),
            (b"@a\nA\n+\nI\n@b\nA\n+\n", 2, Defect::Incomplete(3)),
            (b"@a\nA\n+\nI", 1, Defect::NoFinalNewline),
            (b"@a\nA\nI\n@b\nA\nI\n", 1, Defect::Separator),
            (
                b"@a\nAC\n+\nI\n",
                1,
                Defect::Lengths {
                    bases: 2,
                    qualities: 1,
                },
            ),
            (b"@a\nA-\n+\nII\n", 1, Defect::Base('-')),
            (b"@a\nA\n+\n\x1f\n", 1, Defect::Quality('\x1f')),
            (b"@\nA\n+\nI\n", 1, Defect::Name(0)),
        ];
        for (text, record, defect) in cases {
            assert_eq!(defect_of(text), (record, defect));
        }
    }

    #[test]
    fn truncated_gzip_is_refused() {
        let whole = gzip(&b"@a\nACGTACGTAC\n+\nIIIIIIIIII\n".repeat(1000));
        let cut = whole[..whole.len() - 5].to_vec();
        let refused = read_all(Box::new(io::Cursor::new(cut)), "x.fq.gz");
        assert!(matches!(
            refused,
            Err(Error::Invalid {
                defect: Defect::TruncatedGzip,
                ..
            })
        ));
        let reads = read_all(Box::new(io::Cursor::new(whole)), "x.fq.gz").unwrap();
        assert_eq!(reads.len(), 1000);
    }

    #[test]
    fn skip_goes_on_where_a_reader_stood() {
        let text = b"@a\nA\n+\nI\n@b\nC\n+\nI\n".as_slice();
        let mut record = Record::default();
        let mut first = FastqReader::open(Box::new(text), "x.fq").unwrap();
        assert!(first.read(&mut record).unwrap());
        let mut second = FastqReader::open(Box::new(text), "x.fq").unwrap();
        second
            .skip(first.consumed_bytes(), first.record_number())
            .unwrap();
        assert!(second.read(&mut record).unwrap());
        assert_eq!(
            (record.name.as_slice(), second.record_number()),
            (b"b".as_slice(), 2)
        );
        assert!(!second.read(&mut record).unwrap());
    }
}
