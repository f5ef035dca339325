//! Sections of `metrics.json`.

use std::collections::BTreeMap;

use reads::duplicates::DuplicateMetrics;
use reads::qc::depth::{Coverage, DEPTHS, Depths};
use reads::qc::{AlignmentCounts, GroupCounts, Texts};
use serde_json::{Map, Value, json};

/// Returns the coverage of all, of each contig, and of the targets where there are any.
pub fn coverage(coverage: &Coverage, contigs: &[String], has_targets: bool) -> Value {
    let rows = contigs.iter().zip(&coverage.contigs);
    let covered = rows.filter(|(_, row)| row.territory() > 0);
    let by_contig: Map<String, Value> = covered
        .map(|(name, row)| (name.clone(), depths(row)))
        .collect();
    let mut section = json!({
        "all": depths(&coverage.total()),
        "by_contig": by_contig,
        "excluded_bases": {
            "low_mapping_quality": coverage.excluded.mapping_quality,
            "duplicate": coverage.excluded.duplicate,
            "without_mate": coverage.excluded.unpaired,
            "low_base_quality": coverage.excluded.base_quality,
            "overlap": coverage.excluded.overlap,
            "capped": coverage.excluded.capped,
        },
    });
    if has_targets {
        section["targets"] = depths(&coverage.targets);
    }
    section
}

fn depths(depths: &Depths) -> Value {
    let shares = DEPTHS.map(|depth| (depth.to_string(), json!(depths.share(depth))));
    let shares: Map<String, Value> = shares.into_iter().collect();
    json!({
        "positions": depths.territory(),
        "mean": depths.mean(),
        "median": depths.median(),
        "share_at_least": shares,
    })
}

/// Returns how uneven the coverage is over shares of G and C.
pub fn gc_bias(texts: &Texts) -> Value {
    let Some(summary) = texts.gc_summary() else {
        return Value::Null;
    };
    let ranges = ["0-19", "20-39", "40-59", "60-79", "80-100"];
    let coverage = ranges.into_iter().zip(summary.coverage);
    let coverage: BTreeMap<&str, f64> = coverage.collect();
    json!({
        "at_dropout": summary.at_dropout,
        "gc_dropout": summary.gc_dropout,
        "normalized_coverage": coverage,
    })
}

/// Returns mean qualities by cycle: of all reads, and of each platform unit.
pub fn quality_by_cycle(texts: &Texts) -> Value {
    let means = |counts: &GroupCounts| {
        let means = counts.qualities.means().into_iter();
        means.map(|(_, mean)| mean).collect::<Vec<f64>>()
    };
    let units = texts.units().map(|(unit, counts)| (unit, means(counts)));
    let units: BTreeMap<&str, Vec<f64>> = units.collect();
    json!({ "all": means(texts.total()), "by_unit": units })
}

/// Returns what the reads are, by their place in the pair.
pub fn pairs(counts: &GroupCounts) -> Value {
    let section = |counts: &AlignmentCounts| {
        json!({
            "reads": counts.reads,
            "passed_filter": counts.passed,
            "aligned": counts.aligned,
            "aligned_bases": counts.aligned_bases,
            "mismatches": counts.mismatches,
            "indels": counts.indels,
            "chimeric": counts.chimeric,
            "adapter": counts.adapters,
            "soft_clipped_bases": counts.soft_clipped,
        })
    };
    let [first, second, unpaired] = &counts.alignments;
    json!({
        "first": section(first),
        "second": section(second),
        "unpaired": section(unpaired),
    })
}

/// Returns the sums of duplicate marking over all libraries.
pub fn duplicates(metrics: &DuplicateMetrics) -> Value {
    let sum = |count: fn(&reads::duplicates::LibraryMetrics) -> u64| {
        metrics.libraries.iter().map(count).sum::<u64>()
    };
    json!({
        "optical_pairs": sum(|library| library.optical_pairs),
        "pairs_examined": sum(|library| library.paired_reads) / 2,
    })
}
