//! Durable no-op tasks a second over gRPC with two workers, and how long a submission takes.
//!
//! `cargo bench -p controller --bench dispatch -- [TASKS]` prints one JSON object.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use controller::{Bound, Config, Listen};
use proto::v1::genomics_client::GenomicsClient;
use proto::v1::{self, workflow_spec::Work};
use proto::worker::v1 as wire;
use proto::worker::v1::workers_client::WorkersClient;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use wire::attach_request::Message as Said;
use wire::attach_response::Message as Heard;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Tasks by default, and submissions that are timed.
const TASKS: u32 = 50_000;
const SUBMISSIONS: u32 = 500;
/// Attempts that each of the two workers takes at the same time.
const CORES: u32 = 256;
const WORKERS: u32 = 2;

fn main() -> Result<(), Failure> {
    let given = std::env::args().find_map(|argument| argument.parse().ok());
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(measure(given.unwrap_or(TASKS)))
}

async fn measure(tasks: u32) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let mut config = Config::under(folder.path());
    config.listen.push(Listen::Tcp {
        address: "127.0.0.1:0".parse()?,
        insecure: true,
    });
    let (ready, bound) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async {
        let _ = stopped.await;
    };
    let controller = tokio::spawn(controller::run(config, ready, shutdown));
    let bound = bound.await?.bound.remove(0);
    let Bound::Tcp(address) = bound else {
        return Err("no port".into());
    };
    let channel = Endpoint::from_shared(format!("http://{address}"))?
        .connect()
        .await?;
    let submissions = submissions(&channel).await?;
    for number in 0..WORKERS {
        tokio::spawn(work(address.to_string(), number));
    }
    let started = Instant::now();
    let workflow = submit(&channel, "dispatch", tasks).await?;
    finish(&channel, workflow).await?;
    let seconds = started.elapsed().as_secs_f64();
    let result = serde_json::json!({
        "tasks": tasks,
        "workers": WORKERS,
        "seconds": seconds,
        "tasks_per_second": f64::from(tasks) / seconds,
        "submit_p50_ms": quantile(&submissions, 50),
        "submit_p99_ms": quantile(&submissions, 99),
    });
    println!("{result}");
    let _ = stop.send(());
    controller.await??;
    Ok(())
}

/// Returns the times of submissions, sorted. No worker is there, so that nothing else goes on.
async fn submissions(channel: &Channel) -> Result<Vec<Duration>, Failure> {
    let mut times = Vec::new();
    for number in 0..SUBMISSIONS {
        let started = Instant::now();
        let workflow = submit(channel, &format!("submission-{number}"), 1).await?;
        times.push(started.elapsed());
        let request = v1::CancelWorkflowRequest {
            workflow_id: workflow,
        };
        GenomicsClient::new(channel.clone())
            .cancel_workflow(request)
            .await?;
    }
    times.sort();
    Ok(times)
}

fn quantile(times: &[Duration], percent: usize) -> f64 {
    times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0
}

async fn submit(channel: &Channel, token: &str, tasks: u32) -> Result<String, Failure> {
    let spec = v1::WorkflowSpec {
        priority: 0,
        description: String::new(),
        work: Some(Work::Probe(v1::Probe { tasks })),
    };
    let request = v1::SubmitBatchRequest {
        idempotency_token: token.to_owned(),
        workflows: vec![spec],
    };
    let answer = GenomicsClient::new(channel.clone())
        .submit_batch(request)
        .await?;
    let mut ids = answer.into_inner().workflow_ids;
    ids.pop().ok_or_else(|| "no workflow".into())
}

async fn finish(channel: &Channel, workflow: String) -> Result<(), Failure> {
    let request = v1::WatchWorkflowRequest {
        workflow_id: workflow,
    };
    let changes = GenomicsClient::new(channel.clone())
        .watch_workflow(request)
        .await?;
    let mut changes = changes.into_inner();
    let mut last = v1::WorkflowState::Unspecified;
    while let Some(seen) = changes.message().await? {
        last = seen.state();
    }
    match last {
        v1::WorkflowState::Succeeded => Ok(()),
        state => Err(format!("it ended {}", state.as_str_name()).into()),
    }
}

/// A worker that completes each task at once.
async fn work(address: String, number: u32) -> Result<(), Failure> {
    let channel = Endpoint::from_shared(format!("http://{address}"))?
        .connect()
        .await?;
    let (said, messages) = mpsc::channel(CORES as usize);
    let stages = BTreeMap::from([("probe".to_owned(), 1)]);
    let hello = wire::Hello {
        protocol_version: 1,
        worker_id: format!("worker-{number}"),
        cores: CORES,
        memory_bytes: 1 << 30,
        output_versions: stages,
        ..wire::Hello::default()
    };
    said.send(request(Said::Hello(hello))).await?;
    let mut client = WorkersClient::new(channel);
    let mut heard = client
        .attach(ReceiverStream::new(messages))
        .await?
        .into_inner();
    while let Some(response) = heard.message().await? {
        if let Some(Heard::Assignment(assignment)) = response.message {
            let result = wire::Result {
                attempt: assignment.attempt,
                epoch: assignment.epoch,
                counters: None,
                outcome: Some(wire::result::Outcome::Nothing(wire::Nothing {})),
            };
            said.send(request(Said::Result(result))).await?;
        }
    }
    Ok(())
}

fn request(message: Said) -> wire::AttachRequest {
    wire::AttachRequest {
        message: Some(message),
    }
}
