//! The object service on the threads of bulk copies, so that no copy delays a lease.

use std::path::PathBuf;
use std::sync::Arc;

use common::location::Location;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::{Error, InputResolver, ObjectsService};
use proto::worker::v1 as wire;
use proto::worker::v1::objects_server::Objects;
use tokio::runtime;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::duties::Services;
use crate::inputs::{Inputs, Source};
use crate::roots::RootError;

/// Messages that may wait for a slow reader.
const MESSAGES_WAITING: usize = 4;

/// The object service, run elsewhere.
#[derive(Clone)]
pub struct OnBulk {
    service: Arc<ObjectsService>,
    bulk: runtime::Handle,
}

impl OnBulk {
    /// Makes the service.
    pub fn new(services: &Services) -> Self {
        let store = services.objects.shared();
        let inputs = Arc::new(Resolver(services.inputs.clone()));
        Self {
            service: Arc::new(ObjectsService::new(store, inputs)),
            bulk: services.bulk.clone(),
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T, Status>> + Send + 'static,
    ) -> Result<T, Status> {
        let done = self.bulk.spawn(call).await;
        done.map_err(|_| Status::internal("the call broke down"))?
    }

    /// Polls a stream there and hands its items over.
    fn relay<T: Send + 'static>(
        &self,
        mut stream: BoxStream<'static, Result<T, Status>>,
    ) -> BoxStream<'static, Result<T, Status>> {
        let (items, relayed) = mpsc::channel(MESSAGES_WAITING);
        self.bulk.spawn(async move {
            while let Some(item) = stream.next().await {
                if items.send(item).await.is_err() {
                    return;
                }
            }
        });
        ReceiverStream::new(relayed).boxed()
    }
}

#[tonic::async_trait]
impl Objects for OnBulk {
    type ReadStream = BoxStream<'static, Result<wire::ReadResponse, Status>>;
    type ListStream = BoxStream<'static, Result<wire::ListResponse, Status>>;

    async fn stat(
        &self,
        request: Request<wire::StatRequest>,
    ) -> Result<Response<wire::StatResponse>, Status> {
        let service = self.service.clone();
        self.run(async move { service.stat(request).await }).await
    }

    async fn read(
        &self,
        request: Request<wire::ReadRequest>,
    ) -> Result<Response<Self::ReadStream>, Status> {
        let service = self.service.clone();
        let response = self.run(async move { service.read(request).await }).await?;
        Ok(response.map(|stream| self.relay(stream)))
    }

    async fn write(
        &self,
        request: Request<Streaming<wire::WriteRequest>>,
    ) -> Result<Response<wire::WriteResponse>, Status> {
        let service = self.service.clone();
        self.run(async move { service.write(request).await }).await
    }

    async fn list(
        &self,
        request: Request<wire::ListRequest>,
    ) -> Result<Response<Self::ListStream>, Status> {
        let service = self.service.clone();
        let response = self.run(async move { service.list(request).await }).await?;
        Ok(response.map(|stream| self.relay(stream)))
    }

    async fn delete(
        &self,
        request: Request<wire::DeleteRequest>,
    ) -> Result<Response<wire::DeleteResponse>, Status> {
        let service = self.service.clone();
        self.run(async move { service.delete(request).await }).await
    }
}

/// Inputs under the roots, and uploads.
struct Resolver(Arc<Inputs>);

#[tonic::async_trait]
impl InputResolver for Resolver {
    async fn resolve(&self, input: &Location) -> Result<PathBuf, Error> {
        let (inputs, location) = (self.0.clone(), input.clone());
        let found = tokio::task::spawn_blocking(move || inputs.find(&location)).await;
        let key = input.to_string();
        match found {
            Ok(Ok(Source::File(path))) => Ok(path),
            Ok(Ok(Source::Object(_))) => Err(Error::Denied {
                key,
                reason: "it is in S3, which the worker has to reach itself".to_owned(),
            }),
            Ok(Err(RootError::Io(error))) => Err(Error::of_io(key, error)),
            Ok(Err(error)) => Err(Error::Denied {
                key,
                reason: error.to_string(),
            }),
            Err(lost) => Err(Error::Denied {
                key,
                reason: lost.to_string(),
            }),
        }
    }
}
