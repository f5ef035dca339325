//! `metrics.json` and the duplicate metrics: what the partitions counted, added up.

use caller::Summary;
use common::failure::Failure;
use common::task::{Manifest, ObjectRef, Stage};
use genome::read_group::ReadGroup;
use reads::container::{Decoder, Error};
use reads::duplicates::DuplicateMetrics;
use reads::metrics::QualityMetrics;
use reads::qc::{GroupName, Qc, Report, Texts};
use reads::recalibration::RecalibrationTable;
use serde_json::{Value, json};

use super::super::lanes::Lanes;
use super::super::{Context, duplicates, merge, sections};

/// Name of the file in Picard's format.
pub const DUPLICATES_FILE: &str = "markdup.metrics.txt";

/// The sums of all partitions.
pub struct Metrics {
    quality: QualityMetrics,
    qc: Qc,
    duplicates: DuplicateMetrics,
}

/// Adds up what `duplicates` and `merge` counted.
///
/// # Errors
/// [`common::failure::FailureClass::IntermediateLost`] if counts are gone or damaged.
pub fn sum(context: &Context<'_>) -> Result<Metrics, Failure> {
    let mut metrics = Metrics {
        quality: QualityMetrics::default(),
        qc: Qc::default(),
        duplicates: DuplicateMetrics::default(),
    };
    for manifest in context.upstream(Stage::Merge)? {
        let quality = decode(context, &manifest, merge::METRICS, QualityMetrics::decode)?;
        metrics.quality.merge(&quality);
        let qc = decode(context, &manifest, merge::QC, Qc::decode)?;
        metrics.qc.merge(&qc);
        let marked = decode(context, &manifest, merge::MARKED, DuplicateMetrics::decode)?;
        metrics.duplicates.merge(&marked);
    }
    for manifest in context.upstream(Stage::Duplicates)? {
        let sets = decode(
            context,
            &manifest,
            duplicates::SETS,
            DuplicateMetrics::decode,
        )?;
        metrics.duplicates.merge(&sets);
    }
    Ok(metrics)
}

fn decode<T>(
    context: &Context<'_>,
    manifest: &Manifest,
    role: &'static str,
    decode: impl Fn(&mut Decoder<'_>) -> Result<T, Error>,
) -> Result<T, Failure> {
    let object: &ObjectRef = sections::output(manifest, role)?;
    let bytes = context.read_all(object)?;
    let decoded = decode(&mut Decoder::new(&bytes, role));
    decoded.map_err(|fault| sections::lost(&object.key, fault))
}

impl Metrics {
    /// Returns the duplicate metrics in Picard's format.
    ///
    /// # Errors
    /// If the assignment has no genome.
    pub fn duplicates_text(&self, context: &Context<'_>) -> Result<String, Failure> {
        Ok(self
            .duplicates
            .text(&Lanes::of(context.genome()?).libraries))
    }

    /// Returns the files that other programs read and the page for people, each with its role.
    ///
    /// # Errors
    /// If the assignment has no genome.
    pub fn files(
        &self,
        context: &Context<'_>,
        table: Option<&RecalibrationTable>,
    ) -> Result<Vec<(&'static str, String)>, Failure> {
        let genome = context.genome()?;
        let lanes = Lanes::of(genome);
        let name = |group: &ReadGroup| GroupName {
            sample: group.get("SM").unwrap_or_default().into(),
            library: group.get("LB").unwrap_or_default().into(),
            unit: group.get("PU").unwrap_or(group.id()).into(),
        };
        let names: Vec<GroupName> = lanes.read_groups.iter().map(name).collect();
        let texts = Texts::new(&self.qc, &names);
        let report = Report {
            title: &genome.sample,
            counts: texts.total(),
            duplicates: Some((&self.duplicates, &lanes.libraries)),
            table,
            coverage: None,
        };
        let files = vec![
            ("alignment_summary_metrics.txt", texts.alignment()),
            ("insert_size_metrics.txt", texts.insert_sizes()),
            ("quality_by_cycle_metrics.txt", texts.quality_by_cycle()),
            (
                "quality_distribution_metrics.txt",
                texts.quality_distribution(),
            ),
            ("report.html", report.html()),
        ];
        let is_made = |(_, text): &(&str, String)| !text.is_empty();
        Ok(files.into_iter().filter(is_made).collect())
    }

    /// Returns all metrics; `called` counts variants, where there are calls.
    pub fn json(&self, called: Option<Summary>) -> Value {
        let quality = &self.quality;
        let variants = called.map(|called| {
            json!({
                "variants": called.variants,
                "snvs": called.snvs,
                "indels": called.indels,
                "transitions": called.transitions,
                "transversions": called.transversions,
            })
        });
        json!({
            "alignment": {
                "reads": quality.reads,
                "bases": quality.bases,
                "mapped": quality.mapped,
                "paired": quality.paired,
                "properly_paired": quality.properly_paired,
                "duplicates": quality.duplicates,
                "secondary": quality.secondary,
                "supplementary": quality.supplementary,
                "aligned_bases": quality.aligned_bases,
                "mismatches": quality.mismatches,
                "insert_size": {
                    "median_bp": quality.median_insert_size(),
                    "mean_bp": quality.mean_insert_size(),
                },
                "coverage": {
                    "covered_bp": quality.covered.covered_bp(),
                    "mean_where_covered": quality.mean_where_covered(),
                },
            },
            "variants": variants,
        })
    }
}
