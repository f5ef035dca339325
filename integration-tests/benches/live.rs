//! What a `spindle controller` takes while it waits, and how it bears many live tasks.
//! `cargo bench -p integration-tests --bench live -- [TASKS]` prints a line of JSON for each measure:
//!
//! - `idle`: resident memory, and its share of a core over half a minute, with a worker attached;
//! - `restart`: TASKS attempts are live on one worker, the controller is killed with signal 9 and
//!   started again: milliseconds until it listens (every workflow goes on), and until the worker is
//!   welcome again with all that it holds;
//! - `cancel`: milliseconds until the wish to stop that workflow is acknowledged, which is durable
//!   then, and until the worker was told to end every attempt.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use integration_tests::process::{Process, spindle};
use proto::v1::genomics_client::GenomicsClient;
use proto::v1::{self, workflow_spec::Work};
use proto::worker::v1 as wire;
use proto::worker::v1::workers_client::WorkersClient;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;
use wire::attach_request::Message as Said;
use wire::attach_response::Message as Heard;

/// Live tasks, if nothing else is said.
const TASKS: u32 = 100_000;
/// How long an idle controller is watched.
const WATCHED: Duration = Duration::from_secs(30);
/// Ticks of a second in `/proc`.
const TICKS: f64 = 100.0;

fn main() -> Result<()> {
    let given = std::env::args().find_map(|argument| argument.parse().ok());
    let tasks: u32 = given.unwrap_or(TASKS);
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(idle())?;
    runtime.block_on(live(tasks))
}

async fn idle() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (controller, address) = controller(folder.path(), "127.0.0.1:0")?;
    let _worker = Worker::attach(&address, 4, Vec::new()).await?;
    let begun = cpu_seconds(controller.pid())?;
    tokio::time::sleep(WATCHED).await;
    let used = cpu_seconds(controller.pid())? - begun;
    let result = serde_json::json!({
        "measure": "idle",
        "resident_mb": resident_mb(controller.pid())?,
        "cpu_percent": 100.0 * used / WATCHED.as_secs_f64(),
    });
    println!("{result}");
    Ok(())
}

async fn live(tasks: u32) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (mut first, address) = controller(folder.path(), "127.0.0.1:0")?;
    let mut worker = Worker::attach(&address, tasks, Vec::new()).await?;
    let workflow = submit(&address, tasks).await?;
    let mut holding = Vec::new();
    while holding.len() < tasks as usize {
        if let Heard::Assignment(assignment) = worker.hear().await? {
            holding.extend(assignment.attempt);
        }
    }
    let resident = resident_mb(first.pid())?;
    first.kill_hard()?;
    drop(worker);
    let port = address.trim_start_matches("http://").to_owned();
    let begun = Instant::now();
    let (second, _) = controller(folder.path(), &port)?;
    let listens = begun.elapsed();
    let mut worker = Worker::attach(&address, tasks, holding).await?;
    let result = serde_json::json!({
        "measure": "restart",
        "tasks": tasks,
        "listens_ms": listens.as_millis(),
        "welcome_ms": begun.elapsed().as_millis(),
        "resident_mb_before": resident,
        "resident_mb": resident_mb(second.pid())?,
    });
    println!("{result}");
    let mut client = GenomicsClient::connect(address).await?;
    // It answers when it has taken in what the worker holds.
    let request = v1::GetWorkflowRequest {
        workflow_id: workflow.clone(),
    };
    client.get_workflow(request).await?;
    let request = v1::CancelWorkflowRequest {
        workflow_id: workflow,
    };
    let begun = Instant::now();
    client.cancel_workflow(request).await?;
    let acknowledged = begun.elapsed();
    let mut told = 0;
    while told < tasks {
        told += u32::from(matches!(worker.hear().await?, Heard::Cancel(_)));
    }
    let result = serde_json::json!({
        "measure": "cancel",
        "tasks": tasks,
        "acknowledged_ms": acknowledged.as_secs_f64() * 1e3,
        "all_told_ms": begun.elapsed().as_millis(),
    });
    println!("{result}");
    Ok(())
}

/// Starts a controller over a folder; returns when it listens.
fn controller(folder: &Path, listen: &str) -> Result<(Process, String)> {
    let path = |name: &str| folder.join(name).display().to_string();
    let mut command = Command::new(spindle());
    command.args(["controller", "--insecure", "--listen", listen]);
    command.args(["--state", &path("state"), "--objects", &path("objects")]);
    command.args(["--lease", "60s", "--metrics", "0"]);
    let mut controller = Process::start("controller", &mut command)?;
    let line = controller.wait_for_line("listening on ")?;
    let address = line.rsplit(' ').next().context("no address")?;
    Ok((controller, address.to_owned()))
}

async fn submit(address: &str, tasks: u32) -> Result<String> {
    let spec = v1::WorkflowSpec {
        work: Some(Work::Probe(v1::Probe { tasks })),
        no_cache: false,
        ..v1::WorkflowSpec::default()
    };
    let request = v1::SubmitBatchRequest {
        idempotency_token: "live".to_owned(),
        workflows: vec![spec],
    };
    let mut client = GenomicsClient::connect(address.to_owned()).await?;
    let accepted = client.submit_batch(request).await?.into_inner();
    accepted
        .workflow_ids
        .into_iter()
        .next()
        .context("no workflow")
}

/// A worker that holds what it is given.
struct Worker {
    _said: UnboundedSender<wire::AttachRequest>,
    heard: tonic::Streaming<wire::AttachResponse>,
}

impl Worker {
    /// Attaches, and waits until it is welcome.
    async fn attach(address: &str, cores: u32, holding: Vec<wire::AttemptId>) -> Result<Self> {
        let (said, messages) = unbounded_channel();
        let hello = wire::Hello {
            protocol_version: 1,
            worker_id: "worker".to_owned(),
            cores,
            memory_bytes: 1 << 50,
            holding,
            output_versions: BTreeMap::from([("probe".to_owned(), 1)])
                .into_iter()
                .collect(),
            ..wire::Hello::default()
        };
        let message = Some(Said::Hello(hello));
        said.send(wire::AttachRequest { message })?;
        let mut client = WorkersClient::connect(address.to_owned()).await?;
        let heard = client
            .attach(UnboundedReceiverStream::new(messages))
            .await?;
        let mut worker = Self {
            _said: said,
            heard: heard.into_inner(),
        };
        match worker.hear().await? {
            Heard::Welcome(_) => Ok(worker),
            other => bail!("{other:?} is no welcome"),
        }
    }

    async fn hear(&mut self) -> Result<Heard> {
        let response = self.heard.message().await?.context("the stream ended")?;
        response.message.context("a message without content")
    }
}

fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("no name")?;
    let ticks = fields.split_ascii_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(ticks as f64 / TICKS)
}

fn resident_mb(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<f64>().ok());
    Ok(kib.context("no resident memory")? * 1024.0 / 1e6)
}
