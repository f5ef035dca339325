//! The stream to the controller: one attachment, from Hello and Welcome until it breaks.

use std::collections::BTreeMap;
use std::time::Duration;

use common::auth::Bearer;
use common::failure::Failure;
use common::ids::WorkerId;
use common::task::{AttemptId, Stage};
use proto::worker::v1 as wire;
use proto::worker::v1::attach_request::Message as Say;
use proto::worker::v1::attach_response::Message as Hear;
use proto::worker::v1::workers_client::WorkersClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use crate::config::Config;

/// The version of the protocol that this worker speaks.
const PROTOCOL_VERSION: u32 = 1;
/// How long the controller may take to welcome a worker.
const WELCOME_WITHIN: Duration = Duration::from_secs(30);
/// How long the controller may take to end a stream that the worker has ended.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// An attachment that was welcomed.
pub(crate) struct Attachment {
    pub welcome: wire::Welcome,
    say: mpsc::UnboundedSender<wire::AttachRequest>,
    hear: Streaming<wire::AttachResponse>,
}

impl Attachment {
    /// Says Hello and waits for Welcome.
    pub async fn open(
        channel: Channel,
        bearer: Bearer,
        hello: wire::Hello,
    ) -> Result<Self, Status> {
        let (say, said) = mpsc::unbounded_channel();
        let _stream_is_open = say.send(wire::AttachRequest {
            message: Some(Say::Hello(hello)),
        });
        let mut client = WorkersClient::with_interceptor(channel, bearer);
        let opened = async {
            let mut hear = client
                .attach(UnboundedReceiverStream::new(said))
                .await?
                .into_inner();
            let first = hear.message().await?;
            Ok::<_, Status>((first, hear))
        };
        let late = |_| Status::deadline_exceeded("the controller did not welcome this worker");
        let (first, hear) = tokio::time::timeout(WELCOME_WITHIN, opened)
            .await
            .map_err(late)??;
        match first.and_then(|wire::AttachResponse { message }| message) {
            Some(Hear::Welcome(welcome)) => Ok(Self { welcome, say, hear }),
            _ => Err(Status::internal(
                "the controller's first message was no Welcome",
            )),
        }
    }

    /// Sends a message. What is lost with a broken stream is owed, and sent again.
    pub fn say(&self, message: Say) {
        let _stream_is_broken = self.say.send(wire::AttachRequest {
            message: Some(message),
        });
    }

    /// Waits for a message; may be given up and called again.
    pub async fn hear(&mut self) -> Result<Hear, Status> {
        match self.hear.message().await? {
            Some(wire::AttachResponse {
                message: Some(message),
            }) => Ok(message),
            Some(wire::AttachResponse { message: None }) => {
                Err(Status::internal("a message without content"))
            }
            None => Err(Status::unavailable("the controller ended the stream")),
        }
    }

    /// Ends the stream once everything that was said is on its way.
    pub async fn close(self) {
        let Self {
            welcome: _,
            say,
            mut hear,
        } = self;
        drop(say);
        let ended = async { while let Ok(Some(_)) = hear.message().await {} };
        let _late = tokio::time::timeout(CLOSE_WITHIN, ended).await;
    }
}

/// Says what this worker is.
pub(crate) fn hello(
    config: &Config,
    worker: &WorkerId,
    holding: &[AttemptId],
    roots: BTreeMap<String, String>,
    credits: u32,
) -> wire::Hello {
    let version = |stage: Stage| (stage.name().to_owned(), stage.output_version());
    wire::Hello {
        protocol_version: PROTOCOL_VERSION,
        worker_id: worker.as_str().to_owned(),
        host: host(),
        cores: config.cores,
        memory_bytes: config.memory_bytes,
        scratch_bytes: scratch_bytes(config),
        output_versions: Stage::ALL.into_iter().map(version).collect(),
        holding: holding.iter().map(Into::into).collect(),
        roots,
        credits: Some(wire::Credits { attempts: credits }),
    }
}

/// Says whether a refusal is for good, or passes when the controller is back.
pub(crate) fn is_final(status: &Status) -> bool {
    match status.code() {
        Code::FailedPrecondition
        | Code::InvalidArgument
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::Unimplemented => true,
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::OutOfRange
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => false,
    }
}

/// Returns a refusal as people read it.
pub(crate) fn reason(status: &Status) -> String {
    Failure::from(status).to_string()
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned())
}

fn scratch_bytes(config: &Config) -> u64 {
    let free = nix::sys::statvfs::statvfs(&config.scratch);
    free.map_or(0, |free| free.blocks_available() * free.fragment_size())
}
