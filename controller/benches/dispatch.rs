//! What the control plane takes and keeps, over gRPC and a durable store, with workers that do
//! nothing. `cargo bench -p controller --bench dispatch -- [--state etcd] [TASKS]` prints a line of JSON
//! for each measure, over a file or over an etcd of one member:
//!
//! - `submit`: `p50_ms` and `p99_ms` of durable submissions, one after the other, in an idle service;
//! - `dispatch`: `tasks_per_second` from submission to the end of a workflow, once for two workers
//!   of 256 slots and once for two of 4;
//! - `kill`: the controller is a process that is killed with signal 9 in the middle. `acknowledged`
//!   completions were counted by the worker before; `present` are in the state when the controller is
//!   back (more, where an answer was on its way); `repeated` of those acknowledged ran again;
//!   `back_ms` from the new start to the first answer. Fewer present than acknowledged, or one
//!   repeated, fails the run.

#[path = "support/clients.rs"]
mod clients;
#[expect(dead_code, reason = "other users of it kill members")]
#[path = "../tests/etcd/server.rs"]
mod etcd;

use std::time::{Duration, Instant};

use clients::{Failure, Served, State, Worker, connect, finish, serve_if_told, submit};
use controller::Bound;
use etcd::Etcd;
use proto::v1;
use proto::v1::genomics_client::GenomicsClient;
use tokio::sync::oneshot;
use tonic::transport::Channel;

/// Tasks with many slots by default; a quarter of them with few, and in the run that is killed.
const TASKS: u32 = 20_000;
/// Submissions that are timed.
const SUBMISSIONS: u32 = 500;
const WORKERS: u32 = 2;
const MANY_SLOTS: u32 = 256;
const FEW_SLOTS: u32 = 4;

/// Of the leader, over etcd, and how long it may take to have one.
const LEASE: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(10);

fn main() -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(serve_if_told())?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = arguments.iter().find_map(|argument| argument.parse().ok());
    let tasks: u32 = given.unwrap_or(TASKS);
    let over_etcd = arguments.iter().any(|argument| argument == "etcd");
    let etcd = over_etcd.then(Etcd::start);
    let folder = tempfile::tempdir()?;
    let state = |name: &str| State {
        folder: folder.path().join(name),
        etcd: etcd.as_ref().map(|etcd| etcd.address(name)),
        lease: LEASE,
    };
    runtime.block_on(async {
        measure_dispatch(tasks, MANY_SLOTS, &state("many")).await?;
        measure_dispatch(tasks / 4, FEW_SLOTS, &state("few")).await?;
        measure_kill(tasks / 4, &state("kill")).await
    })
}

/// Measures submissions, if asked for, and the way of one workflow.
async fn measure_dispatch(tasks: u32, slots: u32, state: &State) -> Result<(), Failure> {
    let (ready, bound) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async {
        let _ = stopped.await;
    };
    let controller = tokio::spawn(controller::run(state.config()?, ready, shutdown));
    let Bound::Tcp(address) = bound.await?.bound.remove(0) else {
        return Err("no port".into());
    };
    let channel = connect(&address.to_string()).await?;
    if slots == MANY_SLOTS {
        measure_submissions(&channel).await?;
    }
    for number in 0..WORKERS {
        let worker = attach(&address.to_string(), number, slots).await?;
        tokio::spawn(worker.work());
    }
    let started = Instant::now();
    let workflow = submit(&channel, "dispatch", tasks).await?;
    finish(&channel, workflow).await?;
    let seconds = started.elapsed().as_secs_f64();
    let result = serde_json::json!({
        "measure": "dispatch",
        "workers": WORKERS,
        "slots": slots,
        "tasks": tasks,
        "seconds": seconds,
        "tasks_per_second": f64::from(tasks) / seconds,
    });
    println!("{result}");
    let _ = stop.send(());
    controller.await??;
    Ok(())
}

/// Times submissions. No worker is there, so that nothing else goes on.
async fn measure_submissions(channel: &Channel) -> Result<(), Failure> {
    let mut times = Vec::new();
    for number in 0..SUBMISSIONS {
        let started = Instant::now();
        let workflow_id = submit(channel, &format!("submission-{number}"), 1).await?;
        times.push(started.elapsed());
        let request = v1::CancelWorkflowRequest { workflow_id };
        GenomicsClient::new(channel.clone())
            .cancel_workflow(request)
            .await?;
    }
    times.sort();
    let result = serde_json::json!({
        "measure": "submit",
        "submissions": SUBMISSIONS,
        "p50_ms": quantile(&times, 50),
        "p99_ms": quantile(&times, 99),
    });
    println!("{result}");
    Ok(())
}

fn quantile(times: &[Duration], percent: usize) -> f64 {
    times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0
}

/// Kills a controller when a third of the tasks is acknowledged, and looks what the next one knows.
async fn measure_kill(tasks: u32, state: &State) -> Result<(), Failure> {
    let first = Served::start(state)?;
    let channel = connect(&first.address).await?;
    let workflow = submit(&channel, "kill", tasks).await?;
    let mut worker = attach(&first.address, 0, MANY_SLOTS).await?;
    while worker.acknowledged.len() < tasks as usize / 3 {
        worker.step().await?;
    }
    first.kill()?;
    // What was on its way when the controller died was acknowledged, too.
    while worker.step().await.is_ok() {}
    let acknowledged = worker.acknowledged;

    let started = Instant::now();
    let second = Served::start(state)?;
    let channel = connect(&second.address).await?;
    let request = v1::GetWorkflowRequest {
        workflow_id: workflow.clone(),
    };
    let mut client = GenomicsClient::new(channel.clone());
    let seen = client.get_workflow(request).await?.into_inner();
    let back_ms = started.elapsed().as_secs_f64() * 1e3;
    let present: u32 = seen.stages.iter().map(|stage| stage.done).sum();
    let mut worker = attach(&second.address, 0, MANY_SLOTS).await?;
    let watched = tokio::spawn(async move { finish(&channel, workflow).await });
    while !watched.is_finished() {
        let _ = tokio::time::timeout(Duration::from_millis(100), worker.step()).await;
    }
    watched.await??;
    let repeated = worker.acknowledged.intersection(&acknowledged).count();
    second.kill()?;
    let result = serde_json::json!({
        "measure": "kill",
        "tasks": tasks,
        "acknowledged": acknowledged.len(),
        "present": present,
        "repeated": repeated,
        "back_ms": back_ms,
    });
    println!("{result}");
    if (present as usize) < acknowledged.len() || repeated > 0 {
        return Err("an acknowledged completion is lost".into());
    }
    Ok(())
}

/// Attaches a worker, once the controller leads.
async fn attach(address: &str, number: u32, slots: u32) -> Result<Worker, Failure> {
    let begun = Instant::now();
    loop {
        match Worker::attach(address, number, slots).await {
            Err(_) if begun.elapsed() < PATIENCE => tokio::time::sleep(PAUSE).await,
            attached => return attached,
        }
    }
}
