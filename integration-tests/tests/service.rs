//! The service as its users meet it: submit, follow, cancel, drain, upload, download, resume.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use integration_tests::cluster::{Cluster, WorkerOptions, run_alone, stage};
use integration_tests::compare::Outputs;
use integration_tests::fixtures;
use integration_tests::process::{Process, run, run_well, spindle};
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

fn json_lines(text: &str) -> Result<Vec<Value>> {
    text.lines()
        .map(|line| Ok(serde_json::from_str(line)?))
        .collect()
}

#[test]
fn a_token_makes_a_submission_idempotent() -> Result<()> {
    let cluster = Cluster::start()?;
    let mut flags = fixtures::two_lanes("root:data");
    flags.extend(["--token".into(), "once".into()]);
    let first = cluster.submit_flags(&flags, "a")?;
    ensure!(
        first == cluster.submit_flags(&flags, "a")?,
        "the same token made two workflows"
    );
    let server = cluster.server();
    let mut other = vec!["submit", "--server", &server, "--out", "root:out/b"];
    other.extend(fixtures::borrowed(&flags));
    let refused = run(&other)?;
    ensure!(
        !refused.status.success(),
        "another body took the same token"
    );
    let listed = json_lines(&run_well(&["list", "--json", "--server", &server])?)?;
    ensure!(listed.len() == 1 && listed[0]["workflow_id"] == first.as_str());
    Ok(())
}

#[test]
fn a_rejected_genome_names_its_fault_before_anything_runs() -> Result<()> {
    let cluster = Cluster::start()?;
    let server = cluster.server();
    std::fs::write(cluster.path("data/bad.fq"), "@a\nACGT\n+\nIII\n")?;
    let mut flags = vec!["submit", "--server", &server, "--json", "--sample", "s"];
    flags.extend([
        "--reference",
        "root:data/reference.fa.gz",
        "--reads",
        "root:data/bad.fq",
    ]);
    let output = run(&flags)?;
    ensure!(output.status.code() == Some(3), "{}", output.status);
    let status = json_lines(&String::from_utf8(output.stdout)?)?.remove(0);
    ensure!(
        status["state"] == "rejected" && status["error"]["record"] == 1,
        "{status}"
    );
    ensure!(status["error"]["file"] == "root:data/bad.fq", "{status}");
    let outside = run(&[
        "submit",
        "--server",
        &server,
        "--sample",
        "s",
        "--reference",
        "root:data/../state/x",
        "--reads",
        "root:data/bad.fq",
    ])?;
    let text = String::from_utf8_lossy(&outside.stderr).into_owned();
    ensure!(
        outside.status.code() == Some(3) && text.contains("reference"),
        "{text}"
    );
    Ok(())
}

#[test]
fn cancelling_frees_every_slot() -> Result<()> {
    let mut cluster = Cluster::start()?;
    let worker = cluster.start_worker(&WorkerOptions {
        hold: Some("align"),
        ..WorkerOptions::default()
    })?;
    let workflow = cluster.submit("cancelled")?;
    cluster.worker(worker).wait_for_line("held")?;
    let server = cluster.server();
    run_well(&["cancel", "--server", &server, &workflow])?;
    run_well(&["cancel", "--server", &server, &workflow])?;
    let mut watch = Command::new(spindle());
    watch.args(["watch", "--json", "--server", &server, &workflow]);
    let mut watch = Process::start("watch", &mut watch)?;
    ensure!(watch.wait()?.code() == Some(5), "{}", watch.transcript());
    ensure!(cluster.status(&workflow)?["state"] == "cancelled");
    // The worker is free again: another genome passes through it.
    let next = cluster.submit("next")?;
    cluster.wait(&next)?;
    ensure!(!cluster.path("out/cancelled/NA12878.bam").exists());
    Ok(())
}

#[test]
fn a_drained_worker_ends_and_another_goes_on() -> Result<()> {
    let mut cluster = Cluster::start()?;
    let first = cluster.start_worker(&WorkerOptions {
        hold: Some("align"),
        ..WorkerOptions::default()
    })?;
    let workflow = cluster.submit("drained")?;
    cluster.worker(first).wait_for_line("held")?;
    cluster.start_workers(1)?;
    cluster.worker(first).signal(Signal::SIGTERM)?;
    let status = cluster.worker(first).wait()?;
    ensure!(status.success(), "the drained worker ended with {status}");
    let status = cluster.wait(&workflow)?;
    ensure!(
        stage(&status, "align")["most_attempts"].as_u64() >= Some(2),
        "{status}"
    );
    let server = cluster.server();
    let workers = json_lines(&run_well(&["workers", "--json", "--server", &server])?)?;
    ensure!(workers.len() == 1, "{workers:?}");
    Ok(())
}

