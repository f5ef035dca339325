//! What a worker that is ten times slower than the other costs a stage.
//! `cargo bench -p integration-tests --bench slow -- REF R1 R2 [READ_BATCH_BP]` prints a line of JSON:
//! seconds of the stage `align` on one worker of one core, and on two of which one stands still for
//! nine tenths of the time; and the ratio to what both can do, which is 1/1.1 of the first.
//! The index `REF.spindle` has to be there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use integration_tests::cluster::{Cluster, WorkerOptions, stage};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// The stage that is measured; its tasks wait until all are ready.
const STAGE: &str = "align";
/// Some thirty tasks of 0.3 Gb.
const READ_BATCH_BP: &str = "10000000";
/// How long the slow worker runs, and then stands still.
const MOVES: Duration = Duration::from_millis(20);
const RESTS: Duration = Duration::from_millis(180);
/// How much both workers can do, in workers.
const POWER: f64 = 1.1;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|one| one != "--bench");
    let (Some(reference), Some(first), Some(second)) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        println!("slow: REF R1 R2 are not given, nothing is measured");
        return Ok(());
    };
    let size = arguments.next().unwrap_or_else(|| READ_BATCH_BP.to_owned());
    let files = [reference, first, second];
    let (alone, tasks) = measure(&files, &size, false)?;
    let (beside_slow, _) = measure(&files, &size, true)?;
    let result = serde_json::json!({
        "measure": "slow",
        "tasks": tasks,
        "alone_s": alone,
        "beside_slow_s": beside_slow,
        "ratio": beside_slow * POWER / alone,
    });
    println!("{result}");
    Ok(())
}

/// Returns the seconds from when all tasks of the stage are ready until they are done, and how many
/// there are.
fn measure(files: &[String; 3], size: &str, with_slow: bool) -> Result<(f64, u64)> {
    let gates = tempfile::tempdir()?;
    let gate = gates.path().join(STAGE);
    std::fs::write(&gate, "")?;
    let folder = gates.path().display().to_string();
    let environment = vec![("SPINDLE_TEST_GATES", folder)];
    let mut cluster = Cluster::start_with_environment("10s", environment)?;
    let options = WorkerOptions {
        cores: 1,
        ..WorkerOptions::default()
    };
    cluster.start_worker(&options)?;
    let slow = match with_slow {
        true => Some(cluster.start_worker(&options)?),
        false => None,
    };
    let workflow = cluster.submit_flags(&flags(&cluster, files, size)?, "out")?;
    let split = |status: &Value| {
        let (one, all) = (stage(status, "split"), stage(status, STAGE));
        one["state"] == "done" && all["tasks"].as_u64() > Some(0)
    };
    let status = cluster.wait_until(&workflow, split)?;
    let tasks = stage(&status, STAGE)["tasks"].as_u64().unwrap_or_default();
    let pid = slow.map(|at| cluster.worker(at).pid());
    let over = &AtomicBool::new(false);
    let seconds = std::thread::scope(|scope| {
        if let Some(pid) = pid {
            scope.spawn(move || slow_down(pid, over));
        }
        let began = Instant::now();
        std::fs::remove_file(&gate)?;
        let done = |status: &Value| stage(status, STAGE)["done"].as_u64() == Some(tasks);
        let seen = cluster.wait_until(&workflow, done);
        over.store(true, Ordering::Relaxed);
        seen.map(|_| began.elapsed().as_secs_f64())
    })?;
    Ok((seconds, tasks))
}

/// Puts the files where the cluster reads, and returns the flags of a genome of them.
fn flags(cluster: &Cluster, files: &[String; 3], size: &str) -> Result<Vec<String>> {
    let names = ["ref.fa", "1.fq", "2.fq"];
    let index = format!("{}.spindle", files[0]);
    let named = files.iter().zip(names).chain([(&index, "ref.fa.spindle")]);
    for (from, name) in named {
        std::fs::copy(from, cluster.path("data").join(name)).with_context(|| from.clone())?;
    }
    let [reference, first, second] = names.map(|name| format!("root:data/{name}"));
    let flags = ["--reference", &reference, "--reads", &first, &second];
    let sample = ["--sample", "NA12878", "--emit", "bam", "--read-batch-bp"];
    let all = flags.into_iter().chain(sample).chain([size]);
    Ok(all.map(str::to_owned).collect())
}

/// Makes a process ten times slower, until it is over.
#[expect(
    clippy::disallowed_methods,
    reason = "standing still for a time is what is measured"
)]
fn slow_down(pid: u32, over: &AtomicBool) {
    // One that has ended already is slow enough.
    let tell = |signal| {
        for pid in family(pid) {
            kill(Pid::from_raw(pid.cast_signed()), signal).ok();
        }
    };
    while !over.load(Ordering::Relaxed) {
        tell(Signal::SIGSTOP);
        sleep(RESTS);
        tell(Signal::SIGCONT);
        sleep(MOVES);
    }
}

/// Returns a process and its children: each task of a worker is one.
fn family(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
    for thread in threads.into_iter().flatten().flatten() {
        let children = std::fs::read_to_string(thread.path().join("children"));
        let children = children.unwrap_or_default();
        all.extend(children.split_whitespace().flat_map(str::parse::<u32>));
    }
    all
}
