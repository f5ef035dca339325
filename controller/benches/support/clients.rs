//! Controllers in processes of their own, and workers that complete each task at once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use controller::{Bound, Cluster, Config, Listen};
use proto::v1::genomics_client::GenomicsClient;
use proto::v1::{self, workflow_spec::Work};
use proto::worker::v1 as wire;
use proto::worker::v1::workers_client::WorkersClient;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
pub use wire::attach_request::Message as Said;
pub use wire::attach_response::Message as Heard;

/// What ends a bench.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The first argument of a controller's process; state and lease follow.
const SERVE: &str = "--serve";

/// Where a controller keeps its state.
#[derive(Debug, Clone)]
pub struct State {
    /// Folder of the objects, and of the state unless there is an etcd.
    pub folder: PathBuf,
    /// Name of the etcd cluster.
    pub etcd: Option<String>,
    /// Of the leader.
    pub lease: Duration,
}

impl State {
    /// Makes the configuration of a controller on a free port.
    pub fn config(&self) -> Result<Config, Failure> {
        let mut config = Config::under(&self.folder);
        config.listen.push(Listen::Tcp {
            address: "127.0.0.1:0".parse()?,
            insecure: true,
        });
        if let Some(etcd) = &self.etcd {
            config.cluster = Some(Cluster {
                etcd: etcd.parse()?,
                lease: self.lease,
                advertise: None,
            });
        }
        Ok(config)
    }
}

/// Runs a controller for ever if this process was started to be one.
pub async fn serve_if_told() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [serve, folder, etcd, lease] = &arguments[..] else {
        return Ok(());
    };
    if serve != SERVE {
        return Ok(());
    }
    let state = State {
        folder: Path::new(folder).to_owned(),
        etcd: Some(etcd.clone()).filter(|etcd| !etcd.is_empty()),
        lease: Duration::from_secs(lease.parse()?),
    };
    let (ready, bound) = oneshot::channel();
    let running = controller::run(state.config()?, ready, std::future::pending());
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

/// A controller in a process of its own, which runs this same bench.
pub struct Served {
    child: Child,
    /// Where it listens.
    pub address: String,
}

impl Served {
    /// Starts it over a state.
    pub fn start(state: &State) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(SERVE).arg(&state.folder);
        command.args([state.etcd.as_deref().unwrap_or_default()]);
        command.arg(state.lease.as_secs().to_string());
        command.stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let told = child.stdout.take().ok_or("no output")?;
        let mut address = String::new();
        BufReader::new(told).read_line(&mut address)?;
        let address = address.trim().to_owned();
        Ok(Self { child, address })
    }

    /// Ends it with signal 9.
    pub fn kill(mut self) -> Result<(), Failure> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

/// Connects to a controller.
pub async fn connect(address: &str) -> Result<Channel, Failure> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
    Ok(endpoint.connect().await?)
}

/// Submits tasks that do nothing, and returns the workflow.
pub async fn submit(channel: &Channel, token: &str, tasks: u32) -> Result<String, Failure> {
    let spec = v1::WorkflowSpec {
        priority: 0,
        description: String::new(),
        work: Some(Work::Probe(v1::Probe { tasks })),
        no_cache: false,
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

/// Waits until a workflow has succeeded.
pub async fn finish(channel: &Channel, workflow: String) -> Result<(), Failure> {
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
pub struct Worker {
    said: mpsc::Sender<wire::AttachRequest>,
    heard: tonic::Streaming<wire::AttachResponse>,
    /// Tasks whose completion the controller answered for.
    pub acknowledged: BTreeSet<u32>,
}

impl Worker {
    /// Attaches a worker that holds nothing.
    pub async fn attach(address: &str, number: u32, slots: u32) -> Result<Self, Failure> {
        Self::holding(address, (number, slots), Vec::new()).await
    }

    /// Attaches a worker that holds attempts.
    pub async fn holding(
        address: &str,
        (number, slots): (u32, u32),
        holding: Vec<wire::AttemptId>,
    ) -> Result<Self, Failure> {
        let (said, messages) = mpsc::channel(slots as usize);
        let hello = wire::Hello {
            protocol_version: 1,
            worker_id: format!("worker-{number}"),
            cores: slots,
            memory_bytes: 1 << 30,
            holding,
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

    /// Works until the stream ends.
    pub async fn work(mut self) {
        while self.step().await.is_ok() {}
    }

    /// Returns the next message.
    pub async fn hear(&mut self) -> Result<Option<Heard>, Failure> {
        let response = self.heard.message().await?.ok_or("the stream ended")?;
        Ok(response.message)
    }

    /// Completes an attempt.
    pub async fn complete(&self, assignment: wire::Assignment) -> Result<(), Failure> {
        let result = wire::Result {
            attempt: assignment.attempt,
            epoch: assignment.epoch,
            counters: None,
            outcome: Some(wire::result::Outcome::Nothing(wire::Nothing {})),
        };
        Ok(self.said.send(request(Said::Result(result))).await?)
    }

    /// Answers the next message.
    pub async fn step(&mut self) -> Result<(), Failure> {
        match self.hear().await? {
            Some(Heard::Assignment(assignment)) => self.complete(assignment).await?,
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
