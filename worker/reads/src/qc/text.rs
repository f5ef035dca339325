//! The counts in Picard's text formats, which other programs read.

mod coverage;
mod gc_bias;

pub use gc_bias::GcSummary;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use genome::read_group::ReadGroup;

use super::alignment::AlignmentCounts;
use super::collect::{GroupCounts, Qc};
use super::statistics::{absolute_deviation, deviation, mean, median, mode, ratio};
use crate::duplicates::{Histogram, decimal};

const HEADER: &str = "## htsjdk.samtools.metrics.StringHeader\n";

const ALIGNMENT_COLUMNS: &str = "CATEGORY\tTOTAL_READS\tPF_READS\tPCT_PF_READS\tPF_NOISE_READS\tPF_READS_ALIGNED\tPCT_PF_READS_ALIGNED\tPF_ALIGNED_BASES\tPF_HQ_ALIGNED_READS\tPF_HQ_ALIGNED_BASES\tPF_HQ_ALIGNED_Q20_BASES\tPF_HQ_MEDIAN_MISMATCHES\tPF_MISMATCH_RATE\tPF_HQ_ERROR_RATE\tPF_INDEL_RATE\tMEAN_READ_LENGTH\tSD_READ_LENGTH\tMEDIAN_READ_LENGTH\tMAD_READ_LENGTH\tMIN_READ_LENGTH\tMAX_READ_LENGTH\tMEAN_ALIGNED_READ_LENGTH\tREADS_ALIGNED_IN_PAIRS\tPCT_READS_ALIGNED_IN_PAIRS\tPF_READS_IMPROPER_PAIRS\tPCT_PF_READS_IMPROPER_PAIRS\tBAD_CYCLES\tSTRAND_BALANCE\tPCT_CHIMERAS\tPCT_ADAPTER\tPCT_SOFTCLIP\tPCT_HARDCLIP\tAVG_POS_3PRIME_SOFTCLIP_LENGTH\tSAMPLE\tLIBRARY\tREAD_GROUP\n";

/// The shares of pairs whose widths are printed, in hundredths.
const WIDTHS: [u32; 11] = [10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99];

/// Sums of deviations beyond so many are left out of mean and deviation.
const DEVIATIONS: f64 = 10.0;

/// What names a read group in the files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupName {
    /// Sample.
    pub sample: String,
    /// Library.
    pub library: String,
    /// Platform unit; empty if it has none.
    pub unit: String,
}

impl GroupName {
    /// Returns what the header says of a read group.
    pub fn of(group: &ReadGroup) -> Self {
        let field = |tag| group.get(tag).unwrap_or_default().to_owned();
        Self {
            sample: field("SM"),
            library: field("LB"),
            unit: field("PU"),
        }
    }

    fn cells(&self) -> String {
        format!("\t{}\t{}\t{}\n", self.sample, self.library, self.unit)
    }
}

/// Counts by platform unit, as Picard tells read groups apart.
#[derive(Debug)]
pub struct Texts {
    rows: Vec<(GroupName, GroupCounts)>,
    total: GroupCounts,
    windows: Vec<u64>,
}

impl Texts {
    /// Takes counts; `names` are the read groups by index.
    ///
    /// Records without a read group, and those of read groups without a unit, are unknown.
    pub fn new(qc: &Qc, names: &[GroupName]) -> Self {
        let mut rows: Vec<(GroupName, GroupCounts)> = Vec::new();
        for name in names {
            if rows.iter().all(|(known, _)| known.unit != name.unit) {
                rows.push((name.clone(), GroupCounts::default()));
            }
        }
        let mut unknown = GroupCounts::default();
        for (index, counts) in qc.groups.iter().enumerate() {
            let unit = names.get(index).map(|name| &name.unit);
            let unit = unit.filter(|unit| !unit.is_empty());
            let row = rows.iter_mut().find(|(name, _)| Some(&name.unit) == unit);
            row.map_or(&mut unknown, |(_, row)| row).merge(counts);
        }
        if unknown != GroupCounts::default() {
            let name = || "unknown".to_owned();
            let name = GroupName {
                sample: name(),
                library: name(),
                unit: name(),
            };
            rows.push((name, unknown));
        }
        Self {
            rows,
            total: qc.total(),
            windows: qc.windows.clone(),
        }
    }

    /// Returns the counts by platform unit.
    pub fn units(&self) -> impl Iterator<Item = (&str, &GroupCounts)> {
        self.rows
            .iter()
            .map(|(name, counts)| (name.unit.as_str(), counts))
    }

    /// Returns the counts of all read groups together.
    pub const fn total(&self) -> &GroupCounts {
        &self.total
    }

