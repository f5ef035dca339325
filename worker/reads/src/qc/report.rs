//! A page for people: one HTML file with drawings of its own, which asks no network for anything.

use std::fmt::Write;

use super::collect::GroupCounts;
use super::depth::{Coverage, MAX_DEPTH};
use super::statistics::ratio;
use crate::duplicates::{DuplicateMetrics, decimal};
use crate::recalibration::RecalibrationTable;

/// What the page is about; what is not known is left out.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// The sample.
    pub title: &'a str,
    /// The counts of all read groups.
    pub counts: &'a GroupCounts,
    /// The counts of duplicate marking, with the names of the libraries.
    pub duplicates: Option<(&'a DuplicateMetrics, &'a [String])>,
    /// The recalibration table.
    pub table: Option<&'a RecalibrationTable>,
    /// The coverage.
    pub coverage: Option<&'a Coverage>,
    /// Windows of the reference by their share of G and C.
    pub windows: &'a [u64],
}

/// A line of a drawing: its name and its points.
type Line = (&'static str, Vec<(f64, f64)>);

const STYLE: &str = "body{font:15px/1.4 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}\
table{border-collapse:collapse}td,th{padding:.2em .8em;border-bottom:1px solid #ccc;text-align:right}\
td:first-child,th:first-child{text-align:left}svg{width:100%;height:auto}text{font-size:12px}";

const COLOURS: [&str; 3] = ["#1f6fb4", "#d1662b", "#3a8f4d"];

impl Report<'_> {
    /// Returns the page.
    pub fn html(&self) -> String {
        let title = escaped(self.title);
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
             <style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n"
        );
        self.reads(&mut page);
        self.insert_sizes(&mut page);
        self.qualities(&mut page);
        self.recalibration(&mut page);
        self.depth(&mut page);
        self.gc_bias(&mut page);
        self.duplicates(&mut page);
        page.push_str("</body></html>\n");
        page
    }

    fn reads(&self, page: &mut String) {
        page.push_str("<h2>Reads</h2>\n<table><tr><th></th><th>reads</th><th>mapped</th>");
        page.push_str("<th>mismatch rate</th><th>chimeric</th><th>adaptor</th></tr>\n");
        let names = ["first of pair", "second of pair", "without mate"];
        let rows = names.into_iter().zip(&self.counts.alignments);
        for (name, counts) in rows.filter(|(_, counts)| counts.reads > 0) {
            let _ = writeln!(
                page,
                "<tr><td>{name}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                counts.reads,
                percent(counts.aligned, counts.passed),
                decimal(ratio(counts.mismatches, counts.aligned_bases)),
                percent(counts.chimeric, counts.maybe_chimeric),
                percent(counts.adapters, counts.passed),
            );
        }
        page.push_str("</table>\n");
    }

    fn insert_sizes(&self, page: &mut String) {
        let line =
            |(orientation, sizes): (super::PairOrientation, &crate::duplicates::Histogram)| {
                let most = super::statistics::median(sizes) * 3.0;
                let shown = sizes.iter().filter(|(size, _)| *size as f64 <= most);
                let points = shown.map(|(size, count)| (size as f64, count as f64));
                (orientation.word(), points.collect())
            };
        let lines: Vec<Line> = self.counts.insert_sizes.common().map(line).collect();
        draw("Insert sizes", ("bp", "pairs"), &lines, page);
    }

    fn qualities(&self, page: &mut String) {
        let means = self.counts.qualities.means();
        let points = means.into_iter().map(|(cycle, mean)| (cycle as f64, mean));
        let lines = [("mean quality", points.collect())];
        let axes = ("cycle, first reads, then second", "mean quality");
        draw("Qualities by cycle", axes, &lines, page);
        let bases = self.counts.qualities.bases().into_iter().enumerate();
        let points = bases.map(|(quality, count)| (quality as f64, count as f64));
        let lines = [("bases", points.filter(|(_, count)| *count > 0.0).collect())];
        draw("Qualities", ("quality", "bases"), &lines, page);
    }

    fn recalibration(&self, page: &mut String) {
        let Some(table) = self.table else {
            return;
        };
        let mut by_quality = std::collections::BTreeMap::new();
        for ((_, quality), datum) in &table.qualities {
            let sum: &mut (f64, u64) = by_quality.entry(*quality).or_default();
            sum.0 += datum.empirical * datum.observations as f64;
            sum.1 += datum.observations;
        }
        let after = by_quality
            .iter()
            .map(|(&quality, &(sum, count))| (f64::from(quality), sum / count.max(1) as f64));
        let before = by_quality
            .keys()
            .map(|&quality| (f64::from(quality), f64::from(quality)));
        let lines = [("before", before.collect()), ("after", after.collect())];
        let axes = ("quality that the sequencer claims", "quality");
        draw(
            "Base qualities before and after recalibration",
            axes,
            &lines,
            page,
        );
    }

    fn depth(&self, page: &mut String) {
        let Some(coverage) = self.coverage else {
            return;
        };
        let depths = coverage.total();
        let covered = (1..=MAX_DEPTH).rfind(|&depth| depths.at_least(depth) > 0);
        let shares = (0..=covered.unwrap_or(0)).map(|depth| {
            let share = ratio(depths.at_least(depth), depths.territory());
            (depth as f64, 100.0 * share)
        });
        let lines = [("positions", shares.collect())];
        draw(
            "Coverage",
            ("depth", "% of positions at least so deep"),
            &lines,
            page,
        );
    }

    fn gc_bias(&self, page: &mut String) {
        let counts = &self.counts.gc;
        if counts.aligned == 0 {
            return;
        }
        // Shares that hardly any window has say nothing.
        let least = self.windows.iter().sum::<u64>() / 10_000;
        let normalized = counts.normalized(self.windows).into_iter();
        let common = normalized.filter(|(share, _)| self.windows[*share] > least);
        let points = common.map(|(share, coverage)| (share as f64, coverage));
        let lines = [("coverage", points.collect())];
        let axes = ("% G and C in 100 bp", "coverage, 1 is even");
        draw("GC bias", axes, &lines, page);
    }

    fn duplicates(&self, page: &mut String) {
        let Some((metrics, names)) = self.duplicates else {
            return;
        };
        page.push_str("<h2>Duplicates</h2>\n<table><tr><th>library</th><th>pairs</th>");
        page.push_str("<th>duplicates</th><th>optical pairs</th></tr>\n");
        for (name, library) in names.iter().zip(&metrics.libraries) {
            let _ = writeln!(
                page,
                "<tr><td>{}</td><td>{}</td><td>{} %</td><td>{}</td></tr>",
                escaped(name),
                library.paired_reads / 2,
                decimal(100.0 * library.duplicate_fraction()),
                library.optical_pairs,
            );
        }
        page.push_str("</table>\n");
        let sets = metrics.all_sets.iter().take_while(|(size, _)| *size <= 20);
        let points = sets.map(|(size, count)| (size as f64, count as f64));
        let lines = [("sets", points.collect())];
        draw(
            "Sizes of duplicate sets",
            ("pairs in the set", "sets"),
            &lines,
            page,
        );
    }
}

