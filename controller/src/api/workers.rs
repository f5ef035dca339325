//! The stream and the heartbeat of a worker.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::ids::{Epoch, WorkerId};
use common::task::{Assignment, AttemptId, Report};
use common::wire::WireError;
use common::wire::status::refusal;
use futures::StreamExt;
use futures::stream::BoxStream;
use proto::worker::v1 as wire;
use proto::worker::v1::workers_server::Workers;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status, Streaming};

use super::{Api, unavailable};
use crate::actors::ANSWER_WITHIN;
use crate::actors::worker::{FromWorker, ToWorker};
use crate::actors::workers::Session;
use crate::actors::workflow::Said;
use crate::duties::Services;
use crate::error::Error;
use crate::nonce;
use crate::objects::Objects;
use crate::sealing::{self, Sealer};
use crate::worker_info::{PROTOCOL_VERSION, WorkerInfo};

/// File in the object folder by which a worker proves that it sees the folder.
const NONCE_FILE: &str = ".spindle-objects";

/// Messages of a worker that are taken together, and batches of them that may wait.
const BATCH: usize = 256;
const BATCHES_WAITING: usize = 4;

/// Messages to a worker that may wait for each of its cores, and for any worker: an assignment, an
/// acknowledgement and a cancellation for each attempt, with room for a burst.
const OUTBOX_PER_CORE: usize = 8;
const OUTBOX: usize = 4096;

/// What workers prove their sight by.
#[derive(Debug)]
pub struct Nonces {
    objects: ObjectsPlace,
    roots: BTreeMap<String, String>,
}

impl Nonces {
    /// Writes the nonce files that are missing.
    pub fn write(services: &Services) -> Result<Self, Error> {
        Ok(Self {
            objects: ObjectsPlace::of(&services.objects)?,
            roots: services.inputs.roots.nonces(),
        })
    }

    /// Checks that a worker which has a root of this name means the same folder.
    fn check(&self, info: &WorkerInfo) -> Result<(), Status> {
        for (name, nonce) in &info.roots {
            if self.roots.get(name) != Some(nonce) {
                let message = format!("root {name} of the worker is not the controller's");
                return Err(refusal(Code::FailedPrecondition, "ROOT", &message, None));
            }
        }
        Ok(())
    }
}

/// Where workers find the objects without asking the controller for each.
#[derive(Debug, Clone)]
enum ObjectsPlace {
    /// In a folder, which they know by its nonce.
    Folder { path: String, nonce: String },
    /// In S3.
    S3 { url: String, checksums: bool },
}

impl ObjectsPlace {
    fn of(objects: &Objects) -> Result<Self, Error> {
        let folder = match objects {
            Objects::Folder(local) => local.root(),
            Objects::S3(store) => {
                return Ok(Self::S3 {
                    url: store.address().to_string(),
                    checksums: store.capabilities().checksums,
                });
            }
        };
        let path = folder.join(NONCE_FILE);
        let nonce = nonce::read_or_make(&path).map_err(Error::file(&path))?;
        Ok(Self::Folder {
            path: folder.to_string_lossy().into_owned(),
            nonce,
        })
    }

    fn welcome(&self, epoch: Epoch, lease: Duration) -> wire::Welcome {
        let welcome = wire::Welcome {
            epoch: epoch.0,
            lease_ms: u64::try_from(lease.as_millis()).unwrap_or(u64::MAX),
            ..wire::Welcome::default()
        };
        match self.clone() {
            Self::Folder { path, nonce } => wire::Welcome {
                objects_directory: path,
                objects_nonce_file: NONCE_FILE.to_owned(),
                objects_nonce: nonce,
                ..welcome
            },
            Self::S3 { url, checksums } => wire::Welcome {
                objects_url: url,
                objects_checksums: checksums,
                ..welcome
            },
        }
    }
}

/// The service.
#[derive(Debug, Clone)]
pub struct Service(pub Api);

