//! Files that clients send: whole and durable, or not there.

use common::ids::Sha256;
use common::location::Location;
use common::wire::WireError;
use common::wire::status::refusal;
use object_store::{CHUNK_BYTES, Error, InvalidKey, Key, Local, ObjectStore};
use proto::v1;
use tonic::{Code, Status, Streaming};

use super::Api;
use crate::access::Principal;

/// Receives a file, on the threads of bulk copies.
pub async fn receive(
    api: &Api,
    caller: &Principal,
    parts: Streaming<v1::UploadReadsRequest>,
) -> Result<v1::UploadReadsResponse, Status> {
    let permit = api.stream_permit()?;
    let id = api.callers.upload_id(caller);
    let target = format!("upload {id}");
    api.callers.log(caller, "UploadReads", target).await?;
    let objects = api.services.objects.clone();
    let received = api.services.bulk.spawn(async move {
        let _permit = permit;
        write(&objects, id, parts).await
    });
    received
        .await
        .map_err(|_| Status::internal("the upload broke down"))?
}

async fn write(
    objects: &Local,
    id: String,
    mut parts: Streaming<v1::UploadReadsRequest>,
) -> Result<v1::UploadReadsResponse, Status> {
    let v1::UploadHeader { name, sha256 } = header(&mut parts).await?;
    let key: Key = format!("uploads/{id}/{name}")
        .parse()
        .map_err(|_: InvalidKey| WireError::new("header.name", "is not a plain file name"))?;
    if name.contains('/') {
        return Err(WireError::new("header.name", "has a folder").into());
    }
    let mut writer = objects.writer(&key).await.map_err(Error::into_status)?;
    while let Some(v1::UploadReadsRequest { part }) = parts.message().await? {
        match part {
            Some(v1::upload_reads_request::Part::Chunk(chunk)) if chunk.len() <= CHUNK_BYTES => {
                writer.write(chunk).await.map_err(Error::into_status)?;
            }
            _ => return Err(WireError::new("chunk", "is missing or larger than 1 MiB").into()),
        }
    }
    let counted = writer.so_far().sha256;
    if !sha256.is_empty() && counted.to_string() != sha256 {
        let message = format!("the digest is {counted}, not {sha256}");
        return Err(refusal(Code::DataLoss, "DIGEST", &message, None));
    }
    let written = writer.commit().await.map_err(Error::into_status)?;
    let sha256: Sha256 = written.sha256;
    Ok(v1::UploadReadsResponse {
        uri: Location::Upload { id, name }.to_string(),
        size_bytes: written.size_bytes,
        sha256: sha256.to_string(),
    })
}

async fn header(parts: &mut Streaming<v1::UploadReadsRequest>) -> Result<v1::UploadHeader, Status> {
    let first = parts.message().await?;
    match first.and_then(|v1::UploadReadsRequest { part }| part) {
        Some(v1::upload_reads_request::Part::Header(header)) => Ok(header),
        _ => Err(WireError::new("header", "must be the first message").into()),
    }
}
