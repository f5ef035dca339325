//! Receiving one object.

use common::task::ObjectRef;
use proto::worker::v1 as wire;
use proto::worker::v1::write_request::Part;
use tonic::{Status, Streaming};

use crate::{Error, Key, ObjectStore, Written};

/// Receives an object; it appears only if the writer counted the same bytes.
pub(super) async fn receive(
    store: &dyn ObjectStore,
    mut parts: Streaming<wire::WriteRequest>,
) -> Result<ObjectRef, Status> {
    let key = match next(&mut parts).await? {
        Some(Part::Key(text)) => text
            .parse::<Key>()
            .map_err(|e| Error::Key(e).into_status())?,
        _ => return Err(Status::invalid_argument("the first message must be a key")),
    };
    let mut writer = store.writer(&key).await.map_err(Error::into_status)?;
    loop {
        match next(&mut parts).await? {
            Some(Part::Chunk(chunk)) => writer.write(chunk).await.map_err(Error::into_status)?,
            Some(Part::End(end)) => {
                check(&end, &writer.so_far())?;
                let Written { size_bytes, sha256 } =
                    writer.commit().await.map_err(Error::into_status)?;
                return Ok(ObjectRef {
                    key: key.to_string(),
                    size_bytes,
                    sha256,
                });
            }
            Some(Part::Key(_)) => {
                return Err(Status::invalid_argument(
                    "only the first message may be a key",
                ));
            }
            None => return Err(Status::aborted("the object ended before its last message")),
        }
    }
}

async fn next(parts: &mut Streaming<wire::WriteRequest>) -> Result<Option<Part>, Status> {
    match parts.message().await? {
        None => Ok(None),
        Some(wire::WriteRequest { part: Some(part) }) => Ok(Some(part)),
        Some(wire::WriteRequest { part: None }) => {
            Err(Status::invalid_argument("a message without part"))
        }
    }
}

fn check(end: &wire::WriteEnd, written: &Written) -> Result<(), Status> {
    let wire::WriteEnd { size_bytes, sha256 } = end;
    if *size_bytes == written.size_bytes && *sha256 == written.sha256.0 {
        return Ok(());
    }
    let received = written.size_bytes;
    Err(Status::data_loss(format!(
        "{size_bytes} bytes were sent, {received} came, or other ones"
    )))
}
