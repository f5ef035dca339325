//! One line of a gVCF of one sample.

use crate::genotyping::Allele;
use genome::dictionary::Dictionary;
use genome::region::ContigId;

/// A block or a call of one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct GvcfRecord {
    /// The contig.
    pub contig: ContigId,
    /// 0-based position of the first base.
    pub start: u64,
    /// One past the last position.
    pub end: u64,
    /// ID, if there is one.
    pub id: Option<String>,
    /// The reference allele, the alternates, `<NON_REF>` among them.
    pub alleles: Vec<Allele>,
    /// INFO as it is written: keys with their values.
    pub info: Vec<(String, String)>,
    /// The sample's column.
    pub sample: SampleFields,
}

/// What the sample's column says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SampleFields {
    /// Number of copies in GT.
    pub ploidy: usize,
    /// Whether GT is phased.
    pub is_phased: bool,
    /// AD.
    pub allele_depths: Option<Vec<u32>>,
    /// DP.
    pub depth: Option<u32>,
    /// GQ.
    pub quality: Option<u32>,
    /// MIN_DP.
    pub minimum_depth: Option<u32>,
    /// PL.
    pub likelihoods: Option<Vec<u32>>,
    /// SB.
    pub strands: Option<[u32; 4]>,
    /// PGT, PID and PS.
    pub phase: [Option<String>; 3],
}

/// Why a line is no record of a gVCF.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Fewer columns than one sample needs.
    #[error("{columns} columns where a gVCF of one sample has 10")]
    Columns {
        /// How many there are.
        columns: usize,
    },
    /// A contig that the reference lacks.
    #[error("contig {0} is absent from the reference")]
    Contig(String),
    /// A field that cannot be read.
    #[error("malformed {field}: {text:?}")]
    Field {
        /// Its name.
        field: &'static str,
        /// What it says.
        text: String,
    },
    /// Likelihoods or depths that do not go with the alleles.
    #[error("{field} has {found} values, not {expected}")]
    Count {
        /// Its name.
        field: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
}

impl GvcfRecord {
    /// Reads a line, without its end.
    ///
    /// # Errors
    /// [`RecordError`] names what cannot be read.
    pub fn parse(line: &str, dictionary: &Dictionary) -> Result<Self, RecordError> {
        let columns: Vec<&str> = line.split('\t').collect();
        let [
            contig,
            position,
            id,
            reference,
            alternates,
            _,
            _,
            info,
            format,
            sample,
        ] = columns[..]
        else {
            return Err(RecordError::Columns {
                columns: columns.len(),
            });
        };
        let contig = dictionary
            .find(contig)
            .ok_or_else(|| RecordError::Contig(contig.into()))?;
        let start = number::<u64>("POS", position)?
            .checked_sub(1)
            .ok_or_else(|| field_error("POS", position))?;
        let info = parse_info(info);
        let end = match info.iter().find(|(key, _)| key == "END") {
            Some((_, end)) => number("END", end)?,
            None => start + reference.len() as u64,
        };
        if end <= start {
            return Err(field_error("END", &end.to_string()));
        }
        let alternates = alternates.split(',').filter(|text| *text != ".");
        let letters = std::iter::once(reference).chain(alternates);
        let alleles: Vec<Allele> = letters.map(|text| text.as_bytes().into()).collect();
        let sample = SampleFields::parse(format, sample, alleles.len())?;
        Ok(Self {
            contig,
            start,
            end,
            id: (id != ".").then(|| id.into()),
            alleles,
            info,
            sample,
        })
    }

    /// Says whether an alternate beside `<NON_REF>` is named.
    pub fn is_variant(&self) -> bool {
        self.alleles.len() > 2
    }

    /// Returns a value of INFO.
    pub fn info(&self, key: &str) -> Option<&str> {
        let found = self.info.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str())
    }
}

