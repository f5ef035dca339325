//! Duplicate metrics as Picard prints them.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::library_size::{coverage_multiple, estimated_library_size};
use super::metrics::{DuplicateMetrics, LibraryMetrics};

const COLUMNS: [&str; 10] = [
    "LIBRARY",
    "UNPAIRED_READS_EXAMINED",
    "READ_PAIRS_EXAMINED",
    "SECONDARY_OR_SUPPLEMENTARY_RDS",
    "UNMAPPED_READS",
    "UNPAIRED_READ_DUPLICATES",
    "READ_PAIR_DUPLICATES",
    "READ_PAIR_OPTICAL_DUPLICATES",
    "PERCENT_DUPLICATION",
    "ESTIMATED_LIBRARY_SIZE",
];

/// Rows of the coverage estimate: so many times the sequencing at most.
const MAX_COVERAGE_MULTIPLE: u64 = 100;

impl DuplicateMetrics {
    /// Returns Picard's metrics file, without command line and date.
    ///
    /// `names` are the libraries by index; their rows are sorted by name.
    pub fn text(&self, names: &[String]) -> String {
        let header = "## htsjdk.samtools.metrics.StringHeader\n";
        let mut text = format!("{header}{header}\n");
        text.push_str("## METRICS CLASS\tpicard.sam.DuplicationMetrics\n");
        text.push_str(&COLUMNS.join("\t"));
        text.push('\n');
        let none = LibraryMetrics::default();
        let counts = |index: usize| self.libraries.get(index).unwrap_or(&none);
        let mut rows: Vec<(&String, usize)> = names.iter().zip(0..).collect();
        rows.sort_unstable();
        for (name, index) in rows {
            text.push_str(&row(name, counts(index)));
        }
        text.push('\n');
        let coverage = match names {
            [_] => coverage(counts(0)),
            _ => Vec::new(),
        };
        text.push_str(&self.histogram(&coverage));
        text.push('\n');
        text
    }

    /// Returns the histogram's lines: the union of all bins, empty columns left out.
    fn histogram(&self, coverage: &[f64]) -> String {
        let sets = [
            ("all_sets", &self.all_sets),
            ("optical_sets", &self.optical_sets),
            ("non_optical_sets", &self.non_optical_sets),
        ];
        let sets: Vec<_> = sets.iter().filter(|(_, set)| !set.is_empty()).collect();
        if sets.is_empty() && coverage.is_empty() {
            return String::new();
        }
        let mut text = "## HISTOGRAM\tjava.lang.Double\n".to_owned();
        text.push_str(if coverage.is_empty() {
            "set_size"
        } else {
            "BIN\tCoverageMult"
        });
        for (name, _) in &sets {
            let _ = write!(text, "\t{name}");
        }
        text.push('\n');
        let sizes = sets.iter().flat_map(|(_, set)| set.iter());
        let sizes = sizes.map(|(size, _)| size);
        let bins: BTreeSet<u64> = sizes.chain(1..=coverage.len() as u64).collect();
        for bin in bins {
            let _ = write!(text, "{bin}.0");
            if !coverage.is_empty() {
                let value = coverage.get(bin as usize - 1).copied().unwrap_or(0.0);
                let _ = write!(text, "\t{}", decimal(value));
            }
            for (_, set) in &sets {
                let _ = write!(text, "\t{}", set.count(bin));
            }
            text.push('\n');
        }
        text
    }
}

fn row(name: &str, library: &LibraryMetrics) -> String {
    let size = library_size(library).map_or(String::new(), |size| size.to_string());
    format!(
        "{name}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{size}\n",
        library.unpaired_reads,
        library.paired_reads / 2,
        library.secondary_or_supplementary,
        library.unmapped_reads,
        library.unpaired_duplicates,
        library.paired_duplicates / 2,
        library.optical_pairs,
        decimal(library.duplicate_fraction()),
    )
}

fn library_size(library: &LibraryMetrics) -> Option<u64> {
    let pairs = library.paired_reads / 2;
    let unique = pairs.checked_sub(library.paired_duplicates / 2)?;
    estimated_library_size(pairs.checked_sub(library.optical_pairs)?, unique)
}

fn coverage(library: &LibraryMetrics) -> Vec<f64> {
    let Some(size) = library_size(library) else {
        return Vec::new();
    };
    let pairs = library.paired_reads / 2;
    let unique = pairs - library.paired_duplicates / 2;
    let value = |times| coverage_multiple(size, times, pairs, unique);
    (1..=MAX_COVERAGE_MULTIPLE).map(value).collect()
}

/// Prints at most six decimals, half towards zero, trailing zeros dropped; `value` ≥ 0.
pub(crate) fn decimal(value: f64) -> String {
    const PLACES: usize = 6;
    // Long enough to be exact for any double above 1e-30.
    let exact = format!("{value:.120}");
    let (whole, fraction) = exact.split_once('.').unwrap_or((&exact, ""));
    let (kept, rest) = fraction.split_at(PLACES);
    let above_half = rest.trim_end_matches('0') > "5";
    let scaled: u128 = format!("{whole}{kept}").parse().unwrap_or(0);
    let scaled = scaled + u128::from(above_half);
    let digits = format!("{scaled:07}");
    let (whole, fraction) = digits.split_at(digits.len() - PLACES);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_round_half_down_and_lose_their_zeros() {
        let cases = [
            (0.0, "0"),
            (0.014678, "0.014678"),
            (1.0, "1"),
            (24.2, "24.2"),
            (3.0 / 128.0, "0.023437"),
            (0.9999999, "1"),
            (2.0 / 3.0, "0.666667"),
        ];
        for (value, expected) in cases {
            assert_eq!(decimal(value), expected);
        }
    }
}
