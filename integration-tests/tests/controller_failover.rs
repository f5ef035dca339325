//! Several controllers over etcd: the leader dies in the middle of a genome, and so does a member of
//! etcd; the genome comes out as if nothing had happened.

use std::time::Instant;

use anyhow::{Result, ensure};
use integration_tests::cluster::{run_alone, stage};
use integration_tests::process::{DEADLINE, run_well};
use integration_tests::replicas::Replicas;
use serde_json::Value;
use tempfile::TempDir;

/// The stage whose task is held: it never gets a second attempt while the first one runs.
const HELD: &str = "gather";

/// All but the held task are done.
fn is_held(status: &Value) -> bool {
    stage(status, HELD)["running"] == 1
}

/// Checks that since `before` no task ran again but the one whose worker was killed.
fn ensure_nothing_repeated(before: &Value, after: &Value) -> Result<()> {
    let stages = after["stages"].as_array().expect("a status has stages");
    for seen in stages {
        let name = seen["stage"].as_str().unwrap_or_default();
        let held = u64::from(name == HELD);
        let attempts = |status: &Value| stage(status, name)["attempts"].as_u64();
        let expected = match attempts(before) {
            Some(0) | None => seen["tasks"].as_u64(),
            Some(attempts) => Some(attempts + held),
        };
        ensure!(attempts(after) == expected, "{expected:?} expected: {seen}");
    }
    Ok(())
}

#[test]
fn a_genome_outlives_its_leader_and_a_member_of_etcd() -> Result<()> {
    let alone = TempDir::with_prefix("spindle-alone-")?;
    let mut replicas = Replicas::start(3, 2)?;
    let holding = replicas.start_worker(Some(HELD))?;
    let leader = replicas.leader()?;
    let follower = 1 - leader;
    let workflow = replicas.submit(replicas.server(follower), "a")?;
    let before = replicas.wait_until(&workflow, is_held)?;
    replicas.start_worker(None)?;

    replicas.etcd.kill(0);
    replicas.controller(leader).kill_hard()?;
    // The other one takes submissions while nobody leads.
    let server = replicas.server(follower).to_owned();
    let next = replicas.submit(&server, "b")?;
    // The task that was held all the time still counts until its worker dies.
    let text = run_well(&["status", "--json", "--server", &server, &workflow])?;
    let after: Value = serde_json::from_str(&text)?;
    ensure!(is_held(&after), "{after}");
    replicas.worker(holding).kill_hard()?;
    let ended = replicas.wait_until(&workflow, |status| status["state"] == "succeeded")?;
    ensure_nothing_repeated(&before, &ended)?;
    replicas.wait_until(&next, |status| status["state"] == "succeeded")?;

    let cluster = replicas.cluster()?;
    ensure!(cluster["leader"] == server.as_str(), "{cluster}");
    ensure!(
        cluster["workers"].as_array().map(Vec::len) == Some(1),
        "{cluster}"
    );
    let expected = run_alone(alone.path(), "2")?;
    replicas.outputs("a")?.ensure_same(&expected)?;
    replicas.outputs("b")?.ensure_same(&expected)
}

#[test]
fn the_state_of_a_cluster_can_be_read_while_it_runs() -> Result<()> {
    let mut replicas = Replicas::start(1, 2)?;
    replicas.start_worker(None)?;
    let follower = 1 - replicas.leader()?;
    let workflow = replicas.submit(replicas.server(follower), "a")?;
    replicas.wait_until(&workflow, |status| status["state"] == "succeeded")?;
    // Asked of one that follows: it knows who leads and what is attached there.
    let server = replicas.server(follower).to_owned();
    let text = run_well(&["cluster", "--server", &server])?;
    ensure!(text.matches("replica ").count() == 2, "{text}");
    ensure!(text.contains("  leads") && text.contains("ready"), "{text}");
    let workers = run_well(&["workers", "--server", &server])?;
    ensure!(workers.lines().count() == 1, "{workers}");
    let state = replicas.etcd.address("test");
    // Its journal gives way to an object; how it ended, what was asked for and what it used stay.
    let expected = ["ended", "snapshot", "spec"].map(|word| format!("{word}/{workflow}"));
    let is_kept = |key: &String| !key.starts_with("usage/");
    let end = Instant::now() + DEADLINE;
    loop {
        let dumped = run_well(&["state", "dump", "--state", &state, "--workflow", &workflow])?;
        let keys = dumped
            .lines()
            .map(serde_json::from_str::<Value>)
            .map(|record| Ok(record?["key"].as_str().unwrap_or_default().to_owned()))
            .collect::<Result<Vec<_>>>()?;
        if keys.iter().filter(|key| is_kept(key)).eq(&expected) && !keys.iter().all(is_kept) {
            return Ok(());
        }
        ensure!(Instant::now() < end, "{keys:?}");
    }
}
