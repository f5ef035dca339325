//! `wgs_metrics`, and the coverage of contigs and targets as tables.

use std::fmt::Write;

use genome::region::Region;

use super::super::depth::{Coverage, DEPTHS, Depths, MAX_DEPTH};
use super::super::statistics::{absolute_deviation, deviation, mean, median, ratio};
use super::start;
use crate::duplicates::{Histogram, decimal};

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

    /// Returns a table of the coverage of each target that has any position.
    pub fn target_table(&self, names: &[String], targets: &[Region]) -> String {
        let mut text = "CONTIG\tSTART\tEND\tBASES\tMEAN_COVERAGE".to_owned();
        for depth in DEPTHS {
            let _ = write!(text, "\tPCT_{depth}X");
        }
        text.push('\n');
        for (region, depth) in targets.iter().zip(&self.by_target) {
            let name = &names[region.contig.0 as usize];
            let _ = write!(
                text,
                "{name}\t{}\t{}\t{}\t{}",
                region.start,
                region.end,
                depth.territory,
                decimal(ratio(depth.bases, depth.territory))
            );
            for count in depth.at_least {
                let _ = write!(text, "\t{}", decimal(ratio(count, depth.territory)));
            }
            text.push('\n');
        }
        text
    }
}

impl Depths {
    /// Returns the mean.
    pub fn mean(&self) -> f64 {
        mean(&histogram(self))
    }

    /// Returns the median.
    pub fn median(&self) -> f64 {
        median(&histogram(self))
    }

    /// Returns which share of the positions has at least this depth.
    pub fn share(&self, depth: usize) -> f64 {
        ratio(self.at_least(depth), self.territory())
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
