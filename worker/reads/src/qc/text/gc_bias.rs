//! `gc_bias.summary_metrics` and `gc_bias.detail_metrics`.

use std::fmt::Write;
use std::ops::RangeInclusive;

use genome::maths;

use super::super::gc_bias::{BINS, GcCounts, WINDOW_BP};
use super::{GroupName, Texts, start};
use crate::duplicates::decimal;

/// The ranges of shares whose coverage is told.
const RANGES: [RangeInclusive<usize>; 5] = [0..=19, 20..=39, 40..=59, 60..=79, 80..=100];

/// Shares up to here count as rich in A and T.
const HALF: usize = 50;

/// What the windows and the reads of a read group come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GcSummary {
    /// How much windows rich in A and T lack, in hundredths of all reads.
    pub at_dropout: f64,
    /// How much windows rich in G and C lack.
    pub gc_dropout: f64,
    /// Coverage of shares 0–19, 20–39, 40–59, 60–79 and 80–100, where 1 is even.
    pub coverage: [f64; 5],
}

/// Counts against the windows of the reference.
struct Bias<'a> {
    counts: &'a GcCounts,
    windows: &'a [u64],
    reads: f64,
    reads_per_window: f64,
}

impl<'a> Bias<'a> {
    fn new(counts: &'a GcCounts, windows: &'a [u64]) -> Self {
        let reads = counts.reads.iter().sum::<u64>() as f64;
        let all_windows = windows.iter().sum::<u64>() as f64;
        Self {
            counts,
            windows,
            reads,
            reads_per_window: reads / all_windows,
        }
    }

    fn summary(&self) -> GcSummary {
        let all_windows = self.windows.iter().sum::<u64>() as f64;
        let (mut at_dropout, mut gc_dropout) = (0.0, 0.0);
        for (share, (&reads, &windows)) in self.counts.reads.iter().zip(self.windows).enumerate() {
            let dropout = (windows as f64 / all_windows - reads as f64 / self.reads) * 100.0;
            if dropout > 0.0 && share <= HALF {
                at_dropout += dropout;
            } else if dropout > 0.0 {
                gc_dropout += dropout;
            }
        }
        GcSummary {
            at_dropout,
            gc_dropout,
            coverage: RANGES.map(|range| self.coverage(range)),
        }
    }

    fn coverage(&self, shares: RangeInclusive<usize>) -> f64 {
        let used = || shares.clone().filter(|&share| self.windows[share] > 0);
        let windows: u64 = used().map(|share| self.windows[share]).sum();
        let reads: u64 = used().map(|share| self.counts.reads[share]).sum();
        match windows {
            0 => 0.0,
            windows => reads as f64 / (windows as f64 * self.reads_per_window),
        }
    }

    /// Appends the cells of a share: reads, quality, coverage and its error.
    fn cells(&self, share: usize, text: &mut String) {
        let (reads, windows) = (self.counts.reads[share], self.windows[share]);
        let (errors, bases) = (self.counts.errors[share], self.counts.bases[share]);
        let quality = match errors {
            0 => 0,
            errors => {
                let quality = -10.0 * maths::log10(errors as f64 / bases as f64);
                (quality + 0.5).floor() as i64
            }
        };
        let per_window = |reads: f64| match windows {
            0 => 0.0,
            windows => reads / windows as f64 / self.reads_per_window,
        };
        let _ = write!(
            text,
            "\t{share}\t{windows}\t{reads}\t{quality}\t{}\t{}",
            decimal(per_window(reads as f64)),
            decimal(per_window(maths::sqrt(reads as f64)))
        );
    }
}

impl GcCounts {
    /// Returns the coverage of each share that has windows, where 1 is even.
    pub(in super::super) fn normalized(&self, windows: &[u64]) -> Vec<(usize, f64)> {
        let bias = Bias::new(self, windows);
        let used = (0..BINS).filter(|&share| windows[share] > 0);
        used.map(|share| {
            let reads = self.reads[share] as f64 / windows[share] as f64;
            (share, reads / bias.reads_per_window)
        })
        .collect()
    }
}

impl Texts {
    /// Returns the bias of all reads; `None` if none is aligned.
    pub fn gc_summary(&self) -> Option<GcSummary> {
        let counts = &self.total.gc;
        (counts.aligned > 0).then(|| Bias::new(counts, &self.windows).summary())
    }

    /// Returns `gc_bias.summary_metrics`.
    pub fn gc_summary_text(&self) -> String {
        let mut text = start("picard.analysis.GcBiasSummaryMetrics");
        text.push_str("ACCUMULATION_LEVEL\tREADS_USED\tWINDOW_SIZE\tTOTAL_CLUSTERS\tALIGNED_READS\tAT_DROPOUT\tGC_DROPOUT\tGC_NC_0_19\tGC_NC_20_39\tGC_NC_40_59\tGC_NC_60_79\tGC_NC_80_100\tSAMPLE\tLIBRARY\tREAD_GROUP\n");
        for (level, unit, counts) in self.biased() {
            let summary = Bias::new(counts, &self.windows).summary();
            let _ = write!(
                text,
                "{level}\tALL\t{WINDOW_BP}\t{}\t{}\t{}\t{}",
                counts.clusters,
                counts.aligned,
                decimal(summary.at_dropout),
                decimal(summary.gc_dropout)
            );
            for coverage in summary.coverage {
                let _ = write!(text, "\t{}", decimal(coverage));
            }
            let _ = writeln!(text, "\t\t\t{unit}");
        }
        text.push_str("\n\n");
        text
    }

    /// Returns `gc_bias.detail_metrics`.
    pub fn gc_detail_text(&self) -> String {
        let mut text = start("picard.analysis.GcBiasDetailMetrics");
        text.push_str("ACCUMULATION_LEVEL\tREADS_USED\tGC\tWINDOWS\tREAD_STARTS\tMEAN_BASE_QUALITY\tNORMALIZED_COVERAGE\tERROR_BAR_WIDTH\tSAMPLE\tLIBRARY\tREAD_GROUP\n");
        for (level, unit, counts) in self.biased() {
            let bias = Bias::new(counts, &self.windows);
            for share in 0..BINS {
                let _ = write!(text, "{level}\tALL");
                bias.cells(share, &mut text);
                let _ = writeln!(text, "\t\t\t{unit}");
            }
        }
        text.push_str("\n\n");
        text
    }

    /// Returns level, unit and counts of what has aligned reads.
    fn biased(&self) -> impl Iterator<Item = (&'static str, String, &GcCounts)> {
        let row = |(name, counts): (GroupName, _)| {
            let counts: &super::GroupCounts = counts;
            let level = if name.unit.is_empty() {
                "All Reads"
            } else {
                "Read Group"
            };
            (level, name.unit, &counts.gc)
        };
        self.all()
            .map(row)
            .filter(|(_, _, counts)| counts.aligned > 0)
    }
}
