//! The agent against a controller of a few lines.

use std::pin::Pin;
use std::sync::Arc;

use common::ids::{AttemptNumber, Epoch, WorkflowId};
use common::location::Location;
use common::s3_login::S3Access;
use common::task::{Detail, SplitCursor, TaskId};
use common::wire::status;
use common::workflow::{GenomeSpec, Lane, LaneReads, Outputs};
use futures::stream::{Stream, StreamExt};
use genome::read_group::ReadGroup;
use object_store::Local;
use proto::worker::v1::workers_server::{Workers, WorkersServer};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, oneshot};
use tokio_stream::wrappers::{TcpListenerStream, UnboundedReceiverStream};
use tonic::transport::Server;
use tonic::{Code, Request, Response, Status, Streaming};

use super::*;
use crate::config::Controller;

type Outbound = mpsc::UnboundedSender<Result<wire::AttachResponse, Status>>;

/// One attachment, seen from the controller.
struct Seen {
    hello: wire::Hello,
    inbound: Streaming<wire::AttachRequest>,
    outbound: Outbound,
}

impl Seen {
    fn send(&self, message: Hear) {
        let _gone = self.outbound.send(Ok(wire::AttachResponse {
            message: Some(message),
        }));
    }

    /// Waits for the next message that is neither progress nor credits.
    async fn next(&mut self) -> Say {
        loop {
            let message = self
                .inbound
                .message()
                .await
                .unwrap()
                .unwrap()
                .message
                .unwrap();
            if !matches!(message, Say::Progress(_) | Say::Credits(_)) {
                return message;
            }
        }
    }

    async fn report(&mut self) -> Report {
        match self.next().await {
            Say::Result(result) => Report::try_from(result).unwrap(),
            other => panic!("no result: {other:?}"),
        }
    }

    fn ack(&self, attempt: &AttemptId) {
        let attempt = Some(attempt.into());
        self.send(Hear::Ack(wire::Ack {
            attempt,
            accepted: true,
        }));
    }
}

struct Fake {
    attached: mpsc::UnboundedSender<Seen>,
    beats: mpsc::UnboundedSender<String>,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl Workers for Fake {
    type AttachStream = Answers<wire::AttachResponse>;
    type HeartbeatStream = Answers<wire::HeartbeatResponse>;

    async fn attach(
        &self,
        request: Request<Streaming<wire::AttachRequest>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let mut inbound = request.into_inner();
        let Some(Say::Hello(hello)) = inbound.message().await?.unwrap().message else {
            return Err(Status::invalid_argument("no hello"));
        };
        if hello.memory_bytes == 13 {
            return Err(status::refusal(
                Code::FailedPrecondition,
                "X",
                "unlucky",
                None,
            ));
        }
        let (outbound, answers) = mpsc::unbounded_channel();
        let _test_is_over = self.attached.send(Seen {
            hello,
            inbound,
            outbound,
        });
        Ok(Response::new(UnboundedReceiverStream::new(answers).boxed()))
    }

    async fn heartbeat(
        &self,
        request: Request<Streaming<wire::HeartbeatRequest>>,
    ) -> Result<Response<Self::HeartbeatStream>, Status> {
        let beats = self.beats.clone();
        let answers = request.into_inner().map(move |beat| {
            let _test_is_over = beats.send(beat?.worker_id);
            Ok(wire::HeartbeatResponse { epoch: 1 })
        });
        Ok(Response::new(answers.boxed()))
    }
}

struct Cluster {
    folder: tempfile::TempDir,
    attached: Mutex<mpsc::UnboundedReceiver<Seen>>,
    beats: Mutex<mpsc::UnboundedReceiver<String>>,
    stop: Option<oneshot::Sender<()>>,
    worker: tokio::task::JoinHandle<Result<(), Error>>,
}

impl Cluster {
    async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Local::open(&folder.path().join("objects")).unwrap();
        std::fs::write(folder.path().join("objects/.nonce"), "n").unwrap();
        let (attached, attachments) = mpsc::unbounded_channel();
        let (beats, heard) = mpsc::unbounded_channel();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder().add_service(WorkersServer::new(Fake { attached, beats }));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        let scratch = folder.path().join("scratch");
        let mut config = Config::new(Controller::Address(address), scratch, 2, 1 << 30);
        config.roots.insert("d".into(), folder.path().into());
        config.roots_are_proven = true;
        change(&mut config);
        let (stop, stopped) = oneshot::channel();
        let worker = tokio::spawn(run_until(config, async move {
            let _dropped = stopped.await;
        }));
        Self {
            folder,
            attached: Mutex::new(attachments),
            beats: Mutex::new(heard),
            stop: Some(stop),
            worker,
        }
    }

    /// Waits for the worker to attach, and welcomes it.
    async fn welcome(&self, epoch: u64) -> Seen {
        let seen = self.attached.lock().await.recv().await.unwrap();
        seen.send(Hear::Welcome(wire::Welcome {
            epoch,
            lease_ms: 1_000,
            objects_directory: self
                .folder
                .path()
                .join("objects")
                .to_string_lossy()
                .into_owned(),
            objects_nonce_file: ".nonce".into(),
            objects_nonce: "n".into(),
            objects_url: String::new(),
            objects_checksums: false,
        }));
        seen
    }

    async fn end(mut self) -> Result<(), Error> {
        drop(self.stop.take());
        self.worker.await.unwrap()
    }
}