    /// Returns `alignment_summary_metrics`.
    pub fn alignment(&self) -> String {
        let mut text = start("picard.analysis.AlignmentSummaryMetrics");
        text.push_str(ALIGNMENT_COLUMNS);
        for (name, counts) in self.all() {
            let [first, second, unpaired] = &counts.alignments;
            if first.reads > 0 {
                let mut pair = first.clone();
                pair.merge(second);
                let bad = [first.bad_cycle_count(), second.bad_cycle_count()];
                for (category, counts, bad) in [
                    ("FIRST_OF_PAIR", first, bad[0]),
                    ("SECOND_OF_PAIR", second, bad[1]),
                    ("PAIR", &pair, bad[0] + bad[1]),
                ] {
                    text.push_str(category);
                    alignment_row(counts, bad, &mut text);
                    text.push_str(&name.cells());
                }
            }
            if unpaired.reads > 0 || first.reads == 0 {
                text.push_str("UNPAIRED");
                alignment_row(unpaired, unpaired.bad_cycle_count(), &mut text);
                text.push_str(&name.cells());
            }
        }
        text.push('\n');
        text.push_str(&self.read_lengths());
        text
    }

    /// Returns all reads, then those of each unit.
    fn all(&self) -> impl Iterator<Item = (GroupName, &GroupCounts)> {
        let rows = self
            .rows
            .iter()
            .map(|(name, counts)| (name.clone(), counts));
        std::iter::once((GroupName::default(), &self.total)).chain(rows)
    }

    /// Returns how many reads have which length, before and after clipping.
    fn read_lengths(&self) -> String {
        let [first, second, unpaired] = &self.total.alignments;
        let mut pair = first.clone();
        pair.merge(second);
        let mut columns = Vec::new();
        for (name, counts) in [("PAIRED", &pair), ("UNPAIRED", unpaired)] {
            if counts.reads > 0 {
                let (whole, aligned) = (&counts.read_lengths, &counts.aligned_lengths);
                columns.push((format!("{name}_TOTAL_LENGTH_COUNT"), whole.clone()));
                columns.push((format!("{name}_ALIGNED_LENGTH_COUNT"), aligned.clone()));
            }
        }
        let mut text = "## HISTOGRAM\tjava.lang.Integer\nREAD_LENGTH".to_owned();
        histograms(&columns, &mut text);
        text
    }

    /// Returns `insert_size_metrics`; empty if there is no pair.
    pub fn insert_sizes(&self) -> String {
        let mut text = start("picard.analysis.InsertSizeMetrics");
        text.push_str("MEDIAN_INSERT_SIZE\tMODE_INSERT_SIZE\tMEDIAN_ABSOLUTE_DEVIATION\tMIN_INSERT_SIZE\tMAX_INSERT_SIZE\tMEAN_INSERT_SIZE\tSTANDARD_DEVIATION\tREAD_PAIRS\tPAIR_ORIENTATION");
        for width in WIDTHS {
            let _ = write!(text, "\tWIDTH_OF_{width}_PERCENT");
        }
        text.push_str("\tSAMPLE\tLIBRARY\tREAD_GROUP\n");
        let mut columns: Vec<(String, Histogram)> = Vec::new();
        for (name, counts) in self.all() {
            let unit = if name.unit.is_empty() {
                "All_Reads"
            } else {
                &name.unit
            };
            for (orientation, sizes) in counts.insert_sizes.common() {
                let word = orientation.word();
                let trimmed = insert_row(sizes, word, &mut text);
                text.push_str(&name.cells());
                let column = format!("{unit}.{}_count", word.to_lowercase());
                columns.push((column, trimmed));
            }
        }
        if columns.is_empty() {
            return String::new();
        }
        text.push_str("\n## HISTOGRAM\tjava.lang.Integer\ninsert_size");
        histograms(&columns, &mut text);
        text
    }

    /// Returns `quality_by_cycle_metrics`.
    pub fn quality_by_cycle(&self) -> String {
        let mut text =
            format!("{HEADER}{HEADER}\n\n## HISTOGRAM\tjava.lang.Integer\nCYCLE\tMEAN_QUALITY\n");
        for (cycle, mean) in self.total.qualities.means() {
            let _ = writeln!(text, "{cycle}\t{}", decimal(mean));
        }
        text.push('\n');
        text
    }

    /// Returns a table of the mean qualities by cycle of all reads and of each unit.
    pub fn quality_by_cycle_and_unit(&self) -> String {
        let mut text = "CYCLE\tAll_Reads".to_owned();
        let mut columns: Vec<BTreeMap<usize, f64>> =
            vec![self.total.qualities.means().into_iter().collect()];
        for (unit, counts) in self.units() {
            let _ = write!(text, "\t{unit}");
            columns.push(counts.qualities.means().into_iter().collect());
        }
        text.push('\n');
        let cycles: BTreeSet<usize> = columns.iter().flat_map(BTreeMap::keys).copied().collect();
        for cycle in cycles {
            let _ = write!(text, "{cycle}");
            for column in &columns {
                let mean = column.get(&cycle).map(|&mean| decimal(mean));
                let _ = write!(text, "\t{}", mean.unwrap_or_default());
            }
            text.push('\n');
        }
        text
    }

