//! BAM in, from its start to its end, against the contigs of a reference.

use std::io::{self, BufRead, BufReader, Read};

use common::failure::{Failure, FailureClass};
use genome::dictionary::Dictionary;
use genome::record::{OwnedRecord, RecordError};
use genome::region::ContigId;
use noodles::bgzf;

/// The largest block and header that are believed.
const LARGEST_BLOCK_BYTES: u32 = 1 << 28;

/// Why a BAM file was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes could not be read.
    #[error("{file}: record {record}: cannot be read")]
    Io {
        /// The file.
        file: String,
        /// 1-based number of the record; 0 for the header.
        record: u64,
        /// The cause.
        source: io::Error,
    },
    /// The bytes are no BAM for this reference.
    #[error("{file}: record {record}: {defect}")]
    Invalid {
        /// The file.
        file: String,
        /// 1-based number of the record; 0 for the header.
        record: u64,
        /// What is wrong.
        defect: Defect,
    },
}

/// What is wrong with a BAM file.
#[derive(Debug, thiserror::Error)]
pub enum Defect {
    /// The magic bytes are others.
    #[error("not a BAM file")]
    NotBam,
    /// It ends in the middle.
    #[error("file is truncated")]
    Truncated,
    /// A length that can't be.
    #[error("a block of {0} bytes is not believed")]
    Length(u32),
    /// A contig with another length than in the reference.
    #[error("contig {name} has {length} bp, but {expected} in the reference")]
    OtherLength {
        /// Name of the contig.
        name: String,
        /// Its length in the file.
        length: u64,
        /// Its length in the reference.
        expected: u64,
    },
    /// Contigs that both have, in another order.
    #[error("contig {0} stands in another order than in the reference")]
    Order(String),
    /// The reference shares no contig.
    #[error("no contig of the file is in the reference")]
    OtherReference,
    /// A block that is no record.
    #[error("{0}")]
    Record(#[source] RecordError),
    /// A contig's number that the header lacks.
    #[error("contig number {0} is not in the header")]
    Contig(u32),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Io {
                file,
                record,
                source,
            } => Self {
                file: Some(file),
                record: Some(record),
                ..Self::new(FailureClass::StorageTransient, source.to_string())
            },
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

/// Records in the order of the file; those on contigs that the reference lacks are left out.
pub struct BamStream {
    text: BufReader<bgzf::io::Reader<Box<dyn Read + Send>>>,
    file: String,
    record: u64,
    samples: Vec<String>,
    /// For each contig of the file, that of the reference.
    contigs: Vec<Option<ContigId>>,
    is_done: bool,
}

impl BamStream {
    /// Reads the header.
    ///
    /// # Errors
    /// [`Error`] says why the file can't be used with this reference.
    pub fn open(
        stream: Box<dyn Read + Send>,
        file: &str,
        dictionary: &Dictionary,
    ) -> Result<Self, Error> {
        let mut stream = Self {
            text: BufReader::with_capacity(1 << 16, bgzf::io::Reader::new(stream)),
            file: file.into(),
            record: 0,
            samples: Vec::new(),
            contigs: Vec::new(),
            is_done: false,
        };
        if stream.block(4)? != b"BAM\x01" {
            return Err(stream.invalid(Defect::NotBam));
        }
        let length = stream.number()?;
        let header = stream.block(length)?;
        stream.samples = samples(&String::from_utf8_lossy(&header));
        for _ in 0..stream.number()? {
            let contig = stream.contig(dictionary)?;
            stream.contigs.push(contig);
        }
        if stream.contigs.iter().all(Option::is_none) {
            return Err(stream.invalid(Defect::OtherReference));
        }
        Ok(stream)
    }

    /// Returns the samples of the read groups, each once, in order.
    pub fn samples(&self) -> &[String] {
        &self.samples
    }

    fn contig(&mut self, dictionary: &Dictionary) -> Result<Option<ContigId>, Error> {
        let name_length = self.number()?;
        let name = self.block(name_length)?;
        let name = String::from_utf8_lossy(name.strip_suffix(b"\0").unwrap_or(&name)).into_owned();
        let length = u64::from(self.number()?);
        let Some(contig) = dictionary.find(&name) else {
            return Ok(None);
        };
        let expected = dictionary.contig(contig).length;
        if length != expected {
            return Err(self.invalid(Defect::OtherLength {
                name,
                length,
                expected,
            }));
        }
        if self
            .contigs
            .iter()
            .flatten()
            .any(|&before| before >= contig)
        {
            return Err(self.invalid(Defect::Order(name)));
        }
        Ok(Some(contig))
    }

    fn next_record(&mut self) -> Result<Option<OwnedRecord>, Error> {
        while let Some(size) = self.size()? {
            self.record += 1;
            let mut block = self.block(size)?;
            if self.renumber(&mut block)? {
                let record = OwnedRecord::new(block);
                return record
                    .map(Some)
                    .map_err(|error| self.invalid(Defect::Record(error)));
            }
        }
        Ok(None)
    }

    /// Replaces the numbers of contigs; false if the reference lacks the record's own.
    fn renumber(&self, block: &mut [u8]) -> Result<bool, Error> {
        const NONE: u32 = u32::MAX;
        const OWN_AND_MATE: [usize; 2] = [0, 20];
        let mut is_known = true;
        for at in OWN_AND_MATE {
            let Some(field) = block
                .get_mut(at..)
                .and_then(|rest| rest.first_chunk_mut::<4>())
            else {
                return Err(self.invalid(Defect::Truncated));
            };
            let contig = u32::from_le_bytes(*field);
            if contig == NONE {
                continue;
            }
            let known = self.contigs.get(contig as usize);
            let known = known.ok_or_else(|| self.invalid(Defect::Contig(contig)))?;
            is_known &= at > 0 || known.is_some();
            // A mate on a contig that the reference lacks is on no contig of its own.
            *field = known.map_or(NONE, |contig| contig.0).to_le_bytes();
        }
        Ok(is_known)
    }

    /// Returns the size of the next block; `None` at the end of the file.
    fn size(&mut self) -> Result<Option<u32>, Error> {
        let rest = self.text.fill_buf();
        match rest {
            Ok([]) => Ok(None),
            Ok(_) => self.number().map(Some),
            Err(source) => Err(self.failed(source)),
        }
    }

    fn number(&mut self) -> Result<u32, Error> {
        let mut bytes = [0; 4];
        let read = self.text.read_exact(&mut bytes);
        read.map_err(|source| self.failed(source))?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn block(&mut self, length: u32) -> Result<Vec<u8>, Error> {
        if length > LARGEST_BLOCK_BYTES {
            return Err(self.invalid(Defect::Length(length)));
        }
        let mut bytes = Vec::new();
        let read = (&mut self.text)
            .take(u64::from(length))
            .read_to_end(&mut bytes);
        match read {
            Ok(read) if read == length as usize => Ok(bytes),
            Ok(_) => Err(self.invalid(Defect::Truncated)),
            Err(source) => Err(self.failed(source)),
        }
    }

    fn invalid(&self, defect: Defect) -> Error {
        Error::Invalid {
            file: self.file.clone(),
            record: self.record,
            defect,
        }
    }

    fn failed(&self, source: io::Error) -> Error {
        match source.kind() {
            io::ErrorKind::UnexpectedEof => self.invalid(Defect::Truncated),
            io::ErrorKind::InvalidData => self.invalid(Defect::NotBam),
            _ => Error::Io {
                file: self.file.clone(),
                record: self.record,
                source,
            },
        }
    }
}

impl Iterator for BamStream {
    type Item = Result<OwnedRecord, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let next = self.next_record().transpose();
        self.is_done = !matches!(next, Some(Ok(_)));
        next
    }
}

fn samples(header: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in header.lines().filter(|line| line.starts_with("@RG\t")) {
        let sample = line.split('\t').find_map(|field| field.strip_prefix("SM:"));
        if let Some(sample) = sample
            && !found.iter().any(|known| known == sample)
        {
            found.push(sample.into());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use genome::dictionary::Contig;
    use genome::record::{Flags, NewRecord, Records};
    use std::io::Write;

    fn dictionary(contigs: &[(&str, u64)]) -> Dictionary {
        let contig = |&(name, length): &(&str, u64)| Contig {
            name: name.into(),
            length,
        };
        Dictionary::new(contigs.iter().map(contig).collect())
    }

    /// Contigs a and b; a record on b whose mate is on a, and one on a.
    fn bam() -> Vec<u8> {
        let mut bytes = b"BAM\x01".to_vec();
        let header = b"@RG\tID:x\tSM:s\n@RG\tID:y\tSM:s\n";
        bytes.extend((header.len() as u32).to_le_bytes());
        bytes.extend(header);
        bytes.extend(2u32.to_le_bytes());
        for name in [b"a\0", b"b\0"] {
            bytes.extend(2u32.to_le_bytes());
            bytes.extend(name);
            bytes.extend(100u32.to_le_bytes());
        }
        let mut records = Records::default();
        for (contig, mate) in [(1, 0), (0, 0)] {
            records.push(
                0,
                &NewRecord {
                    name: b"r",
                    flags: Flags(Flags::PAIRED),
                    placed: Some((ContigId(contig), 7)),
                    mapping_quality: 60,
                    cigar: &[],
                    mate: Some((ContigId(mate), 9)),
                    template_length: 0,
                    bases: b"ACG",
                    qualities: &[30; 3],
                },
            );
        }
        for record in records.iter() {
            bytes.extend((record.bytes().len() as u32).to_le_bytes());
            bytes.extend(record.bytes());
        }
        bytes
    }

    fn open(bytes: &[u8], dictionary: &Dictionary) -> Result<BamStream, String> {
        let mut writer = bgzf::io::Writer::new(Vec::new());
        writer.write_all(bytes).unwrap();
        let compressed = io::Cursor::new(writer.finish().unwrap());
        let stream = BamStream::open(Box::new(compressed), "x.bam", dictionary);
        stream.map_err(|error| Failure::from(error).to_string())
    }

    #[test]
    fn contigs_get_the_numbers_of_the_reference() {
        let stream = open(&bam(), &dictionary(&[("z", 5), ("b", 100)])).unwrap();
        assert_eq!(stream.samples(), ["s"]);
        let records: Vec<OwnedRecord> = stream.map(Result::unwrap).collect();
        assert_eq!(records.len(), 1);
        let view = records[0].view();
        assert_eq!(
            (view.contig(), view.mate_contig()),
            (Some(ContigId(1)), None)
        );
    }

    #[test]
    fn files_of_another_reference_are_refused() {
        let table = [
            (
                vec![("a", 99)],
                "x.bam: contig a has 100 bp, but 99 in the reference",
            ),
            (
                vec![("b", 100), ("a", 100)],
                "x.bam: contig b stands in another order than in the reference",
            ),
            (
                vec![("c", 100)],
                "x.bam: no contig of the file is in the reference",
            ),
        ];
        for (contigs, message) in table {
            assert_eq!(open(&bam(), &dictionary(&contigs)).err().unwrap(), message);
        }
        assert_eq!(
            open(b"CRAM", &dictionary(&[("a", 1)])).err().unwrap(),
            "x.bam: not a BAM file"
        );
    }

    #[test]
    fn truncated_record_is_named() {
        let bytes = bam();
        let stream = open(&bytes[..bytes.len() - 3], &dictionary(&[("a", 100)])).unwrap();
        let errors: Vec<String> = stream
            .filter_map(Result::err)
            .map(|error| error.to_string())
            .collect();
        assert_eq!(errors, ["x.bam: record 2: file is truncated"]);
    }
}
