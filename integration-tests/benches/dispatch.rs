//! What a cluster of real processes takes: `spindle controller` and two `spindle worker`s complete
//! tasks that do nothing, with the durability of production.
//! `cargo bench -p integration-tests --bench dispatch -- [TASKS]` prints a line of JSON for workers
//! of each size: `tasks_per_second` from submission to the end of the workflow.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use integration_tests::process::{Process, spindle};
use proto::v1::genomics_client::GenomicsClient;
use proto::v1::{self, workflow_spec::Work};
use tonic::transport::Channel;

/// Tasks of the workflow, if nothing else is said.
const TASKS: u32 = 20_000;
const WORKERS: usize = 2;
/// Cores that each worker says it has: a task that does nothing takes one.
const CORES: [u32; 2] = [4, 256];

fn main() -> Result<()> {
    let given = std::env::args().find_map(|argument| argument.parse().ok());
    let tasks: u32 = given.unwrap_or(TASKS);
    let runtime = tokio::runtime::Runtime::new()?;
    CORES
        .into_iter()
        .try_for_each(|cores| runtime.block_on(measure(tasks, cores)))
}

async fn measure(tasks: u32, cores: u32) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut command = Command::new(spindle());
    command.args(["controller", "--insecure", "--listen", "127.0.0.1:0"]);
    command.args(["--state", &path("state"), "--objects", &path("objects")]);
    let mut controller = Process::start("controller", &mut command)?;
    let line = controller.wait_for_line("listening on ")?;
    let address = line.rsplit(' ').next().context("no address")?.to_owned();
    let mut workers = Vec::new();
    for index in 0..WORKERS {
        let mut command = Command::new(spindle());
        command.args(["worker", "--insecure", "--controller", &address]);
        command.args(["--cores", &cores.to_string(), "--memory", "64G"]);
        command.args(["--scratch", &path(&format!("scratch-{index}"))]);
        let mut worker = Process::start("worker", &mut command)?;
        worker.wait_for_line("attached")?;
        workers.push(worker);
    }
    let mut client = GenomicsClient::connect(address).await?;
    let started = Instant::now();
    complete(&mut client, tasks).await?;
    let seconds = started.elapsed().as_secs_f64();
    let result = serde_json::json!({
        "measure": "dispatch",
        "workers": WORKERS,
        "cores": cores,
        "tasks": tasks,
        "seconds": seconds,
        "tasks_per_second": f64::from(tasks) / seconds,
    });
    println!("{result}");
    Ok(())
}

/// Submits a workflow of tasks that do nothing, and waits for its end.
async fn complete(client: &mut GenomicsClient<Channel>, tasks: u32) -> Result<()> {
    let spec = v1::WorkflowSpec {
        priority: 0,
        description: String::new(),
        work: Some(Work::Probe(v1::Probe { tasks })),
        no_cache: false,
    };
    let request = v1::SubmitBatchRequest {
        idempotency_token: "dispatch".to_owned(),
        workflows: vec![spec],
    };
    let accepted = client.submit_batch(request).await?.into_inner();
    let mut ids = accepted.workflow_ids.into_iter();
    let workflow_id = ids.next().context("no workflow")?;
    let request = v1::WatchWorkflowRequest { workflow_id };
    let mut changes = client.watch_workflow(request).await?.into_inner();
    let mut last = v1::WorkflowState::Unspecified;
    while let Some(seen) = changes.message().await? {
        last = seen.state();
    }
    if last != v1::WorkflowState::Succeeded {
        bail!("it ended {}", last.as_str_name());
    }
    Ok(())
}
