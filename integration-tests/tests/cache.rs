//! A genome that is submitted again is read again, and nothing more; its files are the same.

use anyhow::{Result, ensure};
use integration_tests::cluster::{Cluster, stage};
use integration_tests::fixtures;
use serde_json::Value;

/// Stages after the check of the inputs.
const LATER: [&str; 6] = [
    "align",
    "duplicates",
    "merge",
    "recalibrate",
    "call",
    "gather",
];

/// What the controller prints when the results of a genome can be found.
const KEPT: &str = "results are kept";

fn ensure_spared(status: &Value, spared: &[&str]) -> Result<()> {
    for name in LATER {
        let seen = stage(status, name);
        let (tasks, cached) = (&seen["tasks"], &seen["cached"]);
        let whole = tasks == cached && seen["attempts"] == 0;
        ensure!(whole == spared.contains(&name), "{name}: {seen}");
        ensure!(whole || *cached == 0, "{name}: {seen}");
    }
    Ok(())
}

#[test]
fn a_genome_that_comes_again_repeats_only_what_an_option_reaches() -> Result<()> {
    let mut cluster = Cluster::start_in(vec![("SPINDLE_CACHE_DAYS", "1".to_owned())])?;
    cluster.start_workers(2)?;
    let first = cluster.submit("first")?;
    ensure_spared(&cluster.wait(&first)?, &[])?;
    cluster.controller().wait_for_line(KEPT)?;
    // It finds the index beside the reference that the first one made, and takes it for the same.
    let again = cluster.submit("again")?;
    ensure_spared(&cluster.wait(&again)?, &LATER)?;
    cluster
        .outputs("first")?
        .ensure_same(&cluster.outputs("again")?)?;
    for name in ["provenance.json", "NA12878.manifest.json"] {
        let read = |folder: &str| std::fs::read(cluster.path("out").join(folder).join(name));
        ensure!(read("first")? == read("again")?, "{name} differs");
    }
    let mut flags = fixtures::two_lanes("root:data");
    flags.extend(["--interval-padding", "1"].map(str::to_owned));
    let padded = cluster.submit_flags(&flags, "padded")?;
    // It reaches `merge`, which writes what it wrote before, so that the table is the same.
    ensure_spared(
        &cluster.wait(&padded)?,
        &["align", "duplicates", "recalibrate"],
    )?;
    cluster.controller().kill_hard()?;
    cluster.start_controller()?;
    flags.push("--no-cache".to_owned());
    let alone = cluster.submit_flags(&flags, "alone")?;
    ensure_spared(&cluster.wait(&alone)?, &[])?;
    cluster
        .outputs("padded")?
        .ensure_same(&cluster.outputs("alone")?)
}