    /// Returns `quality_distribution_metrics`.
    pub fn quality_distribution(&self) -> String {
        let mut text =
            format!("{HEADER}{HEADER}\n\n## HISTOGRAM\tjava.lang.Byte\nQUALITY\tCOUNT_OF_Q\n");
        let counts = self.total.qualities.bases().into_iter().enumerate();
        for (quality, count) in counts.filter(|(_, count)| *count > 0) {
            let _ = writeln!(text, "{quality}\t{count}");
        }
        text.push('\n');
        text
    }
}

fn start(class: &str) -> String {
    format!("{HEADER}{HEADER}\n## METRICS CLASS\t{class}\n")
}

fn alignment_row(counts: &AlignmentCounts, bad_cycles: usize, text: &mut String) {
    let c = counts;
    let lengths = &c.read_lengths;
    let least = lengths.iter().next().map_or(0, |(length, _)| length);
    let most = lengths.iter().last().map_or(0, |(length, _)| length);
    let good_mismatches: u64 = c
        .good_mismatches
        .iter()
        .map(|(value, count)| value * count)
        .sum();
    let cells = [
        c.reads.to_string(),
        c.passed.to_string(),
        decimal(ratio(c.passed, c.reads)),
        c.noise.to_string(),
        c.aligned.to_string(),
        decimal(ratio(c.aligned, c.passed)),
        c.aligned_bases.to_string(),
        c.good_reads.to_string(),
        c.good_bases.to_string(),
        c.good_q20_bases.to_string(),
        decimal(median(&c.good_mismatches)),
        decimal(ratio(c.mismatches, c.aligned_bases)),
        decimal(ratio(good_mismatches, c.good_bases)),
        decimal(ratio(c.indels, c.aligned_bases)),
        decimal(mean(lengths)),
        decimal(deviation(lengths)),
        decimal(median(lengths)),
        decimal(absolute_deviation(lengths)),
        least.to_string(),
        most.to_string(),
        decimal(mean(&c.aligned_lengths)),
        c.in_pairs.to_string(),
        decimal(ratio(c.in_pairs, c.aligned)),
        c.improper.to_string(),
        decimal(ratio(c.improper, c.aligned)),
        bad_cycles.to_string(),
        decimal(ratio(c.forward, c.aligned)),
        decimal(ratio(c.chimeric, c.maybe_chimeric)),
        decimal(ratio(c.adapters, c.passed)),
        decimal(ratio(c.soft_clipped, c.passed_bases)),
        decimal(ratio(c.hard_clipped, c.passed_bases)),
        decimal(ratio(c.end_clipped, c.end_clipped_reads)),
    ];
    for cell in cells {
        text.push('\t');
        text.push_str(&cell);
    }
}

/// Appends the cells of an orientation; returns the lengths that are not far off.
fn insert_row(sizes: &Histogram, orientation: &str, text: &mut String) -> Histogram {
    let (middle, spread) = (median(sizes), absolute_deviation(sizes));
    let most = (middle + DEVIATIONS * spread) as u64;
    let mut trimmed = Histogram::default();
    for (size, count) in sizes.iter().take_while(|(size, _)| *size <= most) {
        trimmed.add_many(size, count);
    }
    let least = sizes.iter().next().map_or(0, |(size, _)| size);
    let largest = sizes.iter().last().map_or(0, |(size, _)| size);
    let _ = write!(
        text,
        "{}\t{}\t{}\t{least}\t{largest}\t{}\t{}\t{}\t{orientation}",
        decimal(middle),
        mode(sizes),
        decimal(spread),
        decimal(mean(&trimmed)),
        decimal(deviation(&trimmed)),
        sizes.total(),
    );
    for width in widths(sizes, middle) {
        let _ = write!(text, "\t{width}");
    }
    trimmed
}

/// Returns how wide the stretches around the median are that hold [`WIDTHS`] of all.
fn widths(sizes: &Histogram, median: f64) -> [u64; WIDTHS.len()] {
    // Each step takes one more whole number in on both sides.
    let total = sizes.total() as f64;
    let centre = median as u64;
    let mut steps: BTreeMap<u64, u64> = BTreeMap::new();
    for (size, count) in sizes.iter() {
        *steps.entry(size.abs_diff(centre)).or_default() += count;
    }
    let mut widths = [0; WIDTHS.len()];
    let mut covered = 0;
    for (distance, count) in steps {
        covered += count;
        for (width, share) in widths.iter_mut().zip(WIDTHS) {
            if *width == 0 && covered as f64 / total >= f64::from(share) / 100.0 {
                *width = 2 * distance + 1;
            }
        }
    }
    widths
}

/// Appends histograms side by side: their names, then the union of their bins.
fn histograms(columns: &[(String, Histogram)], text: &mut String) {
    for (name, _) in columns {
        let _ = write!(text, "\t{name}");
    }
    text.push('\n');
    let bins: BTreeSet<u64> = columns
        .iter()
        .flat_map(|(_, histogram)| histogram.iter().map(|(bin, _)| bin))
        .collect();
    for bin in bins {
        let _ = write!(text, "{bin}");
        for (_, histogram) in columns {
            let _ = write!(text, "\t{}", histogram.count(bin));
        }
        text.push('\n');
    }
    text.push('\n');
}