#[tonic::async_trait]
impl Workers for Service {
    type AttachStream = BoxStream<'static, Result<wire::AttachResponse, Status>>;
    type HeartbeatStream = BoxStream<'static, Result<wire::HeartbeatResponse, Status>>;

    async fn attach(
        &self,
        request: Request<Streaming<wire::AttachRequest>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let mut inbound = request.into_inner();
        let info = hello(&mut inbound).await?;
        self.0.nonces.check(&info)?;
        let workers = self.0.control()?.workers;
        let capacity = OUTBOX.max(info.resources.cores as usize * OUTBOX_PER_CORE);
        let (outbox, messages) = mpsc::channel(capacity);
        let session = workers.attach(info, outbox).await.map_err(unavailable)?;
        tokio::spawn(pump(inbound, session));
        let nonces = self.0.nonces.clone();
        let sealer = self.0.services.inputs.sealer().cloned();
        let responses = ReceiverStream::new(messages).map(move |message| match message {
            Ok(message) => Ok(to_wire(message, &nonces, sealer.as_ref())),
            Err(error) => Err(Status::from(error)),
        });
        Ok(Response::new(responses.boxed()))
    }

    async fn heartbeat(
        &self,
        request: Request<Streaming<wire::HeartbeatRequest>>,
    ) -> Result<Response<Self::HeartbeatStream>, Status> {
        let mut heartbeat = Heartbeat::new(self.0.clone());
        let answers = request.into_inner().map(move |beat| heartbeat.beat(beat?));
        Ok(Response::new(answers.boxed()))
    }
}

/// The heartbeat on one connection. The response ends with the connection, and this with it.
struct Heartbeat {
    api: Api,
    connection: u64,
    worker: Option<WorkerId>,
}

impl Heartbeat {
    fn new(api: Api) -> Self {
        static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
        Self {
            api,
            connection: CONNECTIONS.fetch_add(1, Ordering::Relaxed),
            worker: None,
        }
    }

    fn beat(&mut self, beat: wire::HeartbeatRequest) -> Result<wire::HeartbeatResponse, Status> {
        let wire::HeartbeatRequest {
            worker_id,
            epoch: _,
        } = beat;
        let control = self.api.control()?;
        let worker = WorkerId::new(worker_id);
        control.workers.heartbeat(worker.clone(), self.connection);
        self.worker = Some(worker);
        Ok(wire::HeartbeatResponse {
            epoch: control.epoch.0,
        })
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        if let (Some(worker), Ok(control)) = (self.worker.take(), self.api.control()) {
            control.workers.heartbeat_ended(worker, self.connection);
        }
    }
}

async fn hello(inbound: &mut Streaming<wire::AttachRequest>) -> Result<WorkerInfo, Status> {
    let first = tokio::time::timeout(ANSWER_WITHIN, inbound.message()).await;
    let first = first.map_err(|_| Status::deadline_exceeded("no hello"))??;
    let message = first.and_then(|wire::AttachRequest { message }| message);
    let Some(wire::attach_request::Message::Hello(hello)) = message else {
        return Err(WireError::new("hello", "must be the first message").into());
    };
    let info = WorkerInfo::try_from(hello)?;
    if info.protocol_version != PROTOCOL_VERSION {
        let found = info.protocol_version;
        let message =
            format!("protocol version {found}: this controller speaks {PROTOCOL_VERSION}");
        return Err(refusal(
            Code::FailedPrecondition,
            "PROTOCOL_VERSION",
            &message,
            None,
        ));
    }
    Ok(info)
}

