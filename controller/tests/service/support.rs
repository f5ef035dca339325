//! A controller on a free port, clients of it, and a worker that does what the test says.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use controller::{Bound, Config, Error, Listen, Ready};
use proto::v1;
use proto::v1::admin_client::AdminClient;
use proto::v1::genomics_client::GenomicsClient;
use proto::worker::v1 as wire;
use proto::worker::v1::workers_client::WorkersClient;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};
use wire::attach_request::Message as Said;
use wire::attach_response::Message as Heard;

/// Within this time everything in a test happens.
const DEADLINE: Duration = Duration::from_secs(30);

/// Waits, but not for ever.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(DEADLINE, future).await;
    done.unwrap_or_else(|_| panic!("{what}: not within {DEADLINE:?}"))
}

/// A running controller.
pub struct Controller {
    pub ready: Ready,
    channel: Channel,
    task: JoinHandle<Result<(), Error>>,
    stop: oneshot::Sender<()>,
}

/// The configuration of a controller in a folder, on a free port.
pub fn config(folder: &Path) -> Config {
    let mut config = Config::under(folder.join("controller"));
    config.listen.push(Listen::Tcp {
        address: "127.0.0.1:0".parse().unwrap(),
        insecure: true,
    });
    config
}

impl Controller {
    pub async fn start(folder: &Path) -> Self {
        Self::with(config(folder)).await
    }

    /// Starts a controller; waits while one that was killed still holds the lock.
    pub async fn with(config: Config) -> Self {
        within("start", async {
            loop {
                match Self::try_start(config.clone()).await {
                    Ok(started) => return started,
                    Err(Error::Locked { .. }) => tokio::task::yield_now().await,
                    Err(error) => panic!("{error:?}"),
                }
            }
        })
        .await
    }

    async fn try_start(config: Config) -> Result<Self, Error> {
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, ready) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let task = tokio::spawn(controller::run(config, tell, shutdown));
        let Ok(ready) = ready.await else {
            return Err(task.await.unwrap().unwrap_err());
        };
        let channel = connect(&ready.bound[0]).await;
        Ok(Self {
            ready,
            channel,
            task,
            stop,
        })
    }

    /// Ends it as a crash does: nothing is tidied up.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// Returns why it ended by itself.
    pub async fn failed(self) -> Error {
        within("end", self.task).await.unwrap().unwrap_err()
    }

    /// Ends it in order.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        within("stop", self.task).await.unwrap().unwrap();
    }

    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub fn genomics(&self) -> GenomicsClient<Channel> {
        GenomicsClient::new(self.channel())
    }

    pub fn admin(&self) -> AdminClient<Channel> {
        AdminClient::new(self.channel())
    }

    /// Submits one workflow and returns its id.
    pub async fn submit(&self, token: &str, spec: v1::WorkflowSpec) -> String {
        let request = batch(token, vec![spec]);
        let answer = self.genomics().submit_batch(request).await.unwrap();
        answer.into_inner().workflow_ids.remove(0)
    }

    pub async fn get(&self, workflow: &str) -> v1::Workflow {
        let request = v1::GetWorkflowRequest {
            workflow_id: workflow.to_owned(),
        };
        self.genomics()
            .get_workflow(request)
            .await
            .unwrap()
            .into_inner()
    }

    pub async fn watch(&self, workflow: &str) -> Streaming<v1::Workflow> {
        let request = v1::WatchWorkflowRequest {
            workflow_id: workflow.to_owned(),
        };
        self.genomics()
            .watch_workflow(request)
            .await
            .unwrap()
            .into_inner()
    }

    pub async fn cancel(&self, workflow: &str) -> Result<v1::Workflow, tonic::Status> {
        let request = v1::CancelWorkflowRequest {
            workflow_id: workflow.to_owned(),
        };
        let answer = self.genomics().cancel_workflow(request).await;
        answer.map(tonic::Response::into_inner)
    }

    /// Waits until a workflow is as it should be.
    pub async fn until(
        &self,
        workflow: &str,
        reached: impl Fn(&v1::Workflow) -> bool,
    ) -> v1::Workflow {
        within("state", async {
            let mut changes = self.watch(workflow).await;
            let mut last = None;
            while let Some(seen) = changes.message().await.unwrap() {
                if reached(&seen) {
                    return seen;
                }
                last = Some(seen);
            }
            panic!("it ended before: {last:#?}");
        })
        .await
    }

    /// Waits until the workers are as they should be.
    pub async fn until_workers(
        &self,
        reached: impl Fn(&[v1::WorkerStatus]) -> bool,
    ) -> Vec<v1::WorkerStatus> {
        within("workers", async {
            loop {
                let request = v1::ListWorkersRequest {};
                let listed = self.admin().list_workers(request).await.unwrap();
                let workers = listed.into_inner().workers;
                if reached(&workers) {
                    return workers;
                }
            }
        })
        .await
    }

    pub async fn until_state(&self, workflow: &str, state: v1::WorkflowState) -> v1::Workflow {
        self.until(workflow, |seen| seen.state() == state).await
    }
}

pub async fn connect(bound: &Bound) -> Channel {
    let endpoint = match bound {
        Bound::Tcp(address) => format!("http://{address}"),
        Bound::Tls(address) => panic!("{address} needs certificates"),
        Bound::Unix(path) => format!("unix:{}", path.display()),
    };
    let endpoint = Endpoint::from_shared(endpoint).unwrap();
    endpoint.connect().await.unwrap()
}

