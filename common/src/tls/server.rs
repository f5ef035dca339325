//! The side that listens.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use futures::Stream;
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;

use super::{Identity, TlsError, authority, provider, stamps};

/// How long a handshake may take, and how many go on at the same time.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
const HANDSHAKES: usize = 256;
/// How often the files are looked at, at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Rest after a connection that could not be taken: perhaps there are no more file descriptors.
const REST: Duration = Duration::from_millis(50);

/// What a server shows, and whom it lets in by certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// What the server shows.
    pub identity: Identity,
    /// Who vouches for callers that have a certificate; `None`: no certificate counts.
    pub client_ca: Option<PathBuf>,
}

impl ServerTls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`] names the file.
    pub fn load(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let bad = |source| TlsError::Certificate {
            path: self.identity.certificate.clone(),
            source,
        };
        let (chain, key) = self.identity.read()?;
        let builder = ServerConfig::builder_with_provider(provider());
        let builder = builder.with_safe_default_protocol_versions().map_err(bad)?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let roots = Arc::new(authority(path)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
                // People come with tokens on the same port: the gate decides, not the handshake.
                let verifier = verifier.allow_unauthenticated().build();
                let verifier = verifier.map_err(|error| TlsError::Authority {
                    path: path.clone(),
                    reason: error.to_string(),
                })?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(bad)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(config))
    }

    fn files(&self) -> Vec<&Path> {
        let Identity { certificate, key } = &self.identity;
        let mut files = vec![certificate.as_path(), key.as_path()];
        files.extend(self.client_ca.as_deref());
        files
    }
}

/// The present configuration of a server.
struct Reloading {
    tls: ServerTls,
    present: Mutex<Present>,
}

struct Present {
    config: Arc<ServerConfig>,
    stamps: Vec<Option<SystemTime>>,
    looked: Instant,
}

impl Reloading {
    fn new(tls: ServerTls) -> Result<Self, TlsError> {
        let present = Present {
            stamps: stamps(&tls.files()),
            config: tls.load()?,
            looked: Instant::now(),
        };
        Ok(Self {
            tls,
            present: Mutex::new(present),
        })
    }

    /// Returns the configuration of the files as they are now; the last good one while they are bad.
    fn now(&self) -> Arc<ServerConfig> {
        let mut present = self
            .present
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if present.looked.elapsed() >= LOOK_EVERY {
            present.looked = Instant::now();
            let found = stamps(&self.tls.files());
            if found != present.stamps {
                present.stamps = found;
                match self.tls.load() {
                    Ok(config) => {
                        tracing::info!("certificates were read again");
                        present.config = config;
                    }
                    Err(error) => tracing::error!(%error, "the last good certificates stay in use"),
                }
            }
        }
        present.config.clone()
    }
}

/// A port on which TLS is spoken.
pub struct TlsListener {
    listener: TcpListener,
    reloading: Reloading,
}

impl TlsListener {
    /// Reads the files for an open port.
    ///
    /// # Errors
    /// [`TlsError`] names the file.
    pub fn new(listener: TcpListener, tls: ServerTls) -> Result<Self, TlsError> {
        let reloading = Reloading::new(tls)?;
        Ok(Self {
            listener,
            reloading,
        })
    }

    /// Returns connections whose handshake is done. Those that fail are dropped.
    pub fn incoming(self) -> impl Stream<Item = io::Result<TlsStream<TcpStream>>> {
        let (done, connections) = mpsc::channel(HANDSHAKES);
        tokio::spawn(async move {
            let room = Arc::new(Semaphore::new(HANDSHAKES));
            loop {
                let Ok(permit) = room.clone().acquire_owned().await else {
                    return;
                };
                let accepted = tokio::select! {
                    accepted = self.listener.accept() => accepted,
                    () = done.closed() => return,
                };
                let Ok((stream, _)) = accepted else {
                    tokio::time::sleep(REST).await;
                    continue;
                };
                let _ = stream.set_nodelay(true);
                let acceptor = TlsAcceptor::from(self.reloading.now());
                let done = done.clone();
                tokio::spawn(async move {
                    let _permit = permit;
                    let shaken = tokio::time::timeout(HANDSHAKE_WITHIN, acceptor.accept(stream));
                    match shaken.await {
                        Ok(Ok(stream)) => drop(done.send(Ok(stream)).await),
                        Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
                        Err(_) => tracing::debug!("a handshake took too long"),
                    }
                });
            }
        });
        ReceiverStream::new(connections)
    }
}