/// Hands on what a worker says, in batches; waits while too many of them are not handled.
async fn pump(inbound: Streaming<wire::AttachRequest>, session: Session) {
    let room = Arc::new(Semaphore::new(BATCHES_WAITING));
    let mut batches = inbound.ready_chunks(BATCH);
    'stream: while let Some(batch) = batches.next().await {
        let Ok(permit) = room.clone().acquire_owned().await else {
            break;
        };
        let mut messages = Vec::with_capacity(batch.len());
        let mut broken = false;
        for message in batch {
            match message {
                Ok(message) => messages.push(from_wire(message)),
                Err(_) => broken = true,
            }
        }
        session.worker.received(messages, session.number, permit);
        if broken {
            break 'stream;
        }
    }
    session.worker.detached(session.number);
}

fn from_wire(message: wire::AttachRequest) -> Result<FromWorker, WireError> {
    use wire::attach_request::Message as Wire;
    let wire::AttachRequest { message } = message;
    let said = |attempt: &AttemptId, said| FromWorker::Said(attempt.task.workflow.clone(), said);
    match message {
        Some(Wire::Result(result)) => {
            let report = Report::try_from(result).map_err(|e| e.within("result"))?;
            Ok(said(&report.attempt.clone(), Said::Report(report)))
        }
        Some(Wire::ReadBatch(commit)) => {
            let commit = common::task::ReadBatchCommit::try_from(commit);
            let commit = commit.map_err(|e| e.within("read_batch"))?;
            Ok(said(&commit.attempt.clone(), Said::ReadBatch(commit)))
        }
        Some(Wire::Progress(progress)) => {
            let wire::Progress {
                attempt,
                reads,
                bases,
            } = progress;
            let attempt =
                attempt.ok_or_else(|| WireError::new("progress.attempt", "must be set"))?;
            let attempt = AttemptId::try_from(attempt).map_err(|e| e.within("progress.attempt"))?;
            Ok(said(
                &attempt.clone(),
                Said::Progress {
                    attempt,
                    reads,
                    bases,
                },
            ))
        }
        Some(Wire::Drained(wire::Drained {})) => Ok(FromWorker::Drained),
        Some(Wire::Credits(wire::Credits { attempts })) => Ok(FromWorker::Credits(attempts)),
        Some(Wire::Hello(_)) => Err(WireError::new("hello", "must be the first message only")),
        None => Err(WireError::new("message", "must be set")),
    }
}

/// Returns an assignment as a worker gets it: with the login to S3 that it needs.
fn handed(assignment: &Assignment, sealer: Option<&Sealer>) -> wire::Assignment {
    let mut handed = wire::Assignment::from(assignment);
    let access = assignment.genome.as_ref().map(|genome| &genome.s3);
    if let (Some(genome), Some(access)) = (&mut handed.genome, access) {
        match sealing::login(sealer, access) {
            Ok(None) => {}
            Ok(Some(login)) => {
                genome.s3_login = Some((&login).into());
                genome.sealed_s3_login.clear();
            }
            // The worker says so, and the workflow waits.
            Err(error) => {
                tracing::warn!(attempt = %assignment.attempt, %error, "a login stays sealed")
            }
        }
    }
    handed
}

fn to_wire(message: ToWorker, nonces: &Nonces, sealer: Option<&Sealer>) -> wire::AttachResponse {
    use wire::attach_response::Message as Wire;
    let message = match message {
        ToWorker::Welcome { epoch, lease } => Wire::Welcome(nonces.objects.welcome(epoch, lease)),
        ToWorker::Assignment(assignment) => Wire::Assignment(handed(&assignment, sealer)),
        ToWorker::Cancel(attempt) => Wire::Cancel(wire::Cancel {
            attempt: Some((&attempt).into()),
        }),
        ToWorker::Drain => Wire::Drain(wire::Drain {}),
        ToWorker::Ack { attempt, accepted } => Wire::Ack(wire::Ack {
            attempt: Some((&attempt).into()),
            accepted,
        }),
        ToWorker::ReadBatchAck {
            attempt,
            index,
            accepted,
        } => Wire::ReadBatchAck(wire::ReadBatchAck {
            attempt: Some((&attempt).into()),
            index,
            accepted,
        }),
    };
    wire::AttachResponse {
        message: Some(message),
    }
}
