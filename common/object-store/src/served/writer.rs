//! An object on its way to the server.

use async_trait::async_trait;
use bytes::Bytes;
use common::ids::Sha256;
use proto::worker::v1 as wire;
use proto::worker::v1::write_request::Part;
use sha2::Digest;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};

use super::Client;
use crate::{CHUNK_BYTES, Error, Key, ObjectWriter, Written, metrics};

/// Chunks on their way at once.
const WINDOW: usize = 4;

/// One streamed call. Dropped before its end, the server forgets the bytes.
pub(super) struct Writer {
    key: String,
    parts: mpsc::Sender<wire::WriteRequest>,
    call: Call,
    size_bytes: u64,
    digest: sha2::Sha256,
}

/// The running call; dropped, it is broken off.
struct Call(JoinHandle<Result<Response<wire::WriteResponse>, Status>>);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Writer {
    pub(super) fn start(mut client: Client, key: &Key) -> Self {
        let (parts, receiver) = mpsc::channel(WINDOW);
        let name = wire::WriteRequest {
            part: Some(Part::Key(key.to_string())),
        };
        // The channel is empty and open: there is room for the name.
        let _sent = parts.try_send(name);
        let call = async move { client.write(ReceiverStream::new(receiver)).await };
        Self {
            key: key.to_string(),
            parts,
            call: Call(tokio::spawn(call)),
            size_bytes: 0,
            digest: sha2::Sha256::new(),
        }
    }

    async fn send(&mut self, part: Part) -> Result<(), Error> {
        let sent = self
            .parts
            .send(wire::WriteRequest { part: Some(part) })
            .await;
        if sent.is_ok() {
            return Ok(());
        }
        // The server has answered before the end: with an error.
        match self.answer().await {
            Err(error) => Err(error),
            Ok(_) => Err(self.broken("the server ended the object early")),
        }
    }

    async fn answer(&mut self) -> Result<wire::WriteResponse, Error> {
        match (&mut self.call.0).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(Error::of_status(&self.key, status)),
            Err(lost) => Err(self.broken(&lost.to_string())),
        }
    }

    fn broken(&self, reason: &str) -> Error {
        Error::Transient {
            key: self.key.clone(),
            reason: reason.to_owned(),
        }
    }
}

#[async_trait]
impl ObjectWriter for Writer {
    async fn write(&mut self, mut chunk: Bytes) -> Result<(), Error> {
        metrics::written("served", chunk.len());
        while !chunk.is_empty() {
            let part = chunk.split_to(chunk.len().min(CHUNK_BYTES));
            self.size_bytes += part.len() as u64;
            self.digest.update(&part);
            self.send(Part::Chunk(part)).await?;
        }
        Ok(())
    }

    fn so_far(&self) -> Written {
        let sha256 = Sha256(self.digest.clone().finalize().into());
        Written {
            size_bytes: self.size_bytes,
            sha256,
        }
    }

    async fn commit(mut self: Box<Self>) -> Result<Written, Error> {
        let written = self.so_far();
        let end = wire::WriteEnd {
            size_bytes: written.size_bytes,
            sha256: written.sha256.0.to_vec(),
        };
        self.send(Part::End(end)).await?;
        let wire::WriteResponse { object } = self.answer().await?;
        let stored = object.unwrap_or_default();
        if stored.size_bytes == written.size_bytes && stored.sha256 == written.sha256.0 {
            return Ok(written);
        }
        let reason = "the server stored other bytes".to_owned();
        Err(Error::Corrupt {
            key: self.key.clone(),
            reason,
        })
    }
}
