//! Outputs for clients, from any byte on.

use std::fs::File;
use std::io;

use common::wire::status::refusal;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::{ByteStream, Error, stream_file};
use proto::v1;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use super::{Api, not_found, watching};
use crate::access::Principal;
use crate::destination::Destination;

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
    let (chunks, stream) = mpsc::channel(CHUNKS_WAITING);
    let bulk = services.bulk.clone();
    bulk.spawn(async move {
        let _permit = permit;
        let opening = tokio::task::spawn_blocking(move || {
            let folder = services
                .inputs
                .output_folder(&workflow.workflow, &workflow.spec);
            let folder = folder.map_err(io::Error::other)?;
            open(&folder, name, expected, offset)
        });
        let opened = opening.await;
        let mut bytes = match opened.unwrap_or_else(|lost| Err(io::Error::other(lost))) {
            Ok(bytes) => bytes,
            Err(error) => {
                let _ = chunks.send(Err(gone(&error.to_string()))).await;
                return;
            }
        };
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

/// Opens an output that still has the size that was published. Blocks.
fn open(from: &Destination, name: String, expected: u64, offset: u64) -> io::Result<ByteStream> {
    match from {
        Destination::Folder(folder) => {
            let file = File::open(folder.join(&name))?;
            same_size(file.metadata()?.len(), expected)?;
            Ok(stream_file(file, name, offset..u64::MAX))
        }
        Destination::Bucket(below) => {
            let found = below.look(&name)?;
            let found = found.ok_or(io::ErrorKind::NotFound)?.0.size_bytes;
            same_size(found, expected)?;
            let full = below.full(&name);
            let read = below.bucket.read(&full, offset..u64::MAX);
            Ok(below.runtime.block_on(read)?)
        }
    }
}

fn same_size(found: u64, expected: u64) -> io::Result<()> {
    if found == expected {
        return Ok(());
    }
    let reason = format!("it has {found} bytes now, not {expected}");
    Err(io::Error::new(io::ErrorKind::InvalidData, reason))
}

fn gone(reason: &str) -> Status {
    let message = format!("the output is not what was published: {reason}");
    refusal(Code::FailedPrecondition, "OUTPUT_CHANGED", &message, None)
}
