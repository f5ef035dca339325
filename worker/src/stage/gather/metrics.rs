//! `metrics.json` and the duplicate metrics: what the partitions counted, added up.

use caller::Summary;
use common::failure::Failure;
use common::task::{Manifest, Stage};
use genome::region::Region;
use reads::container::{Decoder, Error};
use reads::duplicates::DuplicateMetrics;
use reads::metrics::QualityMetrics;
use reads::qc::depth::{Coverage, DepthPart, join};
use reads::qc::{GroupName, Qc, Report, Texts};
use reads::recalibration::RecalibrationTable;
use serde_json::{Value, json};

use super::super::lanes::Lanes;
use super::super::{Context, duplicates, intervals, merge, sections};
use super::metrics_json;

/// Name of the file in Picard's format.
pub const DUPLICATES_FILE: &str = "markdup.metrics.txt";

/// The sums of all partitions.
pub struct Metrics {
    quality: QualityMetrics,
    qc: Qc,
    duplicates: DuplicateMetrics,
    coverage: Coverage,
    /// Names of the contigs.
    contigs: Vec<String>,
    /// What the genome is limited to, if anything: the coverage there is told apart.
    targets: Option<Vec<Region>>,
    texts: Texts,
}

/// Adds up what `duplicates` and `merge` counted.
///
/// # Errors
/// [`common::failure::FailureClass::IntermediateLost`] if counts are gone or damaged.
pub fn sum(context: &Context<'_>) -> Result<Metrics, Failure> {
    let (mut quality, mut qc) = (QualityMetrics::default(), Qc::default());
    let mut marked = DuplicateMetrics::default();
    let mut depths = Vec::new();
    let merged = Parts(context, context.upstream(Stage::Merge)?);
    merged.each(merge::METRICS, QualityMetrics::decode, |part| {
        quality.merge(&part);
    })?;
    merged.each(merge::QC, Qc::decode, |part| qc.merge(&part))?;
    merged.each(merge::MARKED, DuplicateMetrics::decode, |part| {
        marked.merge(&part);
    })?;
    merged.each(merge::DEPTH, DepthPart::decode, |part| depths.push(part))?;
    let found = Parts(context, context.upstream(Stage::Duplicates)?);
    found.each(duplicates::SETS, DuplicateMetrics::decode, |sets| {
        marked.merge(&sets);
    })?;
    let index = context.index()?;
    let reference = index.reference();
    let dictionary = reference.dictionary();
    let targets = intervals::regions(context, dictionary)?;
    let coverage = join(depths, &reference, targets.as_deref().unwrap_or_default());
    let groups = &Lanes::of(context.genome()?).read_groups;
    let names: Vec<GroupName> = groups.iter().map(GroupName::of).collect();
    let contigs = dictionary.contigs().iter();
    Ok(Metrics {
        texts: Texts::new(&qc, &names),
        quality,
        qc,
        duplicates: marked,
        coverage,
        contigs: contigs.map(|contig| contig.name.clone()).collect(),
        targets,
    })
}

/// What the tasks of a stage made.
struct Parts<'a>(&'a Context<'a>, Vec<Manifest>);

impl Parts<'_> {
    /// Hands what each task made of a role to a sink, in order of tasks.
    fn each<T>(
        &self,
        role: &'static str,
        decode: impl Fn(&mut Decoder<'_>) -> Result<T, Error>,
        mut sink: impl FnMut(T),
    ) -> Result<(), Failure> {
        let Self(context, manifests) = self;
        let objects = sections::outputs(manifests, role)?;
        for (object, bytes) in objects.iter().zip(context.objects.read_each(&objects)) {
            let decoded = decode(&mut Decoder::new(&bytes?, role));
            sink(decoded.map_err(|fault| sections::lost(&object.key, fault))?);
        }
        Ok(())
    }
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
        let (texts, coverage) = (&self.texts, &self.coverage);
        let report = Report {
            title: &genome.sample,
            counts: texts.total(),
            duplicates: Some((&self.duplicates, &lanes.libraries)),
            table,
            coverage: Some(coverage),
            windows: &self.qc.windows,
        };
        let by_target = self.targets.as_deref();
        let by_target = by_target.map(|targets| coverage.target_table(&self.contigs, targets));
        let gc = texts.gc_summary();
        let gc = gc.map(|_| (texts.gc_summary_text(), texts.gc_detail_text()));
        let (gc_summary, gc_detail) = gc.unwrap_or_default();
        let files = vec![
            ("alignment_summary_metrics.txt", texts.alignment()),
            ("insert_size_metrics.txt", texts.insert_sizes()),
            ("quality_by_cycle_metrics.txt", texts.quality_by_cycle()),
            (
                "quality_by_cycle_and_unit.txt",
                texts.quality_by_cycle_and_unit(),
            ),
            (
                "quality_distribution_metrics.txt",
                texts.quality_distribution(),
            ),
            ("gc_bias.summary_metrics.txt", gc_summary),
            ("gc_bias.detail_metrics.txt", gc_detail),
            ("wgs_metrics.txt", coverage.text()),
            (
                "coverage.txt",
                coverage.table(&self.contigs, self.targets.is_some()),
            ),
            ("target_coverage.txt", by_target.unwrap_or_default()),
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
            "coverage": metrics_json::coverage(&self.coverage, &self.contigs, self.targets.is_some()),
            "gc_bias": metrics_json::gc_bias(&self.texts),
            "quality_by_cycle": metrics_json::quality_by_cycle(&self.texts),
            "read_pairs": metrics_json::pairs(self.texts.total()),
            "duplicates": metrics_json::duplicates(&self.duplicates),
            "variants": variants,
        })
    }
}
