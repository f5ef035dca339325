//! BAM in, from its start to its end, against the contigs of a reference.

use std::io::Read;

use genome::dictionary::Dictionary;
use genome::record::OwnedRecord;
use genome::region::ContigId;

use super::bam::{Defect, FileError, FileReader};

/// Records in the order of the file; those on contigs that the reference lacks are left out.
pub struct BamStream {
    reader: FileReader<Box<dyn Read + Send>>,
    samples: Vec<String>,
    /// For each contig of the file, that of the reference.
    contigs: Vec<Option<ContigId>>,
    is_done: bool,
}

impl BamStream {
    /// Reads the header.
    ///
    /// # Errors
    /// [`FileError`] says why the file can't be used with this reference.
    pub fn open(
        stream: Box<dyn Read + Send>,
        file: &str,
        dictionary: &Dictionary,
    ) -> Result<Self, FileError> {
        let reader = FileReader::open(stream, file)?;
        let found = contigs(reader.contigs(), dictionary);
        let contigs = found.map_err(|defect| reader.invalid(defect))?;
        Ok(Self {
            samples: samples(reader.header_text()),
            reader,
            contigs,
            is_done: false,
        })
    }

    /// Returns the samples of the read groups, each once, in order.
    pub fn samples(&self) -> &[String] {
        &self.samples
    }

    /// Returns the text of the header.
    pub fn header_text(&self) -> &str {
        self.reader.header_text()
    }

    fn next_record(&mut self) -> Result<Option<OwnedRecord>, FileError> {
        while let Some(record) = self.reader.next_record()? {
            let mut block = record.bytes().to_vec();
            let is_known = renumber(&mut block, &self.contigs);
            if is_known.map_err(|defect| self.reader.invalid(defect))? {
                let record = OwnedRecord::new(block);
                return record
                    .map(Some)
                    .map_err(|error| self.reader.invalid(Defect::Record(error)));
            }
        }
        Ok(None)
    }
}

/// Finds the contigs of a file in the reference; both must have them in the same order.
fn contigs(
    of_file: &[(String, u64)],
    dictionary: &Dictionary,
) -> Result<Vec<Option<ContigId>>, Defect> {
    let mut contigs = Vec::with_capacity(of_file.len());
    let mut last = None;
    for (name, length) in of_file {
        let contig = dictionary.find(name);
        contigs.push(contig);
        let Some(contig) = contig else { continue };
        let expected = dictionary.contig(contig).length;
        if *length != expected {
            return Err(Defect::OtherLength {
                name: name.clone(),
                length: *length,
                expected,
            });
        }
        if last.is_some_and(|last| last >= contig) {
            return Err(Defect::Order(name.clone()));
        }
        last = Some(contig);
    }
    last.map(|_| contigs).ok_or(Defect::OtherReference)
}

/// Replaces the numbers of contigs; false if the reference lacks the record's own.
fn renumber(block: &mut [u8], contigs: &[Option<ContigId>]) -> Result<bool, Defect> {
    const NONE: u32 = u32::MAX;
    const OWN_AND_MATE: [usize; 2] = [0, 20];
    let mut is_known = true;
    for at in OWN_AND_MATE {
        let field = block[at..].first_chunk_mut::<4>();
        let field = field.expect("a record's fixed bytes were checked");
        let contig = u32::from_le_bytes(*field);
        if contig == NONE {
            continue;
        }
        let known = contigs.get(contig as usize);
        let known = known.ok_or(Defect::Contig(contig))?;
        is_known &= at > 0 || known.is_some();
        // A mate on a contig that the reference lacks is on no contig of its own.
        *field = known.map_or(NONE, |contig| contig.0).to_le_bytes();
    }
    Ok(is_known)
}

impl Iterator for BamStream {
    type Item = Result<OwnedRecord, FileError>;

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
    use common::failure::Failure;
    use genome::dictionary::Contig;
    use genome::record::{Flags, NewRecord, Records};
    use noodles_bgzf as bgzf;
    use std::io::{self, Write};

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