/// Draws lines over common axes that start at 0; nothing where there is no point.
fn draw(title: &str, axes: (&str, &str), lines: &[Line], page: &mut String) {
    const WIDTH: f64 = 640.0;
    const HEIGHT: f64 = 220.0;
    const LEFT: f64 = 70.0;
    const TOP: f64 = 10.0;
    let points = || lines.iter().flat_map(|(_, points)| points);
    let most_x = points().fold(0.0, |most: f64, point| most.max(point.0));
    let most_y = points().fold(0.0, |most: f64, point| most.max(point.1));
    if most_x <= 0.0 || most_y <= 0.0 {
        return;
    }
    let bottom = TOP + HEIGHT;
    let _ = writeln!(
        page,
        "<h2>{title}</h2>\n<svg viewBox=\"0 0 760 290\" role=\"img\">"
    );
    let _ = writeln!(
        page,
        "<path d=\"M{LEFT} {TOP}V{bottom}H{}\" fill=\"none\" stroke=\"#666\"/>",
        LEFT + WIDTH
    );
    for step in 0..=4 {
        let share = f64::from(step) / 4.0;
        let (x, y) = (LEFT + share * WIDTH, bottom - share * HEIGHT);
        let (at_x, at_y) = (label(share * most_x), label(share * most_y));
        let _ = writeln!(
            page,
            "<text x=\"{x:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{at_x}</text>\
             <text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{at_y}</text>",
            bottom + 16.0,
            LEFT - 5.0,
            y + 4.0,
        );
    }
    let _ = writeln!(
        page,
        "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>\
         <text x=\"{:.0}\" y=\"{:.0}\">{}</text>",
        LEFT + WIDTH / 2.0,
        bottom + 34.0,
        axes.0,
        LEFT + 8.0,
        TOP + 10.0,
        axes.1,
    );
    for (at, (name, points)) in lines.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let _ = write!(
            page,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\""
        );
        for &(x, y) in points {
            let (x, y) = (LEFT + x / most_x * WIDTH, bottom - y / most_y * HEIGHT);
            let _ = write!(page, "{x:.1},{y:.1} ");
        }
        let y = TOP + 10.0 + 16.0 * at as f64;
        let x = LEFT + WIDTH - 5.0;
        let _ = writeln!(
            page,
            "\"/><text x=\"{x:.0}\" y=\"{y:.0}\" text-anchor=\"end\" fill=\"{colour}\">{name}</text>"
        );
    }
    page.push_str("</svg>\n");
}

fn label(value: f64) -> String {
    if value >= 10.0 {
        format!("{value:.0}")
    } else {
        decimal((value * 100.0).floor() / 100.0)
    }
}

fn percent(part: u64, whole: u64) -> String {
    format!(
        "{} %",
        decimal((ratio(part, whole) * 10_000.0).floor() / 100.0)
    )
}

fn escaped(text: &str) -> String {
    let escape = |letter: char| match letter {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        other => other.to_string(),
    };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qc::quality::QualityCounts;

    #[test]
    fn a_page_holds_what_is_known_and_asks_for_nothing() {
        let mut counts = GroupCounts::default();
        counts.alignments[0].reads = 4;
        counts.qualities = QualityCounts::of_bases(30, 7);
        let mut metrics = DuplicateMetrics::default();
        metrics.all_sets.add(2);
        let names = ["a<b".to_owned()];
        let report = Report {
            title: "s & t",
            counts: &counts,
            duplicates: Some((&metrics, &names)),
            table: None,
            coverage: None,
            windows: &[0; 101],
        };
        let page = report.html();
        assert!(page.contains("<h1>s &amp; t</h1>") && page.contains("<polyline"));
        assert!(!page.contains("http") && !page.contains("Coverage"));
        assert_eq!(page, report.html());
    }
}
