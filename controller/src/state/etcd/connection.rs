//! The connection to an etcd cluster: reads, each tried again while members come and go.

use std::future::Future;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use common::tls::{ClientTls, TlsError};
use etcd_client::{
    Certificate, Client, ConnectOptions, Error, GetOptions, Identity, KeyValue, KvClient,
    TlsOptions,
};
use tokio::runtime::Handle;
use tonic::Code;

use super::Address;
use crate::metrics::{ETCD_FAILURES, ETCD_RETRIES};
use crate::state::{Record, StoreError};

/// How long one try may take. A cluster that lost its leader has another within about a second.
const TRY: Duration = Duration::from_secs(2);

/// How long a call is tried again, and the pause before each try.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

/// Pings over idle connections, and how long an answer may take.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// Largest answer: a page of records.
pub(super) const ANSWER_BYTES: usize = 64 << 20;

/// A connection to all members; clones share it.
#[derive(Clone)]
pub struct Connection {
    client: Client,
    runtime: Handle,
    root: Vec<u8>,
}

/// Some records, as they were at one revision.
#[derive(Debug)]
pub struct Page {
    /// In order of key.
    pub records: Vec<Record>,
    /// Whether there are more.
    pub more: bool,
    /// Of the whole cluster.
    pub revision: i64,
}

impl Connection {
    /// Makes a connection; members are dialled when they are needed. All that goes on behind it runs
    /// on `runtime`, which must not be the one of its callers: they block.
    ///
    /// # Errors
    /// [`StoreError`] if a member's name is no address, or the files for TLS cannot be used.
    pub fn new(address: &Address, runtime: Handle) -> Result<Self, StoreError> {
        let mut options = ConnectOptions::new()
            .with_connect_timeout(TRY)
            .with_keep_alive(KEEP_ALIVE, KEEP_ALIVE)
            .with_keep_alive_while_idle(true)
            .with_require_leader(true);
        if let Some(tls) = &address.tls {
            options = options.with_tls(tls_options(tls).map_err(failed("reading certificates"))?);
        }
        let (members, root) = (address.urls(), address.root());
        let connecting = async move { Client::connect(members, Some(options)).await };
        let client = blocking(&runtime, connecting)?;
        Ok(Self {
            client: client.map_err(failed("connecting to etcd"))?,
            runtime,
            root,
        })
    }

    pub(crate) fn runtime(&self) -> Handle {
        self.runtime.clone()
    }

    /// Returns the client, for calls that are more than reads and writes.
    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    pub(super) fn kv(&self) -> KvClient {
        let kv = self.client.kv_client();
        kv.max_decoding_message_size(ANSWER_BYTES)
    }

    /// Returns the full name of a key.
    pub(super) fn full(&self, key: &[u8]) -> Vec<u8> {
        [&self.root, key].concat()
    }

