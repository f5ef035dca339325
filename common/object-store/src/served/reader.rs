//! A read that survives broken connections.

use std::ops::Range;

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use proto::worker::v1 as wire;
use tonic::Streaming;

use super::Served;
use crate::{ByteStream, Error};

/// Streams a range; the first call is made when the stream is first polled.
pub(super) fn read(served: Served, name: String, range: Range<u64>) -> ByteStream {
    let Range {
        start: position,
        end,
    } = range;
    let reader = Reader {
        served,
        name,
        position,
        end,
        open: None,
        tries: 0,
        ended: false,
    };
    stream::try_unfold(reader, |mut reader| async move {
        Ok(reader.next().await?.map(|chunk| (chunk, reader)))
    })
    .boxed()
}

struct Reader {
    served: Served,
    name: String,
    position: u64,
    end: u64,
    open: Option<Streaming<wire::ReadResponse>>,
    /// Since the last byte.
    tries: u32,
    ended: bool,
}

impl Reader {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            if self.ended || self.position >= self.end {
                return Ok(None);
            }
            match self.step().await {
                Ok(Some(chunk)) if chunk.is_empty() => {}
                Ok(Some(chunk)) => {
                    self.tries = 0;
                    self.position += chunk.len() as u64;
                    return Ok(Some(chunk));
                }
                Ok(None) => self.ended = true,
                Err(status) => {
                    self.open = None;
                    self.tries += 1;
                    let fault = Error::of_status(&self.name, status);
                    tracing::debug!(name = self.name, position = self.position, %fault, "read broke");
                    self.served.patience.outlast(self.tries, fault).await?;
                }
            }
        }
    }

    async fn step(&mut self) -> Result<Option<Bytes>, tonic::Status> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => {
                // 0 asks for everything up to the end.
                let length = if self.end == u64::MAX {
                    0
                } else {
                    self.end - self.position
                };
                let key = self.name.clone();
                let request = wire::ReadRequest {
                    key,
                    offset: self.position,
                    length,
                };
                self.served.client.read(request).await?.into_inner()
            }
        };
        let message = open.message().await?;
        self.open = Some(open);
        Ok(message.map(|wire::ReadResponse { chunk }| chunk))
    }
}
