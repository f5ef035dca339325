//! The store of a controller, over gRPC. Reads go on at the last byte after a passing fault.

mod reader;
mod writer;

use std::future::Future;
use std::ops::Range;

use async_trait::async_trait;
use common::auth::Bearer;
use common::location::Location;
use futures::TryStreamExt;
use proto::worker::v1 as wire;
use proto::worker::v1::objects_client::ObjectsClient;
use tonic::Status;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use crate::{ByteStream, Error, Key, Listed, ObjectStore, ObjectWriter, Patience, Stat, metrics};

type Client = ObjectsClient<InterceptedService<Channel, Bearer>>;

/// A client of the `Objects` service; clones share the connection.
#[derive(Debug, Clone)]
pub struct Served {
    client: Client,
    patience: Patience,
}

impl Served {
    /// Makes a client over a channel, which may connect later.
    pub fn new(channel: Channel, bearer: Bearer) -> Self {
        Self {
            client: ObjectsClient::with_interceptor(channel, bearer),
            patience: Patience::default(),
        }
    }

    /// Changes how passing faults are met.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Returns size and time of an input.
    ///
    /// # Errors
    /// [`Error::NotFound`] and its like.
    pub async fn stat_input(&self, input: &Location) -> Result<Stat, Error> {
        self.stat_name(input.to_string()).await
    }

    /// Reads a range of an input; what is past its end is left out.
    pub fn read_input(&self, input: &Location, range: Range<u64>) -> ByteStream {
        reader::read(self.clone(), input.to_string(), range)
    }

    async fn stat_name(&self, name: String) -> Result<Stat, Error> {
        let answer = self
            .tried(&name, || {
                let mut client = self.client.clone();
                let request = wire::StatRequest { key: name.clone() };
                async move { client.stat(request).await }
            })
            .await?;
        let wire::StatResponse {
            size_bytes,
            modified_ns,
        } = answer.into_inner();
        Ok(Stat {
            size_bytes,
            modified_ns,
        })
    }

    /// Calls until an answer is not a passing fault, or patience ends.
    async fn tried<T, F: Future<Output = Result<T, Status>>>(
        &self,
        name: &str,
        call: impl Fn() -> F,
    ) -> Result<T, Error> {
        let mut tries = 0;
        loop {
            match call().await {
                Ok(answer) => return Ok(answer),
                Err(status) => {
                    tries += 1;
                    let fault = Error::of_status(name, status);
                    self.patience.outlast(tries, fault).await?;
                }
            }
        }
    }
}

#[async_trait]
impl ObjectStore for Served {
    async fn stat(&self, key: &Key) -> Result<Stat, Error> {
        self.stat_name(key.to_string()).await
    }

    async fn read(&self, key: &Key, range: Range<u64>) -> Result<ByteStream, Error> {
        let stream = reader::read(self.clone(), key.to_string(), range);
        Ok(metrics::read("served", stream))
    }

    async fn writer(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, Error> {
        Ok(Box::new(writer::Writer::start(self.client.clone(), key)))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, Error> {
        let pages: Vec<wire::ListResponse> = self
            .tried(prefix, || {
                let mut client = self.client.clone();
                let request = wire::ListRequest {
                    prefix: prefix.to_owned(),
                };
                async move { client.list(request).await?.into_inner().try_collect().await }
            })
            .await?;
        let read = |wire::Listed { key, size_bytes }| {
            Ok(Listed {
                key: key.parse()?,
                size_bytes,
            })
        };
        pages
            .into_iter()
            .flat_map(|page| page.objects)
            .map(read)
            .collect()
    }

    async fn delete(&self, key: &Key) -> Result<(), Error> {
        self.tried(key.as_str(), || {
            let mut client = self.client.clone();
            let request = wire::DeleteRequest {
                key: key.to_string(),
            };
            async move { client.delete(request).await }
        })
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