#[test]
fn local_files_travel_up_and_outputs_down() -> Result<()> {
    let mut cluster = Cluster::start()?;
    cluster.start_worker(&WorkerOptions {
        port_only: true,
        ..WorkerOptions::default()
    })?;
    let client = TempDir::with_prefix("spindle-client-")?;
    let data = fixtures::copy_data(client.path())?.display().to_string();
    let out = client.path().join("out").display().to_string();
    let server = cluster.server();
    let flags = fixtures::two_lanes(&data);
    let mut arguments = vec!["submit", "--server", &server, "--wait", "--out", &out];
    arguments.extend(fixtures::borrowed(&flags));
    run_well(&arguments)?;
    let alone = TempDir::with_prefix("spindle-alone-")?;
    Outputs::read(out.as_ref())?.ensure_same(&run_alone(alone.path(), "2")?)
}

#[test]
fn a_batch_file_submits_many_genomes() -> Result<()> {
    let mut cluster = Cluster::start()?;
    cluster.start_workers(1)?;
    let genome = |sample: &str, lane: &str| {
        format!(
            "  - sample: {sample}\n    reference: root:data/reference.fa.gz\n    emit: [vcf]\n    \
             reads:\n      - [root:data/{lane}.R1.fastq.gz, root:data/{lane}.R2.fastq.gz]\n    \
             out: root:out/{sample}\n"
        )
    };
    let batch = cluster.path("batch.yaml");
    let text = format!(
        "workflows:\n{}{}",
        genome("one", "lane1"),
        genome("two", "lane2")
    );
    std::fs::write(&batch, text)?;
    let (server, batch) = (cluster.server(), batch.display().to_string());
    run_well(&[
        "submit",
        "--server",
        &server,
        "--manifest",
        &batch,
        "--wait",
    ])?;
    for sample in ["one", "two"] {
        let vcf = cluster
            .path("out")
            .join(sample)
            .join(format!("{sample}.vcf.gz"));
        ensure!(vcf.exists(), "{} is missing", vcf.display());
    }
    Ok(())
}

/// Starts `spindle run` and returns it with its output folder.
fn start_run(folder: &TempDir) -> Result<Process> {
    let data = folder.path().join("data").display().to_string();
    let out = folder.path().join("out").display().to_string();
    let mut command = Command::new(spindle());
    command
        .args(["run", "--threads", "1", "--out", &out])
        .args(fixtures::two_lanes(&data));
    Process::start("run", &mut command)
}

fn interrupted_run_goes_on(signal: Signal) -> Result<()> {
    let folder = TempDir::with_prefix("spindle-resume-")?;
    fixtures::copy_data(folder.path())?;
    let mut first = start_run(&folder)?;
    first.wait_for_line("align: started")?;
    first.signal(signal)?;
    first.wait()?;
    ensure!(
        !folder.path().join("out/NA12878.bam").exists(),
        "a partial output is visible"
    );
    let mut second = start_run(&folder)?;
    let status = second.wait()?;
    ensure!(status.success(), "{}", second.transcript());
    let transcript = second.transcript();
    ensure!(transcript.contains("going on with"), "{transcript}");
    let alone = TempDir::with_prefix("spindle-alone-")?;
    let outputs = Outputs::read(&folder.path().join("out"))?;
    outputs.ensure_same(&run_alone(alone.path(), "2")?)
}

#[test]
fn a_run_killed_hard_goes_on_where_it_was() -> Result<()> {
    interrupted_run_goes_on(Signal::SIGKILL)
}

#[test]
fn a_run_interrupted_by_the_user_goes_on_where_it_was() -> Result<()> {
    interrupted_run_goes_on(Signal::SIGINT)
}

#[test]
fn an_open_port_without_protection_needs_a_word() -> Result<()> {
    let folder = TempDir::with_prefix("spindle-open-")?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (state, objects) = (path("state"), path("objects"));
    let output = run(&[
        "controller",
        "--listen",
        "127.0.0.1:0",
        "--state",
        &state,
        "--objects",
        &objects,
    ])?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        output.status.code() == Some(2) && text.contains("insecure"),
        "{text}"
    );
    Ok(())
}

#[test]
fn a_server_for_one_machine_asks_for_its_token() -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::with_prefix("spindle-server-")?;
    let state = folder.path().join("state");
    let mut command = Command::new(spindle());
    command.args([
        "server",
        "--listen",
        "127.0.0.1:0",
        "--state",
        &state.display().to_string(),
    ]);
    let mut server = Process::start("server", &mut command)?;
    let line = server.wait_for_line("listening on http")?;
    let url = line.rsplit(' ').next().context("an address")?.to_owned();
    let token = state.join("token");
    let mode = std::fs::metadata(&token)?.permissions().mode() & 0o777;
    ensure!(mode == 0o600, "the token file has mode {mode:o}");
    let refused = run(&["list", "--server", &url])?;
    ensure!(refused.status.code() == Some(4), "{}", refused.status);
    run_well(&[
        "list",
        "--server",
        &url,
        "--token-file",
        &token.display().to_string(),
    ])?;
    server.signal(Signal::SIGTERM)?;
    ensure!(server.wait()?.success(), "{}", server.transcript());
    Ok(())
}
