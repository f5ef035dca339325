//! The server of a store: what a controller mounts for workers that share no directory with it.

mod write;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use common::location::Location;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use proto::worker::v1 as wire;
use proto::worker::v1::objects_server::{Objects, ObjectsServer};
use tonic::{Request, Response, Status, Streaming};

use crate::local::{stat_file, stream_file};
use crate::{ByteStream, Error, Key, Listed, ObjectStore, Stat, WHOLE};

/// Objects in one message of a list.
const LIST_PAGE: usize = 1_000;

/// Finds the file of an input, below its root and with symbolic links resolved.
#[async_trait]
pub trait InputResolver: Send + Sync + 'static {
    /// Returns the path of a regular file that may be read.
    async fn resolve(&self, input: &Location) -> Result<PathBuf, Error>;
}

/// A server without inputs.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoInputs;

#[async_trait]
impl InputResolver for NoInputs {
    async fn resolve(&self, input: &Location) -> Result<PathBuf, Error> {
        Err(Error::NotFound {
            key: input.to_string(),
        })
    }
}

/// Serves a store, and the inputs that a resolver finds.
pub struct ObjectsService {
    store: Arc<dyn ObjectStore>,
    inputs: Arc<dyn InputResolver>,
}

impl ObjectsService {
    /// Makes the service.
    pub fn new(store: Arc<dyn ObjectStore>, inputs: Arc<dyn InputResolver>) -> Self {
        Self { store, inputs }
    }

    /// Wraps the service for a tonic router.
    pub fn into_server(self) -> ObjectsServer<Self> {
        ObjectsServer::new(self)
    }

    async fn open_input(&self, input: &Location) -> Result<File, Error> {
        let path = self.inputs.resolve(input).await?;
        let name = input.to_string();
        let opened = tokio::task::spawn_blocking(move || File::open(path)).await;
        opened
            .unwrap_or_else(|lost| Err(io::Error::other(lost)))
            .map_err(|e| Error::of_io(name, e))
    }

    async fn stat_name(&self, name: &str) -> Result<Stat, Error> {
        match Name::parse(name)? {
            Name::Object(key) => self.store.stat(&key).await,
            Name::Input(input) => {
                let file = self.open_input(&input).await?;
                stat_file(&file).map_err(|e| Error::of_io(name, e))
            }
        }
    }

    async fn read_name(&self, name: &str, range: Range<u64>) -> Result<ByteStream, Error> {
        match Name::parse(name)? {
            Name::Object(key) => self.store.read(&key, range).await,
            Name::Input(input) => {
                let file = self.open_input(&input).await?;
                Ok(stream_file(file, name.to_owned(), range))
            }
        }
    }
}

/// What a key on the wire names.
enum Name {
    Object(Key),
    Input(Location),
}

impl Name {
    fn parse(text: &str) -> Result<Self, Error> {
        match text.parse::<Location>() {
            Ok(input) => Ok(Self::Input(input)),
            Err(_) => Ok(Self::Object(text.parse()?)),
        }
    }
}

#[tonic::async_trait]
impl Objects for ObjectsService {
    type ReadStream = BoxStream<'static, Result<wire::ReadResponse, Status>>;
    type ListStream = BoxStream<'static, Result<wire::ListResponse, Status>>;

    async fn stat(
        &self,
        request: Request<wire::StatRequest>,
    ) -> Result<Response<wire::StatResponse>, Status> {
        let wire::StatRequest { key } = request.into_inner();
        let stat = self.stat_name(&key).await.map_err(Error::into_status)?;
        let Stat {
            size_bytes,
            modified_ns,
        } = stat;
        Ok(Response::new(wire::StatResponse {
            size_bytes,
            modified_ns,
        }))
    }

    async fn read(
        &self,
        request: Request<wire::ReadRequest>,
    ) -> Result<Response<Self::ReadStream>, Status> {
        let wire::ReadRequest {
            key,
            offset,
            length,
        } = request.into_inner();
        let end = match length {
            0 => WHOLE.end,
            length => offset.saturating_add(length),
        };
        let chunks = self
            .read_name(&key, offset..end)
            .await
            .map_err(Error::into_status)?;
        let answers = chunks.map_ok(|chunk| wire::ReadResponse { chunk });
        Ok(Response::new(answers.map_err(Error::into_status).boxed()))
    }

    async fn write(
        &self,
        request: Request<Streaming<wire::WriteRequest>>,
    ) -> Result<Response<wire::WriteResponse>, Status> {
        let object = write::receive(self.store.as_ref(), request.into_inner()).await?;
        Ok(Response::new(wire::WriteResponse {
            object: Some((&object).into()),
        }))
    }

    async fn list(
        &self,
        request: Request<wire::ListRequest>,
    ) -> Result<Response<Self::ListStream>, Status> {
        let wire::ListRequest { prefix } = request.into_inner();
        let listed = self.store.list(&prefix).await.map_err(Error::into_status)?;
        let page = |objects: &[Listed]| wire::ListResponse {
            objects: objects.iter().map(listed_on_wire).collect(),
        };
        let pages: Vec<_> = listed.chunks(LIST_PAGE).map(page).map(Ok).collect();
        Ok(Response::new(stream::iter(pages).boxed()))
    }

    async fn delete(
        &self,
        request: Request<wire::DeleteRequest>,
    ) -> Result<Response<wire::DeleteResponse>, Status> {
        let wire::DeleteRequest { key } = request.into_inner();
        let key: Key = key.parse().map_err(|e| Error::Key(e).into_status())?;
        self.store.delete(&key).await.map_err(Error::into_status)?;
        Ok(Response::new(wire::DeleteResponse {}))
    }
}

fn listed_on_wire(listed: &Listed) -> wire::Listed {
    wire::Listed {
        key: listed.key.to_string(),
        size_bytes: listed.size_bytes,
    }
}
