//! Known sites: the stretch of reference that each record of a VCF covers.

mod indexed;

use std::io::{self, BufRead, Read};

use common::failure::{Failure, FailureClass};
use genome::dictionary::Dictionary;
use genome::region::{ContigId, Region};

pub use self::indexed::{INDEX_ENDINGS, known_sites_within};
use crate::formats::compression::decompressed;

/// Why a VCF of known sites was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes could not be read.
    #[error("{file}: record {record}: cannot be read")]
    Io {
        /// The file, as submitted.
        file: String,
        /// 1-based number of the record that was being read.
        record: u64,
        /// The cause.
        source: io::Error,
    },
    /// The text is no VCF for this reference.
    #[error("{file}: record {record}: {defect}")]
    Invalid {
        /// The file, as submitted.
        file: String,
        /// 1-based number of the record; 0 for the header or the whole file.
        record: u64,
        /// What is wrong with it.
        defect: Defect,
    },
}

/// What is wrong with known sites.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// The first line is not that of a VCF.
    #[error("not a VCF: it does not begin with ##fileformat=VCF")]
    NotVcf,
    /// A compressed stream that ends too early.
    #[error("compressed file is truncated")]
    Truncated,
    /// Fewer than five columns.
    #[error("line has {0} columns, a VCF has at least 8")]
    Columns(usize),
    /// POS is no number from 1.
    #[error("POS {0:?} is not a position")]
    Position(String),
    /// The record reaches beyond its contig.
    #[error("{contig}:{position} lies beyond the end of the contig")]
    Beyond {
        /// Name of the contig.
        contig: String,
        /// 1-based position.
        position: u64,
    },
    /// The header has another length for a contig than the reference.
    #[error(
        "the header says that contig {contig} has {length} bp, but it has {expected} in the reference"
    )]
    OtherLength {
        /// Name of the contig.
        contig: String,
        /// Its length in the header.
        length: u64,
        /// Its length in the reference.
        expected: u64,
    },
    /// Records, but all on contigs that the reference lacks.
    #[error("no record lies on a contig of the reference; the first is on {0:?}")]
    OtherReference(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Io {
                file,
                record,
                source,
            } => {
                let failure = Self::new(FailureClass::StorageTransient, source.to_string());
                Self {
                    file: Some(file),
                    record: Some(record),
                    ..failure
                }
            }
            Error::Invalid {
                file,
                record: 0,
                defect,
            } => Self::input(file, defect.to_string()),
            Error::Invalid {
                file,
                record,
                defect,
            } => Self::input(file, defect.to_string()).at_record(record),
        }
    }
}

/// Reads all sites, in the order of the file; plain, gzip or BGZF.
///
/// Records on contigs that the reference lacks are left out, unless there are no others.
///
/// # Errors
/// [`Error`] names file, record and defect.
pub fn known_sites(
    stream: Box<dyn Read + Send>,
    file: &str,
    dictionary: &Dictionary,
) -> Result<Vec<Region>, Error> {
    let mut sites = Sites::new(dictionary);
    let mut record = 0;
    let failed = |record, source| error_of(file, record, source);
    let invalid = |record, defect| Error::Invalid {
        file: file.into(),
        record,
        defect,
    };
    let mut text = decompressed(stream).map_err(|source| failed(0, source))?;
    let mut line = Vec::new();
    let mut is_first = true;
    loop {
        line.clear();
        let read = text.read_until(b'\n', &mut line);
        if read.map_err(|source| failed(record + 1, source))? == 0 {
            break;
        }
        if is_first && !line.starts_with(b"##fileformat=VCF") {
            return Err(invalid(0, Defect::NotVcf));
        }
        is_first = false;
        let content = line.trim_ascii_end();
        if content.starts_with(b"#") {
            let checked = sites.check_header_line(content);
            checked.map_err(|defect| invalid(0, defect))?;
            continue;
        }
        if content.is_empty() {
            continue;
        }
        record += 1;
        sites
            .take(content)
            .map_err(|defect| invalid(record, defect))?;
    }
    if is_first {
        return Err(invalid(0, Defect::NotVcf));
    }
    sites.finish().map_err(|defect| invalid(0, defect))
}

fn error_of(file: &str, record: u64, source: io::Error) -> Error {
    let file = file.into();
    match source.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            Error::Invalid {
                file,
                record,
                defect: Defect::Truncated,
            }
        }
        _ => Error::Io {
            file,
            record,
            source,
        },
    }
}

struct Sites<'a> {
    dictionary: &'a Dictionary,
    found: Vec<Region>,
    /// Records of a contig stand together: its name is looked up once.
    last_contig: Option<(Vec<u8>, Option<ContigId>)>,
    elsewhere: Option<String>,
}

impl<'a> Sites<'a> {
    const fn new(dictionary: &'a Dictionary) -> Self {
        Self {
            dictionary,
            found: Vec::new(),
            last_contig: None,
            elsewhere: None,
        }
    }

