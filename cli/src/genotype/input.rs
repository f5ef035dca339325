//! A gVCF file: what its header says, then its records.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use caller::joint::GvcfRecord;
use common::failure::Failure;
use genome::dictionary::{Contig, Dictionary};
use noodles::bgzf;

const GZIP_MAGIC: [u8; 2] = [0x1F, 0x8B];

/// An open file, at its first record.
pub struct Gvcf {
    name: String,
    lines: Box<dyn BufRead>,
    line: u64,
    /// The only sample.
    pub sample: String,
    /// The contigs of the header.
    pub contigs: Vec<Contig>,
    /// INFO lines of the header for fields that hold numbers, and the names of these.
    pub numeric: Vec<(String, String)>,
}

impl Gvcf {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let opened = |error| Failure::input(&name, format!("cannot be opened: {error}"));
        let mut file = File::open(path).map_err(opened)?;
        let mut magic = [0; 2];
        let is_compressed = file.read_exact(&mut magic).is_ok() && magic == GZIP_MAGIC;
        let file = File::open(path).map_err(opened)?;
        let lines: Box<dyn BufRead> = if is_compressed {
            Box::new(bgzf::io::Reader::new(file))
        } else {
            Box::new(BufReader::new(file))
        };
        let mut gvcf = Self {
            name: name.clone(),
            lines,
            line: 0,
            sample: String::new(),
            contigs: Vec::new(),
            numeric: Vec::new(),
        };
        gvcf.read_header()?;
        Ok(gvcf)
    }

    fn read_header(&mut self) -> Result<(), Failure> {
        while let Some(line) = self.next_line()? {
            if let Some(rest) = line.strip_prefix("##contig=<ID=") {
                self.contigs.extend(contig(rest));
            } else if let Some(rest) = line.strip_prefix("##INFO=<ID=") {
                let is_number = rest.contains("Type=Integer") || rest.contains("Type=Float");
                if let Some((id, _)) = rest.split_once(',').filter(|_| is_number) {
                    self.numeric.push((id.to_owned(), line.clone()));
                }
            } else if let Some(columns) = line.strip_prefix("#CHROM\t") {
                let samples: Vec<&str> = columns.split('\t').skip(8).collect();
                let [sample] = samples[..] else {
                    return Err(self.refused(format!("{} samples: one is needed", samples.len())));
                };
                self.sample = sample.to_owned();
                return Ok(());
            } else if !line.starts_with("##") {
                break;
            }
        }
        Err(self.refused("no VCF header".into()))
    }

    /// Returns the next line without its end.
    fn next_line(&mut self) -> Result<Option<String>, Failure> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line);
        self.line += 1;
        if read.map_err(|error| self.refused(error.to_string()))? == 0 {
            return Ok(None);
        }
        line.truncate(line.trim_end_matches(['\n', '\r']).len());
        Ok(Some(line))
    }

    fn refused(&self, message: String) -> Failure {
        Failure::input(&self.name, format!("line {}: {message}", self.line))
    }

    /// Returns the records.
    pub fn records<'a>(
        &'a mut self,
        dictionary: &'a Dictionary,
    ) -> impl Iterator<Item = Result<GvcfRecord, Failure>> + 'a {
        std::iter::from_fn(move || {
            let line = self.next_line().transpose()?;
            let record = line.and_then(|line| {
                let parsed = GvcfRecord::parse(&line, dictionary);
                parsed.map_err(|error| self.refused(error.to_string()))
            });
            Some(record)
        })
    }
}

fn contig(text: &str) -> Option<Contig> {
    let name = text.split([',', '>']).next()?;
    let (_, length) = text.split_once("length=")?;
    let length = length.split([',', '>']).next()?;
    Some(Contig {
        name: name.into(),
        length: length.parse().ok()?,
    })
}

/// Returns the contigs that all inputs declare alike.
///
/// # Errors
/// Names two files that differ.
pub fn shared_dictionary(inputs: &[Gvcf]) -> Result<Dictionary, Failure> {
    let Some((first, others)) = inputs.split_first() else {
        return Ok(Dictionary::new(Vec::new()));
    };
    for other in others {
        if other.contigs != first.contigs {
            let message = format!("its contigs differ from those of {}", first.name);
            return Err(Failure::input(&other.name, message));
        }
    }
    if first.contigs.is_empty() {
        return Err(Failure::input(
            &first.name,
            "its header declares no contig with a length",
        ));
    }
    Ok(Dictionary::new(first.contigs.clone()))
}

/// Returns the inputs in the order of their samples.
///
/// # Errors
/// Names a sample that two files hold.
pub fn by_sample(inputs: &[Gvcf]) -> Result<Vec<usize>, Failure> {
    let mut order: Vec<usize> = (0..inputs.len()).collect();
    order.sort_by(|&a, &b| inputs[a].sample.cmp(&inputs[b].sample));
    for pair in order.windows(2) {
        let (one, other) = (&inputs[pair[0]], &inputs[pair[1]]);
        if one.sample == other.sample {
            let message = format!("sample {} is in {} too", one.sample, one.name);
            return Err(Failure::input(&other.name, message));
        }
    }
    Ok(order)
}

/// Returns the names of all numeric fields, and one header line of each.
pub fn numeric_fields(inputs: &[Gvcf]) -> (BTreeSet<String>, Vec<String>) {
    let (mut names, mut lines) = (BTreeSet::new(), Vec::new());
    for (name, line) in inputs.iter().flat_map(|input| &input.numeric) {
        if names.insert(name.clone()) {
            lines.push(line.clone());
        }
    }
    lines.sort();
    (names, lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gvcf(contigs: &str, sample: &str, body: &str) -> Result<Gvcf, Failure> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let header = "##fileformat=VCFv4.2\n##INFO=<ID=DP,Number=1,Type=Integer>\n##INFO=<ID=X,Type=String>\n";
        let columns = format!("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{sample}\n");
        write!(file, "{header}{contigs}{columns}{body}").unwrap();
        Gvcf::open(file.path())
    }

    #[test]
    fn header_tells_contigs_sample_and_numbers() {
        let body = "c\t1\t.\tA\t<NON_REF>\t.\t.\tEND=9\tGT\t0/0\nc\t1\n";
        let mut found = gvcf("##contig=<ID=c,length=9,assembly=x>\n", "s", body).unwrap();
        assert_eq!((found.sample.as_str(), found.numeric.len()), ("s", 1));
        let dictionary = shared_dictionary(std::slice::from_ref(&found)).unwrap();
        let records: Vec<_> = found.records(&dictionary).collect();
        assert!(records[0].is_ok());
        let message = records[1].as_ref().unwrap_err().to_string();
        assert!(message.contains("line 7"), "{message}");
    }

    #[test]
    fn inputs_that_do_not_go_together_are_refused() {
        let one = gvcf("##contig=<ID=c,length=9>\n", "s", "").unwrap();
        let other = gvcf("##contig=<ID=c,length=8>\n", "t", "").unwrap();
        let same = gvcf("##contig=<ID=c,length=9>\n", "s", "").unwrap();
        assert!(shared_dictionary(&[one, other]).is_err());
        let again = gvcf("##contig=<ID=c,length=9>\n", "s", "").unwrap();
        assert!(by_sample(&[same, again]).is_err());
        assert!(gvcf("", "a\tb", "").is_err());
        assert!(shared_dictionary(&[gvcf("", "a", "").unwrap()]).is_err());
    }
}