fn assignment(stage: Stage, number: u32, epoch: u64) -> Assignment {
    let task = TaskId {
        workflow: WorkflowId::new("w"),
        stage,
        index: 0,
    };
    Assignment {
        attempt: AttemptId {
            task,
            number: AttemptNumber(number),
        },
        epoch: Epoch(epoch),
        resources: Resources {
            cores: 1,
            memory_bytes: 1 << 20,
        },
        output_prefix: format!("w/{stage}/0/{number}"),
        genome: None,
        inputs: [].into(),
        upstream: Vec::new(),
        detail: Detail::None,
        trace: None,
    }
}

/// A lane of two reads, each of which fills a read batch.
fn split(folder: &std::path::Path) -> Assignment {
    let fastq: String = (0..4)
        .map(|i| format!("@r{i}\n{}\n+\n{0}\n", "A".repeat(600)))
        .collect();
    std::fs::write(folder.join("reads.fq"), fastq).unwrap();
    let at = |text: &str| text.parse::<Location>().unwrap();
    let lane = Lane {
        read_group: ReadGroup::new("a", "S", "S", "a"),
        reads: LaneReads::SingleEnd(at("root:d/reads.fq")),
    };
    let genome = GenomeSpec {
        sample: "S".into(),
        lanes: vec![lane],
        reference: at("root:d/ref.fa"),
        known_sites: Vec::new(),
        outputs: Outputs {
            bam: true,
            vcf: false,
            gvcf: false,
        },
        intervals: Vec::new(),
        interval_padding_bp: 0,
        output_prefix: None,
        overwrite: false,
        recalibrated_qualities: false,
        read_batch_bp: 1_000,
        partition_bp: 1_000,
        s3: S3Access::Own,
    };
    Assignment {
        genome: Some(Arc::new(genome)),
        detail: Detail::Split(SplitCursor::default()),
        ..assignment(Stage::Split, 1, 1)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_is_answered_at_once_and_beats_arrive() {
    let cluster = Cluster::start(|_| {}).await;
    let mut seen = cluster.welcome(1).await;
    assert_eq!(seen.hello.cores, 2);
    let beat = cluster.beats.lock().await.recv().await.unwrap();
    assert_eq!(beat, seen.hello.worker_id);
    let probe = assignment(Stage::Probe, 1, 1);
    seen.send(Hear::Assignment((&probe).into()));
    let report = seen.report().await;
    assert_eq!(report.attempt, probe.attempt);
    assert_eq!(report.outcome, Outcome::Completed(None));
    seen.ack(&report.attempt);
    cluster.end().await.unwrap();
    assert!(matches!(seen.next().await, Say::Drained(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn read_batches_and_reports_are_sent_again_until_acknowledged() {
    let cluster = Cluster::start(|_| {}).await;
    let mut seen = cluster.welcome(1).await;
    let task = split(cluster.folder.path());
    seen.send(Hear::Assignment((&task).into()));
    let Say::ReadBatch(first) = seen.next().await else {
        panic!("no read batch")
    };
    drop(seen);
    let mut seen = cluster.welcome(2).await;
    assert_eq!(seen.hello.holding, [(&task.attempt).into()]);
    let Say::ReadBatch(again) = seen.next().await else {
        panic!("no read batch")
    };
    assert_eq!(again, first);
    for index in 0..2 {
        let attempt = Some((&task.attempt).into());
        seen.send(Hear::ReadBatchAck(wire::ReadBatchAck {
            attempt,
            index,
            accepted: true,
        }));
        if index == 0 {
            assert!(matches!(seen.next().await, Say::ReadBatch(_)));
        }
    }
    let report = seen.report().await;
    drop(seen);
    let mut seen = cluster.welcome(2).await;
    assert_eq!(seen.report().await, report);
    let Outcome::Completed(Some(manifest)) = &report.outcome else {
        panic!("{report:?}")
    };
    assert_eq!(report.counters.bases, 2_400);
    let bytes = std::fs::read(cluster.folder.path().join("objects").join(&manifest.key)).unwrap();
    assert!(common::task::Manifest::decode(&bytes).is_ok());
    seen.ack(&report.attempt);
    cluster.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_finish_is_handed_back_when_the_worker_ends() {
    let cluster = Cluster::start(|config| config.drain_grace = Duration::ZERO).await;
    let mut seen = cluster.welcome(1).await;
    let task = split(cluster.folder.path());
    seen.send(Hear::Assignment((&task).into()));
    assert!(matches!(seen.next().await, Say::ReadBatch(_)));
    let acks = seen.outbound.clone();
    let ended = tokio::spawn(cluster.end());
    assert!(matches!(seen.next().await, Say::Drained(_)));
    let report = seen.report().await;
    assert_eq!(report.outcome, Outcome::HandedBack);
    let attempt = Some((&task.attempt).into());
    let ack = Hear::Ack(wire::Ack {
        attempt,
        accepted: true,
    });
    acks.send(Ok(wire::AttachResponse { message: Some(ack) }))
        .unwrap();
    drop(acks);
    drop(seen);
    ended.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_leader_is_left_and_a_refusal_ends_the_worker() {
    let cluster = Cluster::start(|_| {}).await;
    drop(cluster.welcome(5).await);
    let stale = cluster.welcome(4).await;
    let mut seen = cluster.welcome(5).await;
    drop(stale);
    seen.send(Hear::Assignment((&assignment(Stage::Probe, 1, 4)).into()));
    seen.send(Hear::Assignment((&assignment(Stage::Probe, 2, 5)).into()));
    let report = seen.report().await;
    assert_eq!(
        report.attempt.number,
        AttemptNumber(2),
        "the stale assignment is not run"
    );
    seen.ack(&report.attempt);
    cluster.end().await.unwrap();
    let refused = Cluster::start(|config| config.memory_bytes = 13).await;
    assert!(matches!(
        refused.worker.await.unwrap(),
        Err(Error::Refused(_))
    ));
}