    fn take(&mut self, line: &[u8]) -> Result<(), Defect> {
        const LEAST_COLUMNS: usize = 8;
        let columns: Vec<&[u8]> = line
            .splitn(LEAST_COLUMNS + 1, |&byte| byte == b'\t')
            .collect();
        if columns.len() < LEAST_COLUMNS {
            return Err(Defect::Columns(columns.len()));
        }
        let Some(contig) = self.contig(columns[0]) else {
            self.elsewhere.get_or_insert_with(|| text(columns[0]));
            return Ok(());
        };
        let position = number(columns[1]).filter(|&position| position > 0);
        let position = position.ok_or_else(|| Defect::Position(text(columns[1])))?;
        let known_end = end_of(columns[7]).filter(|&end| end >= position);
        let end = known_end.unwrap_or(position - 1 + columns[3].len() as u64);
        if position > self.dictionary.contig(contig).length {
            return Err(Defect::Beyond {
                contig: text(columns[0]),
                position,
            });
        }
        self.found.push(Region::new(contig, position - 1, end));
        Ok(())
    }

    /// Checks the length of a contig, where a line of the header tells it.
    fn check_header_line(&self, line: &[u8]) -> Result<(), Defect> {
        let fields = line.strip_prefix(b"##contig=<");
        let Some(fields) = fields.and_then(|fields| fields.strip_suffix(b">")) else {
            return Ok(());
        };
        let field = |name: &[u8]| {
            let mut fields = fields.split(|&byte| byte == b',');
            fields.find_map(|field| field.strip_prefix(name))
        };
        let contig = field(b"ID=").and_then(|name| self.dictionary.find(&text(name)));
        let (Some(contig), Some(length)) = (contig, field(b"length=").and_then(number)) else {
            return Ok(());
        };
        let known = self.dictionary.contig(contig);
        if known.length == length {
            return Ok(());
        }
        Err(Defect::OtherLength {
            contig: known.name.clone(),
            length,
            expected: known.length,
        })
    }

    fn contig(&mut self, name: &[u8]) -> Option<ContigId> {
        if let Some((last, contig)) = &self.last_contig
            && last == name
        {
            return *contig;
        }
        let contig = self.dictionary.find(&text(name));
        self.last_contig = Some((name.to_vec(), contig));
        contig
    }

    fn finish(self) -> Result<Vec<Region>, Defect> {
        match self.elsewhere {
            Some(contig) if self.found.is_empty() => Err(Defect::OtherReference(contig)),
            _ => Ok(self.found),
        }
    }
}

/// Returns END of an INFO column.
pub(super) fn end_of(info: &[u8]) -> Option<u64> {
    let field = info
        .split(|&byte| byte == b';')
        .find_map(|field| field.strip_prefix(b"END="));
    field.and_then(number)
}

pub(super) fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use genome::dictionary::Contig;
    use std::io::Write;

    fn read(bytes: Vec<u8>) -> Result<Vec<Region>, String> {
        let contig = Contig {
            name: "20".into(),
            length: 1000,
        };
        let dictionary = Dictionary::new(vec![contig]);
        let stream = Box::new(io::Cursor::new(bytes));
        known_sites(stream, "k.vcf", &dictionary).map_err(|error| Failure::from(error).to_string())
    }

    const HEAD: &str = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";

    #[test]
    fn record_covers_its_reference_allele_or_to_its_end() {
        let records = "20\t5\t.\tACG\tA\t.\t.\t.\n21\t5\t.\tA\tC\t.\t.\t.\r\n20\t9\trs1\tN\t<DEL>\t.\t.\tSVTYPE=DEL;END=20\n";
        let text = [HEAD, records].concat();
        let region = |start, end| Region::new(ContigId(0), start, end);
        let expected = vec![region(4, 7), region(8, 20)];
        assert_eq!(read(text.clone().into_bytes()), Ok(expected.clone()));
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        let compressed = gzip.finish().unwrap();
        assert_eq!(read(compressed.clone()), Ok(expected));
        let cut = compressed[..compressed.len() - 12].to_vec();
        assert!(
            read(cut)
                .unwrap_err()
                .ends_with("compressed file is truncated")
        );
    }

    #[test]
    fn errors_name_file_and_record() {
        let table = [
            (
                "",
                "k.vcf: not a VCF: it does not begin with ##fileformat=VCF",
            ),
            (
                "20\t5\t.\tA\tC\n",
                "k.vcf: record 1: line has 5 columns, a VCF has at least 8",
            ),
            (
                "20\t0\t.\tA\tC\t.\t.\t.\n",
                "k.vcf: record 1: POS \"0\" is not a position",
            ),
            (
                "20\t1001\t.\tA\tC\t.\t.\t.\n",
                "k.vcf: record 1: 20:1001 lies beyond the end of the contig",
            ),
            (
                "chr20\t5\t.\tA\tC\t.\t.\t.\n",
                "k.vcf: no record lies on a contig of the reference; the first is on \"chr20\"",
            ),
        ];
        for (records, message) in table {
            let text = if records.is_empty() {
                String::new()
            } else {
                [HEAD, records].concat()
            };
            assert_eq!(read(text.into_bytes()).unwrap_err(), message);
        }
    }
}
