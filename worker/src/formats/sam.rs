//! SAM text in: plain, gzip or BGZF. SAM v1 §1 (2024-11-06).

use std::io::{self, BufRead, Read};

use genome::record::{RecordView, parse_sam};
use rustc_hash::FxHashMap;

use super::bam::{Defect, FileError};
use super::compression::decompressed;

/// No line is longer; it bounds what a damaged file may ask for.
const MAX_LINE_BYTES: u64 = 1 << 28;

/// Reads header and records of a file, each defect named with file and record.
pub struct SamReader {
    text: Box<dyn BufRead + Send>,
    file: String,
    header_text: String,
    contigs: Vec<(String, u64)>,
    numbers: FxHashMap<Vec<u8>, u32>,
    line: Vec<u8>,
    block: Vec<u8>,
    record: u64,
}

impl SamReader {
    /// Reads the header; `file` is the name for messages.
    ///
    /// # Errors
    /// [`FileError`] if it is not that of a SAM file.
    pub fn open(stream: Box<dyn Read + Send>, file: &str) -> Result<Self, FileError> {
        let text = decompressed(stream).map_err(|fault| super::bam::judge(file, 0, fault))?;
        let mut reader = Self {
            text,
            file: file.into(),
            header_text: String::new(),
            contigs: Vec::new(),
            numbers: FxHashMap::default(),
            line: Vec::new(),
            block: Vec::new(),
            record: 0,
        };
        while reader.starts_header_line()? {
            reader.next_line()?;
            let line = String::from_utf8_lossy(&reader.line).into_owned();
            if line.starts_with("@SQ\t") {
                let contig = contig(&line);
                let contig =
                    contig.ok_or_else(|| reader.invalid(Defect::HeaderLine(line.clone())))?;
                let number = reader.contigs.len() as u32;
                reader.numbers.insert(contig.0.clone().into_bytes(), number);
                reader.contigs.push(contig);
            }
            reader.header_text.push_str(&line);
            reader.header_text.push('\n');
        }
        Ok(reader)
    }

    /// Returns the text of the header.
    pub fn header_text(&self) -> &str {
        &self.header_text
    }

    /// Returns names and lengths of the contigs.
    pub fn contigs(&self) -> &[(String, u64)] {
        &self.contigs
    }

    /// Returns the 1-based number of the last record; 0 before the first.
    pub const fn record_number(&self) -> u64 {
        self.record
    }

    /// Returns the next record; `None` at the end.
    ///
    /// # Errors
    /// [`FileError`] names file, record and defect.
    pub fn next_record(&mut self) -> Result<Option<RecordView<'_>>, FileError> {
        loop {
            if !self.next_line()? {
                return Ok(None);
            }
            if !self.line.is_empty() {
                break;
            }
        }
        self.record += 1;
        let numbers = &self.numbers;
        let contig = |name: &[u8]| numbers.get(name).copied();
        if let Err(error) = parse_sam(&self.line, contig, &mut self.block) {
            return Err(self.invalid(Defect::Sam(error)));
        }
        Ok(Some(RecordView::trusted(&self.block)))
    }

    fn starts_header_line(&mut self) -> Result<bool, FileError> {
        let next = self.text.fill_buf();
        let next = next.map(|bytes| bytes.first() == Some(&b'@'));
        next.map_err(|fault| super::bam::judge(&self.file, self.record, fault))
    }

    /// Reads a line without its end; false at the end of the file.
    fn next_line(&mut self) -> Result<bool, FileError> {
        self.line.clear();
        let mut text = self.text.by_ref().take(MAX_LINE_BYTES);
        let read = text.read_until(b'\n', &mut self.line);
        let count = read.map_err(|fault| super::bam::judge(&self.file, self.record + 1, fault))?;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if count as u64 == MAX_LINE_BYTES {
            let fault = io::Error::from(io::ErrorKind::InvalidData);
            return Err(super::bam::judge(&self.file, self.record + 1, fault));
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        Ok(count > 0)
    }

    fn invalid(&self, defect: Defect) -> FileError {
        FileError::Invalid {
            file: self.file.clone(),
            record: self.record,
            defect,
        }
    }
}

/// Reads name and length of a contig's line.
pub(super) fn contig(line: &str) -> Option<(String, u64)> {
    let field = |tag: &str| line.split('\t').find_map(|field| field.strip_prefix(tag));
    let length = field("LN:")?.trim_end().parse().ok()?;
    Some((field("SN:")?.to_owned(), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Result<Vec<String>, String> {
        let mut reader = SamReader::open(Box::new(text.as_bytes()), "x.sam").map_err(message)?;
        let mut names = Vec::new();
        while let Some(record) = reader.next_record().map_err(message)? {
            names.push(String::from_utf8_lossy(record.name()).into_owned());
        }
        Ok(names)
    }

    fn message(error: FileError) -> String {
        common::failure::Failure::from(error).to_string()
    }

    #[test]
    fn records_follow_the_header() {
        let text = "@HD\tVN:1.6\r\n@SQ\tSN:c\tLN:9\na\t0\tc\t1\t0\t*\t*\t0\t0\tA\tI\n\
                    b\t4\t*\t0\t0\t*\t*\t0\t0\t*\t*";
        assert_eq!(read(text).unwrap(), ["a", "b"]);
    }

    #[test]
    fn faults_are_named() {
        let cases = [
            (
                "@SQ\tSN:c\n",
                "x.sam: header has a line that cannot be read: @SQ\tSN:c",
            ),
            (
                "@SQ\tSN:c\tLN:9\na\t0\td\t1\t0\t*\t*\t0\t0\tA\tI\n",
                "x.sam: record 1: contig d is not in the header",
            ),
            (
                "a\t4\t*\t0\t0\t*\t*\t0\t0\tA\tI\nb\t4\n",
                "x.sam: record 2: line has 2 columns, but a record has at least 11",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text).unwrap_err(), expected);
        }
    }
}
