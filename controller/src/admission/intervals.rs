//! Whether intervals lie inside the reference.

use std::io;
use std::path::Path;

use genome::dictionary::Dictionary;

use super::text::Lines;

/// What is wrong with an interval.
#[derive(Debug, thiserror::Error)]
pub enum IntervalError {
    /// The BED file cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// Not `contig` or `contig:start-end`, or not three columns.
    #[error("is neither `contig` nor `contig:start-end`")]
    Form,
    /// A BED line without three columns.
    #[error("has no contig, start and end")]
    Columns,
    /// A contig that the reference lacks.
    #[error("the reference has no contig {0}")]
    Contig(String),
    /// Outside the contig, or empty.
    #[error("{start}-{end} is not a stretch of {contig}, which has {length} bp")]
    Range {
        /// The contig.
        contig: String,
        /// 1-based.
        start: u64,
        /// Inclusive.
        end: u64,
        /// Length of the contig.
        length: u64,
    },
    /// A BED file without any interval.
    #[error("holds no interval")]
    Empty,
}

/// Checks `contig` or `contig:start-end`, 1-based, inclusive.
pub fn check_text(text: &str, dictionary: &Dictionary) -> Result<(), IntervalError> {
    if dictionary.find(text).is_some() {
        return Ok(());
    }
    let Some((contig, range)) = text.rsplit_once(':') else {
        return Err(IntervalError::Contig(text.into()));
    };
    let number = |digits: &str| digits.replace(',', "").parse::<u64>().ok();
    let bounds = range
        .split_once('-')
        .and_then(|(start, end)| Some((number(start)?, number(end)?)));
    let (start, end) = bounds.ok_or(IntervalError::Form)?;
    in_range(contig, start, end, dictionary)
}

/// Checks a BED file; the error comes with the 1-based number of its line.
pub fn check_bed(path: &Path, dictionary: &Dictionary) -> Result<(), (u64, IntervalError)> {
    let mut lines = Lines::open(path).map_err(|error| (0, error.into()))?;
    let mut found = false;
    while let Some(line) = lines
        .next()
        .map_err(|error| (lines.number() + 1, error.into()))?
    {
        let line = String::from_utf8_lossy(&line);
        let no_interval = ["#", "track", "browser"];
        if line.trim().is_empty() || no_interval.iter().any(|word| line.starts_with(word)) {
            continue;
        }
        check_bed_line(&line, dictionary).map_err(|error| (lines.number(), error))?;
        found = true;
    }
    if found {
        Ok(())
    } else {
        Err((0, IntervalError::Empty))
    }
}

fn check_bed_line(line: &str, dictionary: &Dictionary) -> Result<(), IntervalError> {
    let mut columns = line.split_whitespace();
    let contig = columns.next().ok_or(IntervalError::Columns)?;
    let mut number = || columns.next().and_then(|text| text.parse::<u64>().ok());
    match (number(), number()) {
        (Some(start), Some(end)) => in_range(contig, start.saturating_add(1), end, dictionary),
        _ => Err(IntervalError::Columns),
    }
}

fn in_range(
    contig: &str,
    start: u64,
    end: u64,
    dictionary: &Dictionary,
) -> Result<(), IntervalError> {
    let id = dictionary
        .find(contig)
        .ok_or_else(|| IntervalError::Contig(contig.into()))?;
    let length = dictionary.contig(id).length;
    if start == 0 || start > end || end > length {
        return Err(IntervalError::Range {
            contig: contig.into(),
            start,
            end,
            length,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use genome::dictionary::Contig;

    fn dictionary() -> Dictionary {
        let contig = |name: &str| Contig {
            name: name.into(),
            length: 1000,
        };
        Dictionary::new(vec![contig("20"), contig("HLA*01:02")])
    }

    #[test]
    fn text_intervals_must_lie_inside_a_known_contig() {
        for good in ["20", "20:1-1,000", "HLA*01:02", "HLA*01:02:5-5"] {
            check_text(good, &dictionary()).unwrap();
        }
        for bad in ["21", "20:0-5", "20:6-5", "20:1-1001", "20:x-5", "20:5"] {
            assert!(check_text(bad, &dictionary()).is_err(), "{bad}");
        }
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
