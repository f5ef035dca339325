//! What a cluster costs beside one machine: a genome by `spindle controller` and two `spindle worker`s with
//! one core each and everything in S3, against `spindle run --threads 2`.
//! `cargo bench -p integration-tests --bench overhead -- REF R1 R2 [READ_BATCH_BP [PARTITION_BP]]` prints a
//! line of JSON: seconds of CPU of all processes but the server of S3, the ratio of the medians, tasks and
//! requests. Both are measured in turn, since the speed of a shared machine drifts.
//! The index `REF.spindle` has to be there.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use common::s3_login::S3Login;
use common::secret::Secret;
use integration_tests::cluster::{Cluster, WorkerOptions};
use integration_tests::compare::Outputs;
use integration_tests::fixtures::{self, borrowed};
use integration_tests::process::run_well;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::Signal;
use object_store::s3::{Connection, Options};
use object_store::testing::{ACCESS_KEY, SECRET_KEY, Server};
use object_store::{CHUNK_BYTES, ObjectWriter};
use serde_json::Value;
use tokio::runtime::Runtime;

const BUCKET: &str = "spindle";
/// Sizes of tasks, if none are given: some sixty tasks of 0.15 Gb on one chromosome.
const SIZES: [&str; 2] = ["10000000", "5000000"];
/// How often the cluster is measured; `run` once more.
const ROUNDS: usize = 3;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|one| one != "--bench")
        .collect();
    let [reference, first, second, sizes @ ..] = &arguments[..] else {
        println!("overhead: REF R1 R2 are not given, nothing is measured");
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let bucket = folder.path().join(BUCKET);
    std::fs::create_dir(&bucket)?;
    let runtime = Runtime::new()?;
    let server = runtime.block_on(Server::start(folder.path()));
    for (name, file) in [
        ("ref.fa", reference.clone()),
        ("ref.fa.spindle", format!("{reference}.spindle")),
        ("1.fq", first.clone()),
        ("2.fq", second.clone()),
    ] {
        let put = put(&server, name, Path::new(&file));
        runtime.block_on(put).context(file)?;
    }
    let size = |at: usize| sizes.get(at).map_or(SIZES[at], String::as_str).to_owned();
    let flags = |at: &str| {
        let file = |name: &str| format!("{at}/{name}");
        let mut flags = vec!["--reference".to_owned(), file("ref.fa")];
        flags.extend(["--reads".to_owned(), file("1.fq"), file("2.fq")]);
        for (flag, value) in [
            ("--sample", "NA12878".to_owned()),
            ("--emit", "bam,vcf,gvcf".to_owned()),
            ("--read-batch-bp", size(0)),
            ("--partition-bp", size(1)),
        ] {
            flags.extend([flag.to_owned(), value]);
        }
        flags
    };
    let local = flags(&bucket.display().to_string());
    let alone = || cpu(|| run_alone(&local, folder.path()));
    let (mut run, mut cluster) = (vec![alone()?], Vec::new());
    let (mut tasks, mut requests) = (0, 0);
    for round in 0..ROUNDS {
        let name = format!("round{round}");
        let _of_before = server.take_log();
        cluster.push(cpu(|| {
            tasks = run_together(&flags(&format!("s3://{BUCKET}")), &name, &server)?;
            Ok(())
        })?);
        requests = server.take_log().len();
        let here = folder.path().join("alone");
        let there = bucket.join(&name);
        Outputs::read_some(&there.join("out"))?.ensure_same(&Outputs::read_some(&here)?)?;
        for seen in [here, there] {
            std::fs::remove_dir_all(seen)?;
        }
        run.push(alone()?);
    }
    let result = serde_json::json!({
        "measure": "overhead",
        "tasks": tasks,
        "requests": requests,
        "run_cpu_s": run,
        "cluster_cpu_s": cluster,
        "ratio": median(&cluster) / median(&run),
    });
    println!("{result}");
    Ok(())
}

/// Returns the middle of some times, or what lies between the two there.
fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    } else {
        sorted[middle]
    }
}

/// Puts a file into the bucket as its owner would: the server knows its tag then, and does not make it anew
/// of the whole for each part that is asked for.
async fn put(server: &Server, name: &str, file: &Path) -> Result<()> {
    let login = S3Login {
        access_key: ACCESS_KEY.to_owned(),
        secret_key: Secret::new(SECRET_KEY),
        session_token: None,
        endpoint: Some(server.url().to_owned()),
        region: None,
    };
    let connection = Connection::with_login(&login, Options::default());
    let mut writer = Box::new(connection.bucket(BUCKET).writer(name));
    let mut file = File::open(file)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let length = file.read(&mut chunk)?;
        if length == 0 {
            break;
        }
        writer.write(chunk[..length].to_vec().into()).await?;
    }
    writer.commit().await?;
    Ok(())
}

/// Returns the seconds of CPU of all child processes that `work` starts and waits for.
fn cpu(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let used = || -> Result<f64> {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let times = [usage.user_time(), usage.system_time()];
        let seconds = times.map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6);
        Ok(seconds.iter().sum())
    };
    let before = used()?;
    work()?;
    Ok(used()? - before)
}

fn run_alone(flags: &[String], folder: &Path) -> Result<()> {
    let out = folder.join("alone").display().to_string();
    let mut arguments = vec!["run", "--threads", "2", "--out", &out];
    arguments.extend(borrowed(flags));
    run_well(&arguments).map(drop)
}

/// Runs the genome on a cluster, ends that, and returns how many tasks there were.
fn run_together(flags: &[String], name: &str, server: &Server) -> Result<u64> {
    let environment = fixtures::s3_environment(server.url()).into();
    let objects = format!("s3://{BUCKET}/{name}/objects");
    let mut cluster = Cluster::start_in_s3(&objects, environment)?;
    for _ in 0..2 {
        cluster.start_worker(&WorkerOptions {
            no_roots: true,
            cores: 1,
            ..WorkerOptions::default()
        })?;
    }
    let workflow = cluster.submit_to(flags, &format!("s3://{BUCKET}/{name}/out"))?;
    let server = cluster.server();
    run_well(&["watch", "--server", &server, &workflow])?;
    let status = cluster.status(&workflow)?;
    ensure!(status["state"] == "succeeded", "{status}");
    for worker in 0..2 {
        cluster.worker(worker).signal(Signal::SIGTERM)?;
        cluster.worker(worker).wait()?;
    }
    cluster.controller().signal(Signal::SIGTERM)?;
    cluster.controller().wait()?;
    let count = |stage: &Value| stage["tasks"].as_u64().unwrap_or_default();
    let stages = status["stages"].as_array().context("a status has stages")?;
    Ok(stages.iter().map(count).sum())
}
