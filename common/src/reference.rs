//! A reference that the server keeps: which files it has, and what their bytes are.
//!
//! All files of a version lie below one prefix; its manifest is written last, so that a version
//! with a manifest is whole. Files never change.

use serde::{Deserialize, Serialize};

use crate::location::Location;

/// The file of a version that lists the others.
pub const MANIFEST: &str = "manifest.json";

/// Where all references lie among the objects.
pub const REFERENCES: &str = "references";

/// One version of a reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// Its name.
    pub name: String,
    /// Later versions sort after earlier ones.
    pub version: String,
    /// SHA-256 over the sequences.
    pub sequences_sha256: String,
    /// How many contigs there are.
    pub contigs: u32,
    /// Their bases together.
    pub length_bp: u64,
    /// Its files, the FASTA file first.
    pub files: Vec<BundleFile>,
}

/// A file of a reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleFile {
    /// What it is.
    pub role: Role,
    /// Its name below the version's prefix.
    pub name: String,
    /// Its size.
    pub size_bytes: u64,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

/// What a file of a reference is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The sequences.
    Fasta,
    /// The index over them.
    Index,
    /// Contigs and their lengths.
    Dictionary,
    /// A VCF file of sites known to vary.
    KnownSites,
}

impl Bundle {
    /// Returns the location of a file.
    pub fn location(&self, file: &str) -> Location {
        Location::Reference {
            name: self.name.clone(),
            version: self.version.clone(),
            file: file.to_owned(),
        }
    }

    /// Returns the file of a name.
    pub fn file(&self, name: &str) -> Option<&BundleFile> {
        self.files.iter().find(|file| file.name == name)
    }
}

/// Says whether a text may name a reference or one of its versions.
pub fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (1..=64).contains(&text.len()) && text.chars().all(plain) && !text.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for (text, expected) in [
            ("GRCh38", true),
            ("a-b_1.2", true),
            (".a", false),
            ("a/b", false),
        ] {
            assert_eq!(is_name(text), expected, "{text}");
        }
    }

    #[test]
    fn files_are_named_by_location() {
        let bundle = Bundle {
            name: "GRCh38".into(),
            version: "01H".into(),
            sequences_sha256: String::new(),
            contigs: 1,
            length_bp: 1,
            files: Vec::new(),
        };
        let location = bundle.location("ref.fa");
        assert_eq!(location.to_string(), "reference:GRCh38/01H/ref.fa");
        assert_eq!(
            location.to_string().parse::<Location>(),
            Ok(location.clone())
        );
        let key = location.object_key();
        assert_eq!(key.as_deref(), Some("references/GRCh38/01H/ref.fa"));
    }
}
