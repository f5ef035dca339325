//! The stage that makes the final files.

pub mod bam;
mod metrics;
mod metrics_json;
mod provenance;
pub mod vcf;

use std::io::Write;

use caller::{EmitMode, Summary};
use common::failure::Failure;
use common::task::{ObjectRef, Stage};
use serde_json::Value;

use super::{Context, Finished, recalibrate, sections};
use crate::error::storage;

/// Makes every file that the genome asks for; the roles are the files' names.
///
/// # Errors
/// [`common::failure::FailureClass::IntermediateLost`] for a part that is gone; what storage
/// answers.
pub fn run(context: &Context<'_>) -> Result<Finished, Failure> {
    let genome = context.genome()?;
    let sample = &genome.sample;
    let mut finished = Finished::default();
    if genome.outputs.bam {
        let name = format!("{sample}.bam");
        let files = bam::gather(context, &name)?;
        let index = format!("{name}.{}", files.index_ending);
        finished = finished.with(&name, files.bam).with(&index, files.index);
    }
    let mut called = None;
    for (wanted, emit, ending) in [
        (genome.outputs.vcf, EmitMode::Variants, "vcf.gz"),
        (
            genome.outputs.gvcf,
            EmitMode::ReferenceConfidence,
            "g.vcf.gz",
        ),
    ] {
        if wanted {
            let name = format!("{sample}.{ending}");
            let files = vcf::gather(context, emit, &name)?;
            let index = format!("{name}{}", files.index_ending);
            finished = finished.with(&name, files.vcf).with(&index, files.index);
            called = called.or(Some(files.summary));
        }
    }
    describe(context, finished, called)
}

/// Adds what is written about the genome: metrics, the table, provenance.
fn describe(
    context: &Context<'_>,
    mut finished: Finished,
    called: Option<Summary>,
) -> Result<Finished, Failure> {
    let metrics = metrics::sum(context)?;
    let text = metrics.duplicates_text(context)?;
    let file = store(context, metrics::DUPLICATES_FILE, text.as_bytes())?;
    finished = finished.with(metrics::DUPLICATES_FILE, file);
    let file = store_json(context, "metrics.json", &metrics.json(called))?;
    finished = finished.with("metrics.json", file);
    let mut parsed = None;
    if context.upstream_manifest(Stage::Recalibrate).is_some() {
        for manifest in context.upstream(Stage::Recalibrate)? {
            let table = sections::output(&manifest, recalibrate::TABLE)?.clone();
            parsed = Some(recalibrate::table(context, &table)?);
            finished = finished.with(recalibrate::TABLE, table);
        }
    }
    for (role, text) in metrics.files(context, parsed.as_ref())? {
        finished = finished.with(role, store(context, role, text.as_bytes())?);
    }
    let file = store_json(context, "provenance.json", &provenance::describe(context)?)?;
    Ok(finished.with("provenance.json", file))
}

fn store_json(context: &Context<'_>, role: &str, value: &Value) -> Result<ObjectRef, Failure> {
    let mut text = serde_json::to_string_pretty(value).expect("JSON values can be printed");
    text.push('\n');
    store(context, role, text.as_bytes())
}

fn store(context: &Context<'_>, role: &str, bytes: &[u8]) -> Result<ObjectRef, Failure> {
    let mut out = context.create(role)?;
    out.write_all(bytes).map_err(|fault| storage(&fault))?;
    out.commit()
}