pub fn batch(token: &str, workflows: Vec<v1::WorkflowSpec>) -> v1::SubmitBatchRequest {
    v1::SubmitBatchRequest {
        idempotency_token: token.to_owned(),
        workflows,
    }
}

pub fn probe(tasks: u32) -> v1::WorkflowSpec {
    v1::WorkflowSpec {
        priority: 0,
        description: String::new(),
        work: Some(v1::workflow_spec::Work::Probe(v1::Probe { tasks })),
        no_cache: false,
    }
}

/// A worker that does what the test says.
pub struct Worker {
    pub id: String,
    pub welcome: wire::Welcome,
    said: mpsc::Sender<wire::AttachRequest>,
    heard: Streaming<wire::AttachResponse>,
    heartbeat: Option<JoinHandle<()>>,
}

impl Worker {
    pub async fn attach(controller: &Controller, id: &str, cores: u32) -> Self {
        Self::holding(controller, id, cores, Vec::new()).await
    }

    pub async fn holding(
        controller: &Controller,
        id: &str,
        cores: u32,
        holding: Vec<wire::AttemptId>,
    ) -> Self {
        let worker = Self::hello(controller, hello(id, cores, holding)).await;
        worker.expect("it is welcome")
    }

    pub async fn hello(controller: &Controller, hello: wire::Hello) -> Result<Self, tonic::Status> {
        let (said, messages) = mpsc::channel(1024);
        let id = hello.worker_id.clone();
        let first = wire::AttachRequest {
            message: Some(Said::Hello(hello)),
        };
        said.send(first).await.unwrap();
        let mut client = WorkersClient::new(controller.channel());
        let mut heard = client
            .attach(ReceiverStream::new(messages))
            .await?
            .into_inner();
        let first = within("welcome", heard.message()).await?.unwrap();
        let Some(Heard::Welcome(welcome)) = first.message else {
            panic!("no welcome: {first:?}");
        };
        Ok(Self {
            id,
            welcome,
            said,
            heard,
            heartbeat: None,
        })
    }

    /// Starts to send heartbeats.
    pub fn alive(mut self, controller: &Controller) -> Self {
        let (beats, stream) = mpsc::channel(1);
        let beat = wire::HeartbeatRequest {
            worker_id: self.id.clone(),
            epoch: self.welcome.epoch,
        };
        let period = Duration::from_millis(self.welcome.lease_ms / 10);
        let mut client = WorkersClient::new(controller.channel());
        self.heartbeat = Some(tokio::spawn(async move {
            let mut ticks = tokio::time::interval(period);
            let answers = client.heartbeat(ReceiverStream::new(stream)).await;
            let mut answers = answers.unwrap().into_inner();
            while beats.send(beat.clone()).await.is_ok() && answers.message().await.is_ok() {
                ticks.tick().await;
            }
        }));
        self
    }

    /// Ends the stream; its heartbeat goes on while the answer is kept.
    pub fn detach(mut self) -> Beating {
        Beating(self.heartbeat.take().expect("it has a heartbeat"))
    }

    /// Returns the next message.
    pub async fn next(&mut self) -> Heard {
        let message = within("message", self.heard.message()).await;
        message.unwrap().unwrap().message.unwrap()
    }

    /// Returns the next assignment; the messages before it are passed over.
    pub async fn assignment(&mut self) -> wire::Assignment {
        loop {
            if let Heard::Assignment(assignment) = self.next().await {
                return assignment;
            }
        }
    }

    /// Returns the next acknowledgement; the messages before it are passed over.
    pub async fn ack(&mut self) -> wire::Ack {
        loop {
            if let Heard::Ack(ack) = self.next().await {
                return ack;
            }
        }
    }

    pub async fn say(&self, message: Said) {
        let request = wire::AttachRequest {
            message: Some(message),
        };
        self.said.send(request).await.unwrap();
    }

    /// Says how an attempt ended.
    pub async fn report(&self, attempt: &wire::AttemptId, outcome: wire::result::Outcome) {
        self.say(Said::Result(wire::Result {
            attempt: Some(attempt.clone()),
            epoch: self.welcome.epoch,
            counters: None,
            outcome: Some(outcome),
        }))
        .await;
    }

    pub async fn complete(&self, attempt: &wire::AttemptId) {
        let nothing = wire::result::Outcome::Nothing(wire::Nothing {});
        self.report(attempt, nothing).await;
    }

    /// Completes every probe task that it gets, until the stream ends.
    pub async fn work(mut self) {
        while let Ok(Some(response)) = self.heard.message().await {
            if let Some(Heard::Assignment(assignment)) = response.message {
                self.complete(&assignment.attempt.unwrap()).await;
            }
        }
    }
}

/// A heartbeat that goes on until this is dropped.
pub struct Beating(JoinHandle<()>);

impl Drop for Beating {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(heartbeat) = &self.heartbeat {
            heartbeat.abort();
        }
    }
}

pub fn hello(id: &str, cores: u32, holding: Vec<wire::AttemptId>) -> wire::Hello {
    let stages = common::task::Stage::ALL.into_iter();
    wire::Hello {
        protocol_version: 1,
        worker_id: id.to_owned(),
        host: "test".to_owned(),
        cores,
        memory_bytes: 64 << 30,
        scratch_bytes: 64 << 30,
        output_versions: stages
            .map(|stage| (stage.name().to_owned(), stage.output_version()))
            .collect(),
        holding,
        roots: std::collections::BTreeMap::new(),
        credits: None,
        references: Vec::new(),
    }
}
