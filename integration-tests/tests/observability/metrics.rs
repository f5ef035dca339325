//! The pages of controller and worker after a genome, judged by promtool; and the files that use them.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use integration_tests::cluster::Cluster;

use crate::collector::Collector;
use crate::deployed;
use crate::page::{address, ask, get, names, sum};

#[test]
fn metrics_tell_what_was_done_and_every_panel_and_alert_finds_its_own() -> Result<()> {
    let collector = Collector::start()?;
    let mut environment = collector.environment();
    environment.push(("SPINDLE_METRICS", "0".to_owned()));
    let mut cluster = Cluster::start_in(environment)?;
    cluster.start_workers(1)?;
    let (controller, worker) = (address(cluster.controller())?, address(cluster.worker(0))?);
    ensure!(controller.starts_with("127.0.0.1:"), "{controller}");
    let workflow = cluster.submit("measured")?;
    let status = cluster.wait(&workflow)?;

    let of_controller = get(&controller, "/metrics")?.1;
    let of_worker = get(&worker, "/metrics")?.1;
    controller_tells(&of_controller, &status);
    worker_tells(&of_worker, &status);
    for page in [&of_controller, &of_worker] {
        promtool(&["check", "metrics"], page)?;
        for secret in ["NA12878", "fastq", "root:", "/tmp", workflow.as_str()] {
            ensure!(!page.contains(secret), "{secret} is in\n{page}");
        }
        let lines = page.lines().filter(|line| !line.starts_with('#')).count();
        ensure!(lines < 1_500, "{lines} samples");
    }
    let live: BTreeSet<String> = names(&of_controller)
        .union(&names(&of_worker))
        .cloned()
        .collect();
    deployed::name_nothing_else(&live)?;
    other_pages(&controller, &worker, &mut cluster)
}

fn controller_tells(page: &str, status: &serde_json::Value) {
    let stages = status["stages"].as_array().expect("a status has stages");
    let count = |stage: &serde_json::Value, field: &str| stage[field].as_f64().unwrap_or(0.0);
    for stage in stages {
        let label = format!("stage=\"{}\"", stage["stage"].as_str().expect("a name"));
        let attempts = sum(page, "spindle_task_attempts_total{", &[&label]);
        assert_eq!(attempts, count(stage, "attempts"), "{label}");
        let timed = sum(page, "spindle_attempt_duration_seconds_count{", &[&label]);
        assert_eq!(timed, count(stage, "attempts"), "{label}");
    }
    let align = stages.iter().find(|stage| stage["stage"] == "align");
    let bases = count(align.expect("reads were aligned"), "bases");
    let tenant = "spindle_bases_processed_total{tenant=\"default\"}";
    assert!(bases > 0.0 && sum(page, tenant, &[]) == bases, "{bases}");
    let is = |begin: &str, parts: &[&str], value: f64| {
        assert_eq!(sum(page, begin, parts), value, "{begin} {parts:?}\n{page}");
    };
    is("spindle_workflows_ended_total{", &["succeeded"], 1.0);
    is("spindle_workflows{", &[], 0.0);
    is("spindle_tasks{", &[], 0.0);
    is("spindle_queue_wait_seconds_count", &[], 1.0);
    is("spindle_leader ", &[], 1.0);
    is("spindle_workers{", &["ready"], 1.0);
    is("spindle_cluster_cores{", &["total"], 2.0);
    is(
        "spindle_grpc_requests_total{",
        &["Genomics/SubmitBatch", "\"OK\""],
        1.0,
    );
    assert!(sum(page, "spindle_store_commit_duration_seconds_count", &[]) > 10.0);
    assert!(sum(page, "spindle_store_written_bytes_total", &[]) > 1000.0);
}

fn worker_tells(page: &str, status: &serde_json::Value) {
    let stages = status["stages"].as_array().expect("a status has stages");
    let attempts = stages.iter().filter_map(|stage| stage["attempts"].as_f64());
    let attempts: f64 = attempts.sum();
    assert_eq!(
        sum(page, "spindle_worker_attempts_total{", &["completed"]),
        attempts
    );
    assert_eq!(sum(page, "spindle_worker_attached ", &[]), 1.0);
    assert!(sum(page, "spindle_worker_cpu_seconds_total{", &["align"]) > 0.0);
    // Written by child processes, told by the worker.
    assert!(
        sum(
            page,
            "spindle_object_store_bytes_total{",
            &["direction=\"written\"", "store=\"folder\""]
        ) > 1000.0
    );
    assert!(sum(page, "process_resident_memory_bytes ", &[]) > 1e6);
}

fn other_pages(controller: &str, worker: &str, cluster: &mut Cluster) -> Result<()> {
    for address in [controller, worker] {
        ensure!(get(address, "/healthz")? == (200, "ok\n".into()));
        ensure!(get(address, "/readyz")? == (200, "ready\n".into()));
        ensure!(get(address, "/else")?.0 == 404);
        ensure!(ask(address, "POST /metrics HTTP/1.1")?.0 == 405);
    }
    cluster.controller().kill_hard()?;
    let mut tries = 0..600;
    // A worker without a leader runs, and is not ready.
    while get(worker, "/readyz")?.0 != 503 {
        ensure!(
            tries.next().is_some(),
            "the worker says that it is attached"
        );
        get(worker, "/metrics")?;
    }
    ensure!(get(worker, "/healthz")?.0 == 200);
    Ok(())
}

fn promtool(arguments: &[&str], input: &str) -> Result<()> {
    let mut command = Command::new("promtool");
    command.args(arguments).stdin(Stdio::piped());
    let mut judge = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    judge
        .stdin
        .take()
        .expect("it is piped")
        .write_all(input.as_bytes())?;
    let output = judge.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success() && said.trim().is_empty(), "{said}");
    Ok(())
}
