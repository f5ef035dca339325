//! Intervals as people write them: `contig`, `contig:start-end`, `contig:position`, or lines of a BED
//! file.

use crate::dictionary::Dictionary;
use crate::region::Region;

/// What is wrong with an interval.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntervalError {
    /// None of `contig`, `contig:start-end` and `contig:position`.
    #[error("is none of contig, contig:start-end and contig:position")]
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
        /// Length of the contig in bp.
        length: u64,
    },
}

/// Reads `contig`, `contig:start-end` or, for one base, `contig:position`, 1-based and inclusive; a
/// contig's name may hold colons.
///
/// # Errors
/// [`IntervalError`] says what does not fit.
pub fn parse_text(text: &str, dictionary: &Dictionary) -> Result<Region, IntervalError> {
    if let Some(id) = dictionary.find(text) {
        return Ok(Region::new(id, 0, dictionary.contig(id).length));
    }
    let Some((contig, range)) = text.rsplit_once(':') else {
        return Err(IntervalError::Contig(text.into()));
    };
    let number = |digits: &str| digits.replace(',', "").parse::<u64>().ok();
    let (start, end) = range.split_once('-').unwrap_or((range, range));
    let bounds = number(start).zip(number(end));
    let (start, end) = bounds.ok_or(IntervalError::Form)?;
    within(contig, start, end, dictionary)
}

/// Reads a line of a BED file: 0-based, half-open. `None` for blank, comment and track lines.
///
/// # Errors
/// [`IntervalError`] says what does not fit.
pub fn parse_bed(line: &str, dictionary: &Dictionary) -> Result<Option<Region>, IntervalError> {
    const NO_INTERVAL: [&str; 3] = ["#", "track", "browser"];
    if line.trim().is_empty() || NO_INTERVAL.iter().any(|word| line.starts_with(word)) {
        return Ok(None);
    }
    let mut columns = line.split_whitespace();
    let contig = columns.next().ok_or(IntervalError::Columns)?;
    let mut number = || columns.next().and_then(|text| text.parse::<u64>().ok());
    let (Some(start), Some(end)) = (number(), number()) else {
        return Err(IntervalError::Columns);
    };
    within(contig, start.saturating_add(1), end, dictionary).map(Some)
}

fn within(
    contig: &str,
    start: u64,
    end: u64,
    dictionary: &Dictionary,
) -> Result<Region, IntervalError> {
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
    Ok(Region::new(id, start - 1, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dictionary::Contig;
    use crate::region::ContigId;

    fn dictionary() -> Dictionary {
        let contig = |name: &str| Contig {
            name: name.into(),
            length: 1000,
        };
        Dictionary::new(vec![contig("20"), contig("HLA*01:02")])
    }

    #[test]
    fn text_intervals_are_one_based_and_inclusive() {
        let region = |text| parse_text(text, &dictionary()).unwrap();
        assert_eq!(region("20"), Region::new(ContigId(0), 0, 1000));
        assert_eq!(region("20:1-1,000"), Region::new(ContigId(0), 0, 1000));
        assert_eq!(region("HLA*01:02:5-5"), Region::new(ContigId(1), 4, 5));
        assert_eq!(region("20:1,000"), Region::new(ContigId(0), 999, 1000));
        for bad in [
            "21",
            "20:0-5",
            "20:6-5",
            "20:1-1001",
            "20:x-5",
            "20:x",
            "20:1001",
        ] {
            assert!(parse_text(bad, &dictionary()).is_err(), "{bad}");
        }
    }

    #[test]
    fn bed_lines_are_zero_based_and_half_open() {
        let line = |text| parse_bed(text, &dictionary());
        assert_eq!(
            line("20\t0\t10\tname"),
            Ok(Some(Region::new(ContigId(0), 0, 10)))
        );
        assert_eq!(line("track name=x"), Ok(None));
        assert_eq!(line("20\t5"), Err(IntervalError::Columns));
        assert!(matches!(
            line("20\t990\t1001"),
            Err(IntervalError::Range { .. })
        ));
    }
}