impl SampleFields {
    fn parse(format: &str, text: &str, alleles: usize) -> Result<Self, RecordError> {
        let mut fields = Self::default();
        for (key, value) in format.split(':').zip(text.split(':')) {
            if key == "GT" {
                fields.is_phased = value.contains('|');
                fields.ploidy = value.split(['/', '|']).count();
                continue;
            }
            if value == "." {
                continue;
            }
            match key {
                "AD" => fields.allele_depths = Some(numbers("AD", value)?),
                "DP" => fields.depth = Some(number("DP", value)?),
                "GQ" => fields.quality = Some(number("GQ", value)?),
                "MIN_DP" => fields.minimum_depth = Some(number("MIN_DP", value)?),
                "PL" => fields.likelihoods = Some(numbers("PL", value)?),
                "SB" => {
                    let counts = numbers("SB", value)?;
                    let counts = <[u32; 4]>::try_from(counts);
                    fields.strands = Some(counts.map_err(|_| field_error("SB", value))?);
                }
                "PGT" => fields.phase[0] = Some(value.into()),
                "PID" => fields.phase[1] = Some(value.into()),
                "PS" => fields.phase[2] = Some(value.into()),
                _ => {}
            }
        }
        fields.check(alleles)?;
        Ok(fields)
    }

    fn check(&self, alleles: usize) -> Result<(), RecordError> {
        let genotypes = (0..self.ploidy).fold(1, |n, i| n * (alleles + i) / (i + 1));
        let counts = [
            ("PL", self.likelihoods.as_ref().map(Vec::len), genotypes),
            ("AD", self.allele_depths.as_ref().map(Vec::len), alleles),
        ];
        for (field, found, expected) in counts {
            if let Some(found) = found.filter(|found| *found != expected) {
                return Err(RecordError::Count {
                    field,
                    found,
                    expected,
                });
            }
        }
        Ok(())
    }

    /// Returns the depth that a block vouches for at each position.
    pub fn least_depth(&self) -> u32 {
        self.minimum_depth.or(self.depth).unwrap_or(0)
    }
}

fn parse_info(text: &str) -> Vec<(String, String)> {
    let pair = |word: &str| {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        (key.to_owned(), value.to_owned())
    };
    text.split(';')
        .filter(|word| *word != ".")
        .map(pair)
        .collect()
}

fn field_error(field: &'static str, text: &str) -> RecordError {
    RecordError::Field {
        field,
        text: text.into(),
    }
}

fn number<T: std::str::FromStr>(field: &'static str, text: &str) -> Result<T, RecordError> {
    text.parse().map_err(|_| field_error(field, text))
}

fn numbers(field: &'static str, text: &str) -> Result<Vec<u32>, RecordError> {
    text.split(',').map(|word| number(field, word)).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use genome::dictionary::Contig;

    pub fn dictionary() -> Dictionary {
        Dictionary::new(vec![Contig {
            name: "20".into(),
            length: 1000,
        }])
    }

    /// Reads a line whose columns stand between spaces.
    pub fn record(text: &str) -> GvcfRecord {
        GvcfRecord::parse(&text.replace(' ', "\t"), &dictionary()).unwrap()
    }

    #[test]
    fn blocks_reach_to_their_end() {
        let block =
            record("20 11 . A <NON_REF> . . END=20 GT:DP:GQ:MIN_DP:PL 0/0:23:60:20:0,60,900");
        assert_eq!((block.start, block.end), (10, 20));
        assert!(!block.is_variant());
        assert_eq!(block.sample.least_depth(), 20);
        let call =
            record("20 11 rs1 AC A,<NON_REF> 50 . DP=9 GT:AD:PL:SB 0|1:4,5,0:1,2,3,4,5,6:1,2,3,4");
        assert_eq!((call.start, call.end), (10, 12));
        assert!(call.is_variant() && call.sample.is_phased);
        assert_eq!(call.info("DP"), Some("9"));
    }

    #[test]
    fn malformed_lines_are_refused_by_name() {
        let table = [
            "20 11 . A",
            "21 11 . A <NON_REF> . . . GT 0/0",
            "20 0 . A <NON_REF> . . . GT 0/0",
            "20 11 . A <NON_REF> . . END=3 GT 0/0",
            "20 11 . A <NON_REF> . . . GT:PL 0/0:1,2",
            "20 11 . A <NON_REF> . . . GT:AD 0/0:1,2,3",
            "20 11 . A <NON_REF> . . . GT:SB 0/0:1,2,3",
            "20 11 . A <NON_REF> . . . GT:DP 0/0:x",
        ];
        for text in table {
            assert!(
                GvcfRecord::parse(&text.replace(' ', "\t"), &dictionary()).is_err(),
                "{text}"
            );
        }
    }
}