    /// Returns the name of a key as the rest of the program knows it.
    pub(super) fn short<'a>(&self, key: &'a [u8]) -> Option<&'a [u8]> {
        key.strip_prefix(self.root.as_slice())
    }

    /// Blocks until a call is answered.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        blocking(&self.runtime, call)?
    }

    pub(super) fn get(
        &self,
        key: Vec<u8>,
    ) -> impl Future<Output = Result<Option<Vec<u8>>, StoreError>> + Send + use<> {
        let (kv, key) = (self.kv(), self.full(&key));
        async move {
            let ask = || {
                let (mut kv, key) = (kv.clone(), key.clone());
                async move { kv.get(key, None).await }
            };
            let mut answer = tried("reading a record", ask).await?;
            Ok(answer.take_kvs().pop().map(|kv| kv.into_key_value().1))
        }
    }

    /// Returns the revision that wrote a key last; `None` if there is no such key.
    ///
    /// # Errors
    /// [`StoreError`] if etcd does not answer.
    pub(crate) async fn written(&self, key: &[u8]) -> Result<Option<i64>, StoreError> {
        let (kv, key) = (self.kv(), self.full(key));
        let ask = || {
            let (mut kv, key) = (kv.clone(), key.clone());
            async move { kv.get(key, Some(GetOptions::new().with_keys_only())).await }
        };
        let answer = tried("reading a revision", ask).await?;
        Ok(answer.kvs().first().map(KeyValue::mod_revision))
    }

    /// Reads at most `limit` records, at a revision or the present one.
    pub(super) fn range(
        &self,
        range: Range<Vec<u8>>,
        limit: usize,
        revision: Option<i64>,
    ) -> impl Future<Output = Result<Page, StoreError>> + Send + use<> {
        let (connection, start, end) =
            (self.clone(), self.full(&range.start), self.full(&range.end));
        async move {
            let ask = || {
                let mut options = GetOptions::new()
                    .with_range(end.clone())
                    .with_limit(i64::try_from(limit).unwrap_or(i64::MAX));
                if let Some(revision) = revision {
                    options = options.with_revision(revision);
                }
                let (mut kv, start) = (connection.kv(), start.clone());
                async move { kv.get(start, Some(options)).await }
            };
            let mut answer = tried("reading a range", ask).await?;
            let at = answer.header().map_or(0, |header| header.revision());
            let records = answer.take_kvs().into_iter().filter_map(|kv| {
                let (key, value) = kv.into_key_value();
                Some((connection.short(&key)?.to_vec(), value))
            });
            Ok(Page {
                records: records.collect(),
                more: answer.more(),
                revision: revision.unwrap_or(at),
            })
        }
    }
}

/// Reads the files; those who connect again later do not read them again.
fn tls_options(tls: &ClientTls) -> Result<TlsOptions, TlsError> {
    // It checks all of them, and names the one that is wrong.
    tls.load()?;
    let read = |path: &Path| {
        std::fs::read(path).map_err(|error| TlsError::File {
            path: path.to_owned(),
            reason: error.to_string(),
        })
    };
    let options = TlsOptions::new().ca_certificate(Certificate::from_pem(read(&tls.ca)?));
    Ok(match &tls.identity {
        None => options,
        Some(own) => options.identity(Identity::from_pem(read(&own.certificate)?, read(&own.key)?)),
    })
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let root = String::from_utf8_lossy(&self.root);
        f.debug_struct("Connection").field("root", &root).finish()
    }
}

/// Asks again and again while the cluster is in trouble, but not for ever.
pub(super) async fn tried<T, F>(doing: &'static str, ask: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, Error>>,
{
    let begun = Instant::now();
    loop {
        let error = match once(ask()).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if !is_passing(&error) || begun.elapsed() >= PATIENCE {
            ETCD_FAILURES.inc();
            return Err(failed(doing)(error));
        }
        ETCD_RETRIES.inc();
        tokio::time::sleep(PAUSE).await;
    }
}

/// Asks once, and does not wait for ever.
pub(super) async fn once<T>(asking: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let late = |_| Error::GRpcStatus(tonic::Status::deadline_exceeded("etcd does not answer"));
    tokio::time::timeout(TRY, asking).await.map_err(late)?
}

/// Says whether the same call may succeed later.
pub(super) fn is_passing(error: &Error) -> bool {
    match error {
        Error::GRpcStatus(status) => !matches!(
            status.code(),
            Code::InvalidArgument
                | Code::PermissionDenied
                | Code::Unauthenticated
                | Code::Unimplemented
                | Code::FailedPrecondition
                | Code::OutOfRange
                | Code::NotFound
        ),
        Error::IoError(_) | Error::TransportError(_) | Error::LeaseKeepAliveError(_) => true,
        Error::WatchError(_) | Error::Internal(_) => true,
        _ => false,
    }
}

pub(super) fn failed<E: std::error::Error + Send + Sync + 'static>(
    doing: &'static str,
) -> impl Fn(E) -> StoreError {
    move |error| StoreError::Failed {
        doing,
        source: Box::new(error),
    }
}

fn blocking<T: Send + 'static>(
    runtime: &Handle,
    call: impl Future<Output = T> + Send + 'static,
) -> Result<T, StoreError> {
    let (reply, answer) = std::sync::mpsc::sync_channel(1);
    runtime.spawn(async move {
        let _nobody_waits = reply.send(call.await);
    });
    answer.recv().map_err(failed("waiting for etcd"))
}
