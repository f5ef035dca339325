use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use common::backoff::Backoff;
use futures::StreamExt;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Endpoint, Server};

use super::*;
use crate::{InputResolver, Local, NoInputs, ObjectsService, WHOLE, conformance};

/// Serves a store on a free port; the server ends with the test's runtime.
async fn serve(store: Arc<dyn ObjectStore>, inputs: Arc<dyn InputResolver>) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = ObjectsService::new(store, inputs).into_server();
    let server = Server::builder().add_service(service);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let channel = Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .connect_lazy();
    let backoff = Backoff {
        first: Duration::ZERO,
        cap: Duration::ZERO,
    };
    Served::new(channel, Bearer::default()).with_patience(Patience { backoff, tries: 3 })
}

fn local(folder: &Path) -> Arc<dyn ObjectStore> {
    Arc::new(Local::open(folder).unwrap())
}

#[tokio::test]
async fn the_served_directory_passes_the_conformance_suite() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(local(folder.path()), Arc::new(NoInputs)).await;
    conformance::check(&served).await;
}

struct OneFile(PathBuf);

#[async_trait]
impl InputResolver for OneFile {
    async fn resolve(&self, input: &Location) -> Result<PathBuf, Error> {
        match input.to_string().as_str() {
            "root:data/a file" => Ok(self.0.clone()),
            other => Err(Error::Denied {
                key: other.into(),
                reason: "unknown".into(),
            }),
        }
    }
}

#[tokio::test]
async fn inputs_are_read_and_never_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    std::fs::write(&path, "reads").unwrap();
    let served = serve(
        local(&folder.path().join("objects")),
        Arc::new(OneFile(path)),
    )
    .await;
    let input: Location = "root:data/a file".parse().unwrap();
    assert_eq!(served.stat_input(&input).await.unwrap().size_bytes, 5);
    let chunks: Vec<Bytes> = served.read_input(&input, 1..3).try_collect().await.unwrap();
    assert_eq!(chunks.concat(), b"ea");
    let other: Location = "root:data/b".parse().unwrap();
    assert!(matches!(
        served.stat_input(&other).await,
        Err(Error::Denied { .. })
    ));
    let mut client = served.client.clone();
    let part = Some(wire::write_request::Part::Key(input.to_string()));
    let write = client
        .write(tokio_stream::iter([wire::WriteRequest { part }]))
        .await;
    assert_eq!(write.unwrap_err().code(), tonic::Code::InvalidArgument);
}

#[tokio::test]
async fn bytes_that_changed_on_the_way_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = serve(local(folder.path()), Arc::new(NoInputs)).await;
    let end = wire::WriteEnd {
        size_bytes: 3,
        sha256: vec![0; 32],
    };
    let parts = [
        wire::write_request::Part::Key("a/b".into()),
        wire::write_request::Part::Chunk("abc".into()),
        wire::write_request::Part::End(end),
    ];
    let parts = parts.map(|part| wire::WriteRequest { part: Some(part) });
    let status = served
        .client
        .write(tokio_stream::iter(parts))
        .await
        .unwrap_err();
    assert_eq!(status.code(), tonic::Code::DataLoss);
    assert_eq!(served.list("").await.unwrap(), []);
}

/// A store whose reads break off after each chunk.
struct Breaking {
    inner: Arc<dyn ObjectStore>,
    reads: AtomicUsize,
}

#[async_trait]
impl ObjectStore for Breaking {
    async fn stat(&self, key: &Key) -> Result<Stat, Error> {
        self.inner.stat(key).await
    }

    async fn read(&self, key: &Key, range: Range<u64>) -> Result<ByteStream, Error> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let first = self.inner.read(key, range).await?.take(1);
        let fault = Error::Transient {
            key: key.to_string(),
            reason: "broken off".into(),
        };
        Ok(first.chain(futures::stream::iter([Err(fault)])).boxed())
    }

    async fn writer(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, Error> {
        self.inner.writer(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, Error> {
        self.inner.list(prefix).await
    }

    async fn delete(&self, key: &Key) -> Result<(), Error> {
        self.inner.delete(key).await
    }
}

#[tokio::test]
async fn a_broken_read_goes_on_at_its_last_byte() {
    let folder = tempfile::tempdir().unwrap();
    let inner = local(folder.path());
    let store = Arc::new(Breaking {
        inner,
        reads: AtomicUsize::new(0),
    });
    let served = serve(
        Arc::clone(&store) as Arc<dyn ObjectStore>,
        Arc::new(NoInputs),
    )
    .await;
    let key: Key = "large".parse().unwrap();
    let bytes: Vec<u8> = (0..crate::CHUNK_BYTES * 2 + 5)
        .map(|i| (i % 13) as u8)
        .collect();
    let mut writer = served.writer(&key).await.unwrap();
    writer.write(bytes.clone().into()).await.unwrap();
    let size = writer.commit().await.unwrap().size_bytes;
    let stream = served.read(&key, 0..size).await.unwrap();
    let chunks: Vec<Bytes> = stream.try_collect().await.unwrap();
    assert!(chunks.concat() == bytes, "a resumed read differs");
    assert_eq!(store.reads.load(Ordering::Relaxed), 3);
    let stream = served.read(&key, WHOLE).await.unwrap();
    let ended: Result<Vec<Bytes>, Error> = stream.try_collect().await;
    assert!(
        matches!(ended, Err(Error::Transient { .. })),
        "endless faults end the read"
    );
}
