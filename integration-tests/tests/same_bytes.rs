//! The same genome gives the same bytes, however many workers and threads there are, whatever
//! they see, and whoever dies.

use std::sync::LazyLock;

use anyhow::{Result, ensure};
use integration_tests::cluster::{Cluster, WorkerOptions, run_alone, stage};
use integration_tests::compare::Outputs;
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

/// What one machine with one thread gives: everything is compared with it.
static ALONE: LazyLock<Outputs> = LazyLock::new(|| {
    let folder = TempDir::with_prefix("spindle-alone-").expect("a temporary folder");
    run_alone(folder.path(), "1").expect("the genome runs on one machine")
});

/// Checks that the work had the size that makes the comparison worth something.
fn ensure_many_tasks(status: &Value) -> Result<()> {
    for (name, at_least) in [
        ("split", 2),
        ("align", 12),
        ("duplicates", 17),
        ("merge", 17),
    ] {
        let done = stage(status, name)["done"].as_u64().unwrap_or(0);
        ensure!(done >= at_least, "{name} had {done} tasks");
    }
    Ok(())
}

/// Checks that two workers or more completed tasks of the stages that spread.
fn ensure_spread(status: &Value) -> Result<()> {
    for name in ["align", "duplicates", "merge", "call"] {
        let workers = stage(status, name)["completed_by"]
            .as_object()
            .map_or(0, |by| by.len());
        ensure!(workers >= 2, "{name} was completed by {workers} worker");
    }
    Ok(())
}

#[test]
fn two_threads_give_the_same_bytes_as_one() -> Result<()> {
    let folder = TempDir::with_prefix("spindle-alone-")?;
    run_alone(folder.path(), "2")?.ensure_same(&ALONE)
}

#[test]
fn any_number_of_workers_gives_the_same_bytes() -> Result<()> {
    for workers in [1, 2, 4] {
        let mut cluster = Cluster::start()?;
        cluster.start_workers(workers)?;
        let workflow = cluster.submit("genome")?;
        let status = cluster.wait(&workflow)?;
        ensure_many_tasks(&status)?;
        if workers > 1 {
            ensure_spread(&status)?;
        }
        cluster.outputs("genome")?.ensure_same(&ALONE)?;
    }
    Ok(())
}

#[test]
fn workers_that_see_only_the_port_give_the_same_bytes() -> Result<()> {
    let mut cluster = Cluster::start()?;
    let options = WorkerOptions {
        port_only: true,
        ..WorkerOptions::default()
    };
    cluster.start_worker(&options)?;
    cluster.start_worker(&options)?;
    let workflow = cluster.submit("genome")?;
    let status = cluster.wait(&workflow)?;
    ensure_spread(&status)?;
    cluster.outputs("genome")?.ensure_same(&ALONE)
}

/// Kills a worker in the middle of a task of one stage; another goes on.
fn kill_worker_in(name: &'static str) -> Result<()> {
    let mut cluster = Cluster::start()?;
    let victim = cluster.start_worker(&WorkerOptions {
        hold: Some(name),
        ..WorkerOptions::default()
    })?;
    let workflow = cluster.submit("genome")?;
    cluster.worker(victim).wait_for_line("held")?;
    cluster.start_workers(1)?;
    cluster.worker(victim).kill_hard()?;
    let status = cluster.wait(&workflow)?;
    let attempts = stage(&status, name)["most_attempts"].as_u64().unwrap_or(0);
    ensure!(attempts >= 2, "{name} had {attempts} attempts");
    cluster.outputs("genome")?.ensure_same(&ALONE)
}

#[test]
fn a_worker_killed_in_index_or_split_changes_nothing() -> Result<()> {
    ["index", "split"].into_iter().try_for_each(kill_worker_in)
}

#[test]
fn a_worker_killed_in_align_or_duplicates_changes_nothing() -> Result<()> {
    ["align", "duplicates"]
        .into_iter()
        .try_for_each(kill_worker_in)
}

#[test]
fn a_worker_killed_in_merge_or_recalibrate_changes_nothing() -> Result<()> {
    ["merge", "recalibrate"]
        .into_iter()
        .try_for_each(kill_worker_in)
}

#[test]
fn a_worker_killed_in_call_or_gather_changes_nothing() -> Result<()> {
    ["call", "gather"].into_iter().try_for_each(kill_worker_in)
}

#[test]
fn a_killed_controller_goes_on_without_repeating() -> Result<()> {
    for name in ["align", "merge", "call"] {
        let mut cluster = Cluster::start()?;
        let held = cluster.start_worker(&WorkerOptions {
            hold: Some(name),
            ..WorkerOptions::default()
        })?;
        let workflow = cluster.submit("genome")?;
        cluster.worker(held).wait_for_line("held")?;
        cluster.controller().kill_hard()?;
        cluster.start_controller()?;
        cluster.start_workers(2)?;
        let before = cluster.status(&workflow)?;
        cluster.worker(held).kill_hard()?;
        let status = cluster.wait(&workflow)?;
        // What was done before the kill was not done again.
        for earlier in ["split", "index"] {
            let done = |status: &Value| stage(status, earlier)["attempts"].clone();
            ensure!(done(&before) == done(&status), "{earlier} was repeated");
        }
        cluster.outputs("genome")?.ensure_same(&ALONE)?;
    }
    Ok(())
}

#[test]
fn a_worker_paused_past_its_lease_is_refused_and_harmless() -> Result<()> {
    let mut cluster = Cluster::start_with_lease("1s")?;
    let paused = cluster.start_worker(&WorkerOptions::default())?;
    let workflow = cluster.submit("genome")?;
    cluster.wait_until(&workflow, |status| {
        stage(status, "align")["running"].as_u64() > Some(0)
    })?;
    cluster.worker(paused).signal(Signal::SIGSTOP)?;
    cluster.start_workers(1)?;
    let status = cluster.wait(&workflow)?;
    cluster.worker(paused).signal(Signal::SIGCONT)?;
    ensure!(
        stage(&status, "align")["most_attempts"].as_u64() >= Some(2),
        "{status}"
    );
    cluster.outputs("genome")?.ensure_same(&ALONE)
}
