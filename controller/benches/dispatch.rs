//! What the control plane takes and keeps, over gRPC and a durable store, with workers that do
//! nothing. `cargo bench -p controller --bench dispatch -- [TASKS]` prints a line of JSON for each
//! measure:
//!
//! - `submit`: `p50_ms` and `p99_ms` of durable submissions, one after the other, in an idle service;
//! - `dispatch`: `tasks_per_second` from submission to the end of a workflow, once for two workers
//!   of 256 slots and once for two of 4;
//! - `kill`: the controller is a process that is killed with signal 9 in the middle. `acknowledged`
//!   completions were counted by the worker before; `present` are in the state when the controller is
//!   back (more, where an answer was on its way); `repeated` of those acknowledged ran again;
//!   `back_ms` from the new start to the first answer. Fewer present than acknowledged, or one
//!   repeated, fails the run.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
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

/// Tasks with many slots by default; a quarter of them with few, and in the run that is killed.
const TASKS: u32 = 20_000;
/// Submissions that are timed.
const SUBMISSIONS: u32 = 500;
const WORKERS: u32 = 2;
const MANY_SLOTS: u32 = 256;
const FEW_SLOTS: u32 = 4;

/// The first argument of the process that is killed; the second is its folder.
const SERVE: &str = "--serve";

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Runtime::new()?;
    if let [serve, folder] = &arguments[..]
        && serve == SERVE
    {
        return runtime.block_on(serve_for_ever(Path::new(folder)));
    }
    let given = arguments.iter().find_map(|argument| argument.parse().ok());
    let tasks: u32 = given.unwrap_or(TASKS);
    runtime.block_on(async {
        measure_dispatch(tasks, MANY_SLOTS, true).await?;
        measure_dispatch(tasks / 4, FEW_SLOTS, false).await?;
        measure_kill(tasks / 4).await
    })
}

fn config(folder: &Path) -> Result<Config, Failure> {
    let mut config = Config::under(folder);
    config.listen.push(Listen::Tcp {
        address: "127.0.0.1:0".parse()?,
        insecure: true,
    });
    Ok(config)
}

/// Measures submissions, if asked for, and the way of one workflow.
async fn measure_dispatch(tasks: u32, slots: u32, with_submissions: bool) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let (ready, bound) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async {
        let _ = stopped.await;
    };
    let controller = tokio::spawn(controller::run(config(folder.path())?, ready, shutdown));
    let Bound::Tcp(address) = bound.await?.bound.remove(0) else {
        return Err("no port".into());
    };
    let channel = connect(&address.to_string()).await?;
    if with_submissions {
        measure_submissions(&channel).await?;
    }
    for number in 0..WORKERS {
        let worker = Worker::attach(&address.to_string(), number, slots).await?;
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
async fn measure_kill(tasks: u32) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let first = Served::start(folder.path())?;
    let channel = connect(&first.address).await?;
    let workflow = submit(&channel, "kill", tasks).await?;
    let mut worker = Worker::attach(&first.address, 0, MANY_SLOTS).await?;
    while worker.acknowledged.len() < tasks as usize / 3 {
        worker.step().await?;
    }
    first.kill()?;
    // What was on its way when the controller died was acknowledged, too.
    while worker.step().await.is_ok() {}
    let acknowledged = worker.acknowledged;

    let started = Instant::now();
    let second = Served::start(folder.path())?;
    let channel = connect(&second.address).await?;
    let request = v1::GetWorkflowRequest {
        workflow_id: workflow.clone(),
    };
    let mut client = GenomicsClient::new(channel.clone());
    let seen = client.get_workflow(request).await?.into_inner();
    let back_ms = started.elapsed().as_secs_f64() * 1e3;
    let present: u32 = seen.stages.iter().map(|stage| stage.done).sum();
    let mut worker = Worker::attach(&second.address, 0, MANY_SLOTS).await?;
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

/// Runs a controller that tells its address, until it is killed.
async fn serve_for_ever(folder: &Path) -> Result<(), Failure> {
    let (ready, bound) = oneshot::channel();
    let running = controller::run(config(folder)?, ready, std::future::pending());
    let told = async {
        if let Ok(ready) = bound.await
            && let Some(Bound::Tcp(address)) = ready.bound.first()
        {
            println!("{address}");
        }
    };
    let (ended, ()) = tokio::join!(running, told);
    Ok(ended?)
}

/// A controller in a process of its own.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn start(folder: &Path) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(SERVE).arg(folder).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let told = child.stdout.take().ok_or("no output")?;
        let mut address = String::new();
        BufReader::new(told).read_line(&mut address)?;
        let address = address.trim().to_owned();
        Ok(Self { child, address })
    }

    /// Ends it with signal 9.
    fn kill(mut self) -> Result<(), Failure> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

async fn connect(address: &str) -> Result<Channel, Failure> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
    Ok(endpoint.connect().await?)
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
struct Worker {
    said: mpsc::Sender<wire::AttachRequest>,
    heard: tonic::Streaming<wire::AttachResponse>,
    /// Tasks whose completion the controller answered for.
    acknowledged: BTreeSet<u32>,
}

impl Worker {
    async fn attach(address: &str, number: u32, slots: u32) -> Result<Self, Failure> {
        let (said, messages) = mpsc::channel(slots as usize);
        let hello = wire::Hello {
            protocol_version: 1,
            worker_id: format!("worker-{number}"),
            cores: slots,
            memory_bytes: 1 << 30,
            output_versions: BTreeMap::from([("probe".to_owned(), 1)]),
            ..wire::Hello::default()
        };
        said.send(request(Said::Hello(hello))).await?;
        let mut client = WorkersClient::new(connect(address).await?);
        let heard = client.attach(ReceiverStream::new(messages)).await?;
        Ok(Self {
            said,
            heard: heard.into_inner(),
            acknowledged: BTreeSet::new(),
        })
    }

    async fn work(mut self) {
        while self.step().await.is_ok() {}
    }

    /// Answers the next message.
    async fn step(&mut self) -> Result<(), Failure> {
        let response = self.heard.message().await?.ok_or("the stream ended")?;
        match response.message {
            Some(Heard::Assignment(assignment)) => {
                let result = wire::Result {
                    attempt: assignment.attempt,
                    epoch: assignment.epoch,
                    counters: None,
                    outcome: Some(wire::result::Outcome::Nothing(wire::Nothing {})),
                };
                self.said.send(request(Said::Result(result))).await?;
            }
            Some(Heard::Ack(ack)) if ack.accepted => {
                let task = ack.attempt.and_then(|attempt| attempt.task);
                self.acknowledged.extend(task.map(|task| task.index));
            }
            _ => {}
        }
        Ok(())
    }
}

fn request(message: Said) -> wire::AttachRequest {
    wire::AttachRequest {
        message: Some(message),
    }
}
