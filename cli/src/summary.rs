//! The summary at the end of a run.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use proto::v1::{StageState, StageStatus, Workflow};
use serde_json::Value;

use crate::text;

/// Prints what `metrics.json` says and the time of each stage.
///
/// # Errors
/// If `metrics.json` cannot be read.
pub fn print(out: &Path, workflow: &Workflow) -> Result<()> {
    let path = out.join("metrics.json");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let metrics: Value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    crate::stdout::say!("outputs in {}", out.display());
    print_metrics(&metrics);
    print_stages(workflow);
    Ok(())
}

fn print_metrics(metrics: &Value) {
    let count = |value: &Value| text::grouped(value.as_u64().unwrap_or(0));
    let alignment = &metrics["alignment"];
    crate::stdout::say!("reads        {}", count(&alignment["reads"]));
    crate::stdout::say!(
        "mapped       {:.2} %",
        percent(&alignment["mapped"], &alignment["reads"])
    );
    crate::stdout::say!(
        "duplicates   {:.2} %",
        percent(&alignment["duplicates"], &alignment["mapped"])
    );
    crate::stdout::say!(
        "insert size  median {} bp, mean {:.1} bp",
        count(&alignment["insert_size"]["median_bp"]),
        alignment["insert_size"]["mean_bp"].as_f64().unwrap_or(0.0),
    );
    crate::stdout::say!(
        "coverage     mean {:.2}x where covered, {} bp covered",
        alignment["coverage"]["mean_where_covered"]
            .as_f64()
            .unwrap_or(0.0),
        count(&alignment["coverage"]["covered_bp"]),
    );
    if let Some(variants) = metrics
        .get("variants")
        .filter(|variants| variants.is_object())
    {
        crate::stdout::say!(
            "variants     {}: {} SNVs, {} indels, Ti/Tv {:.2}",
            count(&variants["variants"]),
            count(&variants["snvs"]),
            count(&variants["indels"]),
            ratio(&variants["transitions"], &variants["transversions"]),
        );
    }
}

fn percent(part: &Value, whole: &Value) -> f64 {
    100.0 * ratio(part, whole)
}

fn ratio(part: &Value, whole: &Value) -> f64 {
    let whole = whole.as_f64().unwrap_or(0.0);
    if whole == 0.0 {
        0.0
    } else {
        part.as_f64().unwrap_or(0.0) / whole
    }
}

fn print_stages(workflow: &Workflow) {
    crate::stdout::say!("stage            tasks        wall         CPU");
    let mut cpu_ms = 0;
    for stage in workflow
        .stages
        .iter()
        .filter(|stage| stage.state() == StageState::Done)
    {
        cpu_ms += stage.cpu_ms;
        crate::stdout::say!(
            "{:<14} {:>7} {:>11} {:>11}",
            text::stage(stage.stage()),
            stage.tasks,
            text::duration(wall(stage)),
            text::duration(Duration::from_millis(stage.cpu_ms)),
        );
    }
    let (started, ended) = (&workflow.started_at, &workflow.ended_at);
    let total = between(started.as_ref(), ended.as_ref());
    let cpu = text::duration(Duration::from_millis(cpu_ms));
    crate::stdout::say!(
        "{:<14} {:>7} {:>11} {cpu:>11}",
        "all",
        "",
        text::duration(total)
    );
}

fn wall(stage: &StageStatus) -> Duration {
    between(stage.started_at.as_ref(), stage.ended_at.as_ref())
}

fn between(
    start: Option<&prost_types::Timestamp>,
    end: Option<&prost_types::Timestamp>,
) -> Duration {
    let nanoseconds = |time: &prost_types::Timestamp| {
        i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos)
    };
    let (Some(start), Some(end)) = (start, end) else {
        return Duration::ZERO;
    };
    let elapsed = u64::try_from(nanoseconds(end) - nanoseconds(start)).unwrap_or(0);
    Duration::from_nanos(elapsed)
}
