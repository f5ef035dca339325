//! Records of a VCF as the caller looks at them: place, name and alleles.

use std::fs::File;
use std::io::BufRead;
use std::path::Path;

use common::failure::Failure;
use genome::dictionary::Dictionary;
use genome::region::ContigId;
use worker::formats::compression::decompressed;

/// The columns up to FILTER.
const COLUMNS: usize = 7;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The contig.
    pub contig: ContigId,
    /// 0-based position of the first reference base.
    pub start: u64,
    /// ID.
    pub name: String,
    /// REF in upper case.
    pub reference: Vec<u8>,
    /// ALT in upper case, without `.`.
    pub alternates: Vec<Vec<u8>>,
    /// Whether FILTER names a filter.
    pub is_filtered: bool,
}

/// The records of a file, plain or compressed; those on contigs that the reference lacks are left
/// out.
pub struct Sites<'a> {
    file: String,
    lines: Box<dyn BufRead + Send>,
    dictionary: &'a Dictionary,
    line: u64,
}

impl<'a> Sites<'a> {
    /// Opens a file.
    ///
    /// # Errors
    /// That it cannot be opened, or is no VCF.
    pub fn open(path: &Path, dictionary: &'a Dictionary) -> Result<Self, Failure> {
        let file = path.display().to_string();
        let opened = |error| Failure::input(&file, format!("cannot be opened: {error}"));
        let stream = File::open(path).map_err(opened)?;
        let lines = decompressed(Box::new(stream)).map_err(opened)?;
        let mut sites = Self {
            file,
            lines,
            dictionary,
            line: 0,
        };
        let first = sites.next_line()?.unwrap_or_default();
        if !first.starts_with("##fileformat=VCF") {
            return Err(sites.refused("not a VCF: it does not begin with ##fileformat=VCF"));
        }
        Ok(sites)
    }

    /// Returns the next record.
    ///
    /// # Errors
    /// Which line is malformed.
    pub fn next_site(&mut self) -> Result<Option<Site>, Failure> {
        while let Some(line) = self.next_line()? {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let columns: Vec<&str> = line.splitn(COLUMNS + 1, '\t').collect();
            if columns.len() < COLUMNS {
                let message = format!("{} columns, a VCF has at least 8", columns.len());
                return Err(self.refused(&message));
            }
            if let Some(contig) = self.dictionary.find(columns[0]) {
                return self.site(contig, &columns).map(Some);
            }
        }
        Ok(None)
    }

    fn site(&self, contig: ContigId, columns: &[&str]) -> Result<Site, Failure> {
        let position = columns[1].parse::<u64>().ok().filter(|&one| one > 0);
        let Some(position) = position else {
            return Err(self.refused(&format!("POS {:?} is not a position", columns[1])));
        };
        let upper = |text: &str| text.to_ascii_uppercase().into_bytes();
        let alternates = columns[4].split(',').filter(|text| *text != ".");
        Ok(Site {
            contig,
            start: position - 1,
            name: columns[2].to_owned(),
            reference: upper(columns[3]),
            alternates: alternates.map(upper).collect(),
            is_filtered: !matches!(columns[6], "." | "PASS"),
        })
    }

    fn next_line(&mut self) -> Result<Option<String>, Failure> {
        let mut line = String::new();
        self.line += 1;
        let read = self.lines.read_line(&mut line);
        let read = read.map_err(|error| self.refused(&error.to_string()))?;
        line.truncate(line.trim_end().len());
        Ok((read > 0).then_some(line))
    }

    /// Makes a failure that names the file and its last line.
    pub fn refused(&self, message: &str) -> Failure {
        Failure::input(&self.file, format!("line {}: {message}", self.line))
    }
}
