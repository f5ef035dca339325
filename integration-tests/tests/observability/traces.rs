//! One trace of a genome, through every process; and none of it can do harm.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use integration_tests::cluster::Cluster;
use integration_tests::fixtures;
use integration_tests::process::{Process, spindle};
use nix::sys::signal::Signal;

use crate::collector::{Collector, Seen};

/// Submits the bundled genome as a client with this environment.
fn submit(cluster: &Cluster, environment: Vec<(&'static str, String)>) -> Result<String> {
    let mut command = Command::new(spindle());
    command.envs(environment);
    command.args(["submit", "--server", &cluster.server()]);
    command.args(["--out", "root:out/traced"]);
    command.args(fixtures::two_lanes("root:data"));
    let output = command.output()?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{errors}");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Ends a process in order, so that it sends its last spans.
fn end(process: &mut Process) -> Result<()> {
    process.signal(Signal::SIGTERM)?;
    let status = process.wait()?;
    ensure!(status.success(), "{status}: {}", process.transcript());
    Ok(())
}

#[test]
fn one_trace_leads_from_the_client_to_every_stage_and_names_nobody() -> Result<()> {
    let collector = Collector::start()?;
    let mut cluster = Cluster::start_in(collector.environment())?;
    cluster.start_workers(1)?;
    let workflow = submit(&cluster, collector.environment())?;
    let status = cluster.wait(&workflow)?;
    end(cluster.worker(0))?;
    end(cluster.controller())?;

    let spans = collector.spans();
    let submit = only(&spans, "submit")?;
    ensure!(submit.service == "spindle-client", "{submit:?}");
    let trace: Vec<&Seen> = spans
        .iter()
        .filter(|span| span.trace == submit.trace)
        .collect();
    let call = only(&trace, "spindle.v1.Genomics/SubmitBatch")?;
    ensure!(call.service == "spindle-controller" && call.parent == submit.id);
    let whole = only(&trace, "workflow")?;
    ensure!(whole.parent == call.id && whole.attributes["spindle.workflow.id"] == workflow);
    for part in ["admission", "publication"] {
        ensure!(only(&trace, part)?.parent == whole.id, "{part}");
    }
    is_connected(&trace)?;
    every_attempt_is_there(&trace, whole, &status)?;
    names_nobody(&mut cluster, &collector)
}

fn only<'a>(spans: &'a [impl std::borrow::Borrow<Seen>], name: &str) -> Result<&'a Seen> {
    let mut found = spans.iter().map(std::borrow::Borrow::borrow);
    let mut found = found.by_ref().filter(|span| span.name == name);
    let first = found.next().with_context(|| format!("no span {name}"))?;
    ensure!(found.next().is_none(), "several spans {name}");
    Ok(first)
}

/// Each span but that of the client is part of another one that is there.
fn is_connected(trace: &[&Seen]) -> Result<()> {
    let ids: BTreeSet<&[u8]> = trace.iter().map(|span| &span.id[..]).collect();
    ensure!(ids.len() == trace.len(), "an id is used twice");
    let lost = |span: &&&Seen| span.name != "submit" && !ids.contains(&span.parent[..]);
    match trace.iter().find(lost) {
        Some(span) => bail!("{span:?} is part of nothing"),
        None => Ok(()),
    }
}

/// Each attempt has its work on a worker below it, and the stage below that.
fn every_attempt_is_there(trace: &[&Seen], whole: &Seen, status: &serde_json::Value) -> Result<()> {
    let mut below: BTreeMap<&[u8], Vec<&Seen>> = BTreeMap::new();
    for span in trace {
        below.entry(&span.parent[..]).or_default().push(span);
    }
    let parts = |span: &Seen| below.get(&span.id[..]).cloned().unwrap_or_default();
    let attempts: Vec<&Seen> = parts(whole);
    for stage in status["stages"].as_array().context("a status has stages")? {
        let name = stage["stage"].as_str().context("a stage has a name")?;
        let of_stage = attempts
            .iter()
            .filter(|span| span.name == "attempt" && span.attributes["spindle.stage"] == name);
        let of_stage: Vec<&&Seen> = of_stage.collect();
        let started = stage["attempts"].as_u64().unwrap_or(0);
        ensure!(of_stage.len() as u64 == started, "{name}: {of_stage:?}");
        for attempt in of_stage {
            let task = parts(attempt);
            ensure!(
                task.len() == 1 && task[0].service == "spindle-worker",
                "{task:?}"
            );
            let run = parts(task[0]);
            ensure!(run.len() == 1 && run[0].name == name, "{name}: {run:?}");
            ensure!(run[0].begin_ns <= run[0].end_ns);
            ensure!(parts(run[0]).iter().any(|span| span.name == "commit"));
        }
    }
    ensure!(attempts.len() > 30, "{} attempts", attempts.len());
    Ok(())
}

/// No sample, file or read is named in spans or in log lines.
fn names_nobody(cluster: &mut Cluster, collector: &Collector) -> Result<()> {
    let folder = cluster.path("").display().to_string();
    let secrets = [
        "NA12878",
        "lane1",
        "fastq",
        "reference.fa",
        "out/traced",
        &folder,
    ];
    let logs = cluster.controller().transcript() + &cluster.worker(0).transcript();
    for (what, text) in [("spans", collector.text()), ("log lines", logs)] {
        for secret in secrets {
            ensure!(!text.contains(secret), "{secret} is in the {what}:\n{text}");
        }
    }
    Ok(())
}

#[test]
fn a_collector_that_never_answers_holds_nobody_up() -> Result<()> {
    const LONG: Duration = Duration::from_secs(20);
    let silent = TcpListener::bind("127.0.0.1:0")?;
    silent.set_nonblocking(true)?;
    let environment = vec![
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            format!("http://{}", silent.local_addr()?),
        ),
        ("OTEL_BSP_SCHEDULE_DELAY", "200".to_owned()),
    ];
    let mut cluster = Cluster::start_in(environment.clone())?;
    cluster.start_workers(1)?;
    let begun = Instant::now();
    let workflow = submit(&cluster, environment)?;
    ensure!(
        begun.elapsed() < LONG,
        "the client waited {:?}",
        begun.elapsed()
    );
    cluster.wait(&workflow)?;
    let begun = Instant::now();
    end(cluster.worker(0))?;
    end(cluster.controller())?;
    ensure!(begun.elapsed() < LONG, "the end took {:?}", begun.elapsed());
    // Client, controller and worker may have called: no task of the many did.
    let calls = std::iter::from_fn(|| silent.accept().ok()).count();
    ensure!((1..=12).contains(&calls), "{calls} connections");
    let logs = cluster.worker(0).transcript();
    ensure!(
        logs.matches("trace collector does not answer").count() <= 1,
        "{logs}"
    );
    Ok(())
}
