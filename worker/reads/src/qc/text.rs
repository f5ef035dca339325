//! The counts in Picard's text formats, which other programs read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::alignment::AlignmentCounts;
use super::collect::{GroupCounts, Qc};
use super::depth::{Coverage, Depths, MAX_DEPTH};
use super::statistics::{absolute_deviation, deviation, mean, median, mode, ratio};
use crate::duplicates::{Histogram, decimal};

const HEADER: &str = "## htsjdk.samtools.metrics.StringHeader\n";

const ALIGNMENT_COLUMNS: &str = "CATEGORY\tTOTAL_READS\tPF_READS\tPCT_PF_READS\tPF_NOISE_READS\tPF_READS_ALIGNED\tPCT_PF_READS_ALIGNED\tPF_ALIGNED_BASES\tPF_HQ_ALIGNED_READS\tPF_HQ_ALIGNED_BASES\tPF_HQ_ALIGNED_Q20_BASES\tPF_HQ_MEDIAN_MISMATCHES\tPF_MISMATCH_RATE\tPF_HQ_ERROR_RATE\tPF_INDEL_RATE\tMEAN_READ_LENGTH\tSD_READ_LENGTH\tMEDIAN_READ_LENGTH\tMAD_READ_LENGTH\tMIN_READ_LENGTH\tMAX_READ_LENGTH\tMEAN_ALIGNED_READ_LENGTH\tREADS_ALIGNED_IN_PAIRS\tPCT_READS_ALIGNED_IN_PAIRS\tPF_READS_IMPROPER_PAIRS\tPCT_PF_READS_IMPROPER_PAIRS\tBAD_CYCLES\tSTRAND_BALANCE\tPCT_CHIMERAS\tPCT_ADAPTER\tPCT_SOFTCLIP\tPCT_HARDCLIP\tAVG_POS_3PRIME_SOFTCLIP_LENGTH\tSAMPLE\tLIBRARY\tREAD_GROUP\n";

/// The shares of pairs whose widths are printed, in hundredths.
const WIDTHS: [u32; 11] = [10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99];

/// The depths whose shares are printed.
const DEPTHS: [usize; 14] = [1, 5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100];

/// Sums of deviations beyond so many are left out of mean and deviation.
const DEVIATIONS: f64 = 10.0;

/// What names a read group in the files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupName {
    /// Sample.
    pub sample: String,
    /// Library.
    pub library: String,
    /// Platform unit, or the ID.
    pub unit: String,
}

impl GroupName {
    fn cells(&self) -> String {
        format!("\t{}\t{}\t{}\n", self.sample, self.library, self.unit)
    }
}

/// Counts and the names of their read groups.
#[derive(Debug)]
pub struct Texts<'a> {
    rows: Vec<(GroupName, &'a GroupCounts)>,
    total: GroupCounts,
}

impl<'a> Texts<'a> {
    /// Takes counts; `names` are the read groups by index.
    pub fn new(qc: &'a Qc, names: &[GroupName]) -> Self {
        let unknown = GroupName {
            unit: "unknown".into(),
            ..GroupName::default()
        };
        let rows = qc.groups.iter().enumerate().map(|(index, counts)| {
            let name = names.get(index).unwrap_or(&unknown);
            (name.clone(), counts)
        });
        let is_used = |counts: &GroupCounts| counts.alignments.iter().any(|c| c.reads > 0);
        Self {
            rows: rows.filter(|(_, counts)| is_used(counts)).collect(),
            total: qc.total(),
        }
    }

    /// Returns the counts of all read groups together.
    pub const fn total(&self) -> &GroupCounts {
        &self.total
    }

