//! Whether a VCF of known sites fits the reference.

use std::io;

use genome::dictionary::Dictionary;

use super::text::Lines;
use crate::inputs::Source;

/// What is wrong with a file of known sites.
#[derive(Debug, thiserror::Error)]
pub enum SitesError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// Another format.
    #[error("is not VCF: it does not begin with `##fileformat=VCF`")]
    Format,
    /// The header goes on to the end of the file.
    #[error("has no #CHROM line")]
    NoHeader,
    /// A contig of the same name but another length.
    #[error("is made for another reference: its contig {contig} has {theirs} bp, not {ours}")]
    Length {
        /// Name of the contig.
        contig: String,
        /// Length in the VCF's header.
        theirs: u64,
        /// Length in the reference.
        ours: u64,
    },
    /// No contig in common.
    #[error("is made for another reference: none of its contigs ({0}, ...) is known")]
    Strange(String),
}

/// Reads the header and compares its contigs with the reference.
pub fn check(source: impl Into<Source>, dictionary: &Dictionary) -> Result<(), SitesError> {
    let mut lines = Lines::open(source)?;
    match lines.next()? {
        Some(first) if first.starts_with(b"##fileformat=VCF") => {}
        _ => return Err(SitesError::Format),
    }
    let mut strange = None;
    let mut known = false;
    loop {
        let line = lines.next()?.ok_or(SitesError::NoHeader)?;
        if line.starts_with(b"#CHROM") {
            break;
        }
        if !line.starts_with(b"##") {
            return Err(SitesError::NoHeader);
        }
        let Some((name, length)) = contig_of(&String::from_utf8_lossy(&line)) else {
            continue;
        };
        match dictionary.find(&name) {
            Some(id) => {
                known = true;
                same_length(&name, length, dictionary.contig(id).length)?;
            }
            None => strange = strange.or(Some(name)),
        }
    }
    match strange {
        Some(name) if !known => Err(SitesError::Strange(name)),
        _ => Ok(()),
    }
}

fn same_length(contig: &str, theirs: Option<u64>, ours: u64) -> Result<(), SitesError> {
    match theirs {
        Some(theirs) if theirs != ours => Err(SitesError::Length {
            contig: contig.into(),
            theirs,
            ours,
        }),
        _ => Ok(()),
    }
}

/// Takes name and length out of `##contig=<ID=20,length=63025520>`.
fn contig_of(line: &str) -> Option<(String, Option<u64>)> {
    let fields = line.strip_prefix("##contig=<")?.strip_suffix('>')?;
    let field = |key: &str| {
        fields
            .split(',')
            .find_map(|field| field.strip_prefix(key)?.strip_prefix('='))
    };
    let length = field("length").and_then(|text| text.parse().ok());
    Some((field("ID")?.to_owned(), length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use genome::dictionary::Contig;

    fn check_text(text: &str) -> Result<(), SitesError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sites.vcf");
        std::fs::write(&path, text).unwrap();
        let contig = Contig {
            name: "20".into(),
            length: 100,
        };
        check(&path, &Dictionary::new(vec![contig]))
    }

    #[test]
    fn contigs_must_fit_the_reference() {
        let vcf = |contigs: &str| {
            check_text(&format!("##fileformat=VCFv4.2\n{contigs}#CHROM\tPOS\n"))
                .map_err(|error| error.to_string())
        };
        assert_eq!(vcf(""), Ok(()));
        assert_eq!(
            vcf("##contig=<ID=19>\n##contig=<ID=20,length=100>\n"),
            Ok(())
        );
        let length = "is made for another reference: its contig 20 has 99 bp, not 100";
        assert_eq!(vcf("##contig=<ID=20,length=99>\n"), Err(length.into()));
        let strange = "is made for another reference: none of its contigs (chr20, ...) is known";
        assert_eq!(vcf("##contig=<ID=chr20>\n"), Err(strange.into()));
    }

    #[test]
    fn other_formats_are_refused() {
        assert!(matches!(check_text("chr1\t1\n"), Err(SitesError::Format)));
        assert!(matches!(
            check_text("##fileformat=VCFv4.2\n##x\n"),
            Err(SitesError::NoHeader)
        ));
    }
}
