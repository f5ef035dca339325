//! Text of a VCF to BGZF, with its index.

use std::io::{self, Write};

use genome::dictionary::Dictionary;
use noodles::bgzf;

use super::index::{Index, IndexError};
use super::known_sites::{end_of, number};

/// Compresses VCF lines and indexes them as they pass. The bytes depend on the text alone.
pub struct Writer<W: Write> {
    out: bgzf::io::Writer<W>,
    index: Index,
    /// A line whose end has not come yet.
    partial: Vec<u8>,
    records: u64,
}

/// What a [`Writer`] leaves.
#[derive(Debug)]
pub struct Written<W> {
    /// The underlying writer, with all bytes written to it.
    pub out: W,
    /// Bytes of the index.
    pub index: Vec<u8>,
    /// What the index's file name ends in: `.tbi` or `.csi`.
    pub index_ending: &'static str,
    /// Number of records.
    pub records: u64,
}

impl<W: Write> Writer<W> {
    /// Starts a file.
    pub fn new(out: W, dictionary: &Dictionary) -> Self {
        Self {
            out: bgzf::io::Writer::new(out),
            index: Index::new(dictionary),
            partial: Vec::new(),
            records: 0,
        }
    }

    /// Takes text: header lines first, then sorted records. Cuts may fall anywhere.
    ///
    /// # Errors
    /// What `out` answers; an [`IndexError`] inside, if a line is no record or out of order.
    pub fn write_text(&mut self, text: &[u8]) -> io::Result<()> {
        for piece in text.split_inclusive(|&byte| byte == b'\n') {
            if !piece.ends_with(b"\n") {
                self.partial.extend_from_slice(piece);
            } else if self.partial.is_empty() {
                self.write_line(piece)?;
            } else {
                let mut line = std::mem::take(&mut self.partial);
                line.extend_from_slice(piece);
                self.write_line(&line)?;
            }
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// As [`Writer::write_text`]; also if the last line has no end.
    pub fn finish(self) -> io::Result<Written<W>> {
        if !self.partial.is_empty() {
            return Err(refused(&self.partial, None));
        }
        Ok(Written {
            out: self.out.finish()?,
            index_ending: self.index.ending(),
            index: self.index.finish()?,
            records: self.records,
        })
    }

    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        let start = self.out.virtual_position();
        self.out.write_all(line)?;
        if line.starts_with(b"#") {
            return Ok(());
        }
        let end = self.out.virtual_position();
        let (contig, span) = place(line).ok_or_else(|| refused(line, None))?;
        let added = self.index.add(contig, span, (start, end));
        added.map_err(|source| refused(line, Some(source)))?;
        self.records += 1;
        Ok(())
    }
}

/// Returns contig, first and last position of a record.
fn place(line: &[u8]) -> Option<(&str, (u64, u64))> {
    let mut columns = line.trim_ascii_end().split(|&byte| byte == b'\t');
    let contig = std::str::from_utf8(columns.next()?).ok()?;
    let start = number(columns.next()?)?;
    let reference = columns.nth(1)?;
    let info = columns.nth(3)?;
    let end = end_of(info).unwrap_or(start + reference.len() as u64 - 1);
    Some((contig, (start, end)))
}

fn refused(line: &[u8], source: Option<io::Error>) -> io::Error {
    let line = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
    io::Error::new(
        io::ErrorKind::InvalidData,
        IndexError::Record { line, source },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use genome::dictionary::Contig;
    use noodles::csi::BinningIndex;
    use noodles::tabix;
    use std::io::Read;

    fn dictionary(length: u64) -> Dictionary {
        let contig = |name: &str| Contig {
            name: name.into(),
            length,
        };
        Dictionary::new(vec![contig("a"), contig("b")])
    }

    fn text() -> String {
        let mut text = String::from("##fileformat=VCFv4.2\n#CHROM\tPOS\n");
        for position in 1..20_000 {
            let contig = if position < 15_000 { "a" } else { "b" };
            text.push_str(&format!(
                "{contig}\t{position}\t.\tAC\tA\t9\t.\tDP=3\tGT\t0/1\n"
            ));
        }
        text.push_str("b\t30000\t.\tA\t<NON_REF>\t.\t.\tEND=90000\tGT\t0/0\n");
        text
    }

    fn write(length: u64, step: usize) -> Written<Vec<u8>> {
        let mut writer = Writer::new(Vec::new(), &dictionary(length));
        for piece in text().as_bytes().chunks(step) {
            writer.write_text(piece).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn bytes_do_not_depend_on_the_cuts() {
        let whole = write(100_000, usize::MAX);
        let pieces = write(100_000, 777);
        assert_eq!(whole.out, pieces.out);
        assert_eq!(whole.index, pieces.index);
        assert_eq!(whole.records, 20_000);
        let mut back = String::new();
        bgzf::io::Reader::new(whole.out.as_slice())
            .read_to_string(&mut back)
            .unwrap();
        assert_eq!(back, text());
    }

    #[test]
    fn block_is_found_from_any_of_its_positions() {
        let written = write(100_000, usize::MAX);
        let index = tabix::io::Reader::new(written.index.as_slice())
            .read_index()
            .unwrap();
        let names = index.header().unwrap().reference_sequence_names();
        assert_eq!(names.len(), 2);
        let region = "b:60000-60001".parse::<noodles::core::Region>().unwrap();
        let chunks = index.query(1, region.interval()).unwrap();
        assert_eq!(chunks.len(), 1);
        let mut reader = bgzf::io::Reader::new(io::Cursor::new(&written.out));
        reader.seek(chunks[0].start()).unwrap();
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("END=90000") && rest.starts_with("b\t"));
    }

    #[test]
    fn long_contigs_get_a_csi() {
        assert_eq!(write((1 << 29) - 1, 9999).index_ending, ".tbi");
        let written = write(1 << 29, 9999);
        assert_eq!(written.index_ending, ".csi");
        let index = noodles::csi::io::Reader::new(written.index.as_slice())
            .read_index()
            .unwrap();
        assert_eq!(index.reference_sequences().len(), 2);
    }

    #[test]
    fn unsorted_or_cut_text_is_refused() {
        let mut writer = Writer::new(Vec::new(), &dictionary(100));
        writer.write_text(b"a\t9\t.\tA\tC\t.\t.\t.\n").unwrap();
        assert!(writer.write_text(b"a\t8\t.\tA\tC\t.\t.\t.\n").is_err());
        let mut writer = Writer::new(Vec::new(), &dictionary(100));
        writer.write_text(b"a\t9\t.\tA").unwrap();
        assert!(writer.finish().is_err());
    }
}
