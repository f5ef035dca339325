//! `metrics.json` and the duplicate metrics: what the partitions counted, added up.

use caller::Summary;
use common::failure::Failure;
use common::task::{Manifest, ObjectRef, Stage};
use reads::container::{Decoder, Error};
use reads::duplicates::DuplicateMetrics;
use reads::metrics::QualityMetrics;
use serde_json::{Value, json};

use super::super::lanes::Lanes;
use super::super::{Context, duplicates, merge, sections};

/// Name of the file in Picard's format.
pub const DUPLICATES_FILE: &str = "markdup.metrics.txt";

/// The sums of all partitions.
pub struct Metrics {
    quality: QualityMetrics,
    duplicates: DuplicateMetrics,
}

/// Adds up what `duplicates` and `merge` counted.
///
/// # Errors
/// [`common::failure::FailureClass::IntermediateLost`] if counts are gone or damaged.
pub fn sum(context: &Context<'_>) -> Result<Metrics, Failure> {
    let mut metrics = Metrics {
        quality: QualityMetrics::default(),
        duplicates: DuplicateMetrics::default(),
    };
    for manifest in context.upstream(Stage::Merge)? {
        let quality = decode(context, &manifest, merge::METRICS, QualityMetrics::decode)?;
        metrics.quality.merge(&quality);
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
