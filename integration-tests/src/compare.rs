//! Comparing whole output folders byte by byte.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// The files whose bytes depend on inputs, options and output versions alone.
pub const SAME_BYTES: [&str; 9] = [
    "NA12878.bam",
    "NA12878.bam.bai",
    "NA12878.vcf.gz",
    "NA12878.vcf.gz.tbi",
    "NA12878.g.vcf.gz",
    "NA12878.g.vcf.gz.tbi",
    "metrics.json",
    "NA12878.markdup.metrics.txt",
    "NA12878.recal.table",
];

/// The bytes of an output folder.
#[derive(PartialEq, Eq)]
pub struct Outputs(BTreeMap<&'static str, Vec<u8>>);

impl Outputs {
    /// Reads a folder.
    ///
    /// # Errors
    /// If a file is missing.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        for name in SAME_BYTES {
            let path = folder.join(name);
            let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
            files.insert(name, bytes);
        }
        Ok(Self(files))
    }

    /// Reads a folder in which some files may not be, for nobody asked for them.
    ///
    /// # Errors
    /// If there is none at all, or one cannot be read.
    pub fn read_some(folder: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        for name in SAME_BYTES {
            let path = folder.join(name);
            if path.exists() {
                files.insert(name, std::fs::read(path)?);
            }
        }
        ensure!(!files.is_empty(), "{}: no outputs", folder.display());
        Ok(Self(files))
    }

    /// Checks that two folders hold the same bytes.
    ///
    /// # Errors
    /// With the names of the files that differ.
    pub fn ensure_same(&self, other: &Self) -> Result<()> {
        let differing: Vec<_> = self
            .0
            .iter()
            .filter(|(name, bytes)| other.0.get(*name) != Some(bytes))
            .collect();
        let names: Vec<_> = differing.iter().map(|(name, _)| name).collect();
        ensure!(names.is_empty(), "these files differ: {names:?}");
        Ok(())
    }
}
