//! How long the tasks of a lost worker wait until they run elsewhere.
//! `cargo bench -p integration-tests --bench loss` prints a line of JSON for each kind of loss: a worker
//! with tasks is killed with signal 9 (its connections break), or stopped (it is silent); `seconds`
//! until another worker runs the first of its tasks. The lease is the default of 10 s.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use integration_tests::cluster::{Cluster, WorkerOptions};
use nix::sys::signal::Signal;

/// The stage whose tasks wait at a gate.
const STAGE: &str = "align";
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Result<()> {
    measure("killed", Signal::SIGKILL)?;
    measure("silent", Signal::SIGSTOP)
}

fn measure(loss: &str, signal: Signal) -> Result<()> {
    let gates = tempfile::tempdir()?;
    std::fs::write(gates.path().join(STAGE), "")?;
    let gates = gates.path().display().to_string();
    let environment = vec![("SPINDLE_TEST_GATES", gates)];
    let mut cluster = Cluster::start_with_environment("10s", environment)?;
    // It has room for a single task: others are left.
    let lost = cluster.start_worker(&WorkerOptions {
        cores: 1,
        ..WorkerOptions::default()
    })?;
    let workflow = cluster.submit("genome")?;
    let held = format!("held {workflow}/{STAGE}/");
    let line = cluster.worker(lost).wait_for_line(&held)?;
    let attempt = line.rsplit("held ").next().context("an attempt")?;
    let (task, number) = attempt
        .rsplit_once('/')
        .context("an attempt has a number")?;
    ensure!(number == "1", "{line}");
    let next = format!("held {task}/2");
    let other = cluster.start_worker(&WorkerOptions {
        cores: 64,
        ..WorkerOptions::default()
    })?;
    // It has taken what there was for it.
    cluster.worker(other).wait_for_line(&held)?;
    let began = Instant::now();
    cluster.worker(lost).signal(signal)?;
    cluster.worker(other).wait_for_line(&next)?;
    let seconds = began.elapsed();
    ensure!(seconds < PATIENCE, "{seconds:?}");
    let result = serde_json::json!({
        "measure": "loss",
        "worker": loss,
        "seconds": seconds.as_secs_f64(),
    });
    println!("{result}");
    Ok(())
}