    /// Returns `alignment_summary_metrics`.
    pub fn alignment(&self) -> String {
        let mut text = start("picard.analysis.AlignmentSummaryMetrics");
        text.push_str(ALIGNMENT_COLUMNS);
        let all = (GroupName::default(), &self.total);
        for (name, counts) in std::iter::once(&all).chain(&self.rows) {
            let [first, second, unpaired] = &counts.alignments;
            let mut rows = Vec::new();
            if first.reads + second.reads > 0 {
                let mut pair = first.clone();
                pair.merge(second);
                rows.push(("FIRST_OF_PAIR", first.clone()));
                rows.push(("SECOND_OF_PAIR", second.clone()));
                rows.push(("PAIR", pair));
            }
            if unpaired.reads > 0 {
                rows.insert(0, ("UNPAIRED", unpaired.clone()));
            }
            for (category, counts) in rows {
                text.push_str(category);
                alignment_row(&counts, &mut text);
                text.push_str(&name.cells());
            }
        }
        text.push('\n');
        text.push_str(&self.read_lengths());
        text
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
        let all = (GroupName::default(), &self.total);
        let mut columns: Vec<(String, Histogram)> = Vec::new();
        for (name, counts) in std::iter::once(&all).chain(&self.rows) {
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

    /// Returns `quality_distribution_metrics`.
    pub fn quality_distribution(&self) -> String {
        let mut text =
            format!("{HEADER}{HEADER}\n\n## HISTOGRAM\tjava.lang.Byte\nQUALITY\tCOUNT_OF_Q\n");
        let counts = self.total.qualities.bases.iter().enumerate();
        for (quality, count) in counts.filter(|(_, count)| **count > 0) {
            let _ = writeln!(text, "{quality}\t{count}");
        }
        text.push('\n');
        text
    }
}

fn start(class: &str) -> String {
    format!("{HEADER}{HEADER}\n## METRICS CLASS\t{class}\n")
}

fn alignment_row(counts: &AlignmentCounts, text: &mut String) {
    let c = counts;
    let lengths = &c.read_lengths;
    let least = lengths.iter().next().map_or(0, |(length, _)| length);
    let most = lengths.iter().last().map_or(0, |(length, _)| length);
    let bad = |&(_, count): &(u64, u64)| ratio(count, c.reads) >= 0.8;
    let bad_cycles = c.bad_cycles.iter().filter(bad).count();
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

impl Coverage {
    /// Returns `wgs_metrics`, but for what Picard draws at random: sensitivity to variants.
    pub fn text(&self) -> String {
        let depths = self.total();
        let mut text = start("picard.analysis.WgsMetrics");
        text.push_str("GENOME_TERRITORY\tMEAN_COVERAGE\tSD_COVERAGE\tMEDIAN_COVERAGE\tMAD_COVERAGE\tPCT_EXC_ADAPTER\tPCT_EXC_MAPQ\tPCT_EXC_DUPE\tPCT_EXC_UNPAIRED\tPCT_EXC_BASEQ\tPCT_EXC_OVERLAP\tPCT_EXC_CAPPED\tPCT_EXC_TOTAL");
        for depth in DEPTHS {
            let _ = write!(text, "\tPCT_{depth}X");
        }
        text.push_str("\tFOLD_80_BASE_PENALTY\tFOLD_90_BASE_PENALTY\tFOLD_95_BASE_PENALTY\n");
        self.row(&depths, &mut text);
        text.push_str("\n## HISTOGRAM\tjava.lang.Integer\ncoverage\thigh_quality_coverage_count\n");
        for (depth, count) in depths.positions.iter().enumerate() {
            let _ = writeln!(text, "{depth}\t{count}");
        }
        text.push('\n');
        text
    }

    fn row(&self, depths: &Depths, text: &mut String) {
        let histogram = histogram(depths);
        let whole = depths.bases() + self.excluded.total();
        let e = &self.excluded;
        let _ = write!(
            text,
            "{}\t{}\t{}\t{}\t{}\t0",
            depths.territory(),
            decimal(mean(&histogram)),
            decimal(deviation(&histogram)),
            decimal(median(&histogram)),
            decimal(absolute_deviation(&histogram)),
        );
        for part in [
            e.mapping_quality,
            e.duplicate,
            e.unpaired,
            e.base_quality,
            e.overlap,
            e.capped,
            e.total(),
        ] {
            let _ = write!(text, "\t{}", decimal(ratio(part, whole)));
        }
        for depth in DEPTHS {
            let share = ratio(depths.at_least(depth), depths.territory());
            let _ = write!(text, "\t{}", decimal(share));
        }
        for share in [80, 90, 95] {
            let reached = (0..=MAX_DEPTH)
                .rfind(|&depth| 100 * depths.at_least(depth) >= share * depths.territory());
            let penalty = match reached.unwrap_or(0) {
                0 => "?".into(),
                depth => decimal(mean(&histogram) / depth as f64),
            };
            let _ = write!(text, "\t{penalty}");
        }
        text.push('\n');
    }

    /// Returns a table of the coverage of each contig that has any, and of the targets.
    pub fn table(&self, names: &[String], has_targets: bool) -> String {
        let mut text = "REGION\tBASES\tMEAN_COVERAGE\tMEDIAN_COVERAGE".to_owned();
        for depth in DEPTHS {
            let _ = write!(text, "\tPCT_{depth}X");
        }
        text.push('\n');
        let total = self.total();
        let mut rows = vec![("all", &total)];
        rows.extend(names.iter().map(String::as_str).zip(&self.contigs));
        if has_targets {
            rows.push(("targets", &self.targets));
        }
        for (name, depths) in rows
            .into_iter()
            .filter(|(_, depths)| depths.territory() > 0)
        {
            let histogram = histogram(depths);
            let _ = write!(
                text,
                "{name}\t{}\t{}\t{}",
                depths.territory(),
                decimal(mean(&histogram)),
                decimal(median(&histogram))
            );
            for depth in DEPTHS {
                let share = ratio(depths.at_least(depth), depths.territory());
                let _ = write!(text, "\t{}", decimal(share));
            }
            text.push('\n');
        }
        text
    }
}

fn histogram(depths: &Depths) -> Histogram {
    let mut histogram = Histogram::default();
    for (depth, &count) in (0..)
        .zip(&depths.positions)
        .filter(|(_, count)| **count > 0)
    {
        histogram.add_many(depth, count);
    }
    histogram
}
