//! Whether the intervals of a BED file lie inside the reference.

use std::io;

use genome::dictionary::Dictionary;
use genome::interval::{IntervalError, parse_bed};

use super::text::Lines;
use crate::inputs::Source;

/// What is wrong with a BED file.
#[derive(Debug, thiserror::Error)]
pub enum BedError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A line that does not fit.
    #[error(transparent)]
    Line(#[from] IntervalError),
    /// No interval at all.
    #[error("holds no interval")]
    Empty,
}

/// Checks a BED file; the error comes with the 1-based number of its line.
pub fn check_bed(
    source: impl Into<Source>,
    dictionary: &Dictionary,
) -> Result<(), (u64, BedError)> {
    let mut lines = Lines::open(source).map_err(|error| (0, error.into()))?;
    let mut found = false;
    while let Some(line) = lines
        .next()
        .map_err(|error| (lines.number() + 1, error.into()))?
    {
        let line = String::from_utf8_lossy(&line);
        let region = parse_bed(&line, dictionary);
        found |= region
            .map_err(|error| (lines.number(), error.into()))?
            .is_some();
    }
    if found {
        Ok(())
    } else {
        Err((0, BedError::Empty))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use genome::dictionary::Contig;

    fn dictionary() -> Dictionary {
        Dictionary::new(vec![Contig {
            name: "20".into(),
            length: 1000,
        }])
    }

    #[test]
    fn bed_faults_name_their_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bed");
        for (text, line) in [
            ("track x\n\n20\t0\t10\n", None),
            ("20\t0\t10\n20\t990\t1001\n", Some(2)),
            ("# none\n", Some(0)),
            ("20\t5\n", Some(1)),
        ] {
            std::fs::write(&path, text).unwrap();
            let fault = check_bed(&path, &dictionary()).err().map(|(line, _)| line);
            assert_eq!(fault, line, "{text}");
        }
    }
}
