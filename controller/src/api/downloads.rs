//! Outputs for clients, from any byte on.

use std::fs::File;
use std::io;

use common::wire::status::refusal;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::{Error, stream_file};
use proto::v1;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use super::{Api, not_found, watching};
use crate::access::Principal;

/// Chunks that may wait for a slow client.
const CHUNKS_WAITING: usize = 4;

type Chunks = BoxStream<'static, Result<v1::DownloadOutputResponse, Status>>;

/// Sends an output of a workflow that succeeded.
pub async fn send(
    api: &Api,
    caller: &Principal,
    request: v1::DownloadOutputRequest,
) -> Result<Chunks, Status> {
    let v1::DownloadOutputRequest {
        workflow_id,
        name,
        offset,
    } = request;
    let permit = api.stream_permit()?;
    let workflow = watching::get(api, caller, workflow_id).await?;
    let output = workflow
        .view
        .outputs
        .iter()
        .find(|output| output.name == name);
    let expected = output.ok_or_else(|| not_found("output", &name))?.size_bytes;
    let target = format!("{}/{name}", workflow.workflow);
    api.callers.log(caller, "DownloadOutput", target).await?;
    let services = api.services.clone();
    let folder = services.output_folder(&workflow.workflow, &workflow.spec);
    let path = folder
        .map_err(|error| gone(&error.to_string()))?
        .join(&name);
    let (chunks, stream) = mpsc::channel(CHUNKS_WAITING);
    services.bulk.spawn(async move {
        let _permit = permit;
        let opened = tokio::task::spawn_blocking(move || open(&path, expected)).await;
        let file = match opened.unwrap_or_else(|lost| Err(io::Error::other(lost))) {
            Ok(file) => file,
            Err(error) => {
                let _ = chunks.send(Err(gone(&error.to_string()))).await;
                return;
            }
        };
        let mut bytes = stream_file(file, name, offset..u64::MAX);
        while let Some(chunk) = bytes.next().await {
            let chunk = chunk.map(|chunk| v1::DownloadOutputResponse { chunk });
            if chunks
                .send(chunk.map_err(Error::into_status))
                .await
                .is_err()
            {
                return;
            }
        }
    });
    Ok(ReceiverStream::new(stream).boxed())
}

fn open(path: &std::path::Path, expected: u64) -> io::Result<File> {
    let file = File::open(path)?;
    let found = file.metadata()?.len();
    if found != expected {
        let reason = format!("it has {found} bytes now, not {expected}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    Ok(file)
}

fn gone(reason: &str) -> Status {
    let message = format!("the output is not what was published: {reason}");
    refusal(Code::FailedPrecondition, "OUTPUT_CHANGED", &message, None)
}
