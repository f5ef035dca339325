//! Ports and sockets, and the services behind them.

use std::fmt;
use std::fs::{self, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use common::tls::TlsListener;
use proto::v1::admin_server::AdminServer;
use proto::v1::genomics_server::GenomicsServer;
use proto::v1::references_server::ReferencesServer;
use proto::worker::v1::objects_server::ObjectsServer;
use proto::worker::v1::workers_server::WorkersServer;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::Server;
use tonic::transport::server::{Router, TcpIncoming};
use tower::Layer;
use tower::layer::util::Stack;

use super::calls::Calls;
use super::objects::OnBulk;
use super::{Api, admin, genomics, references, workers};
use crate::access::{Access, Gate, Guard};
use crate::config::{Config, Listen};
use crate::error::Error;

/// A silent peer is asked for a sign after this time, and given up after the second one.
const KEEPALIVE: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Where a controller listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// A port.
    Tcp(SocketAddr),
    /// A port with TLS.
    Tls(SocketAddr),
    /// A socket.
    Unix(PathBuf),
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "http://{address}"),
            Self::Tls(address) => write!(f, "https://{address}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

/// An open port or socket.
pub enum Listener {
    /// A port.
    Tcp(TcpListener, SocketAddr, Access),
    /// A port with TLS.
    Tls(TlsListener, SocketAddr, Access),
    /// A socket.
    Unix(UnixListener, PathBuf),
}

/// Opens all that is configured, or nothing.
///
/// # Errors
/// [`Error::Listen`] or [`Error::File`].
pub async fn open(config: &Config) -> Result<Vec<Listener>, Error> {
    let access = match &config.policy {
        Some(policy) => Access::Policy(Arc::new(Gate::new(policy)?)),
        None => Access::Open,
    };
    let mut listeners = Vec::new();
    for one in &config.listen {
        listeners.push(match one {
            Listen::Tls { address, tls } => {
                let (listener, bound) = tcp(*address).await?;
                Listener::Tls(
                    TlsListener::new(listener, tls.clone())?,
                    bound,
                    access.clone(),
                )
            }
            Listen::Tcp {
                address,
                insecure: _,
            } => {
                let (listener, bound) = tcp(*address).await?;
                Listener::Tcp(listener, bound, access.clone())
            }
            Listen::TcpWithToken {
                address,
                token_file,
            } => {
                let access = Access::token(token_file)?;
                let (listener, bound) = tcp(*address).await?;
                Listener::Tcp(listener, bound, access)
            }
            Listen::Unix { path } => unix(path).await?,
        });
    }
    Ok(listeners)
}

async fn tcp(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |source| Error::Listen {
        address: address.to_string(),
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Opens a socket under another name and renames it when only its owner may use it.
async fn unix(path: &Path) -> Result<Listener, Error> {
    let address = path.display().to_string();
    let failed = |source| Error::Listen { address, source };
    if UnixStream::connect(path).await.is_ok() {
        return Err(failed(io::ErrorKind::AddrInUse.into()));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let hidden = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let opened = (|| {
        let _ = fs::remove_file(&hidden);
        let listener = UnixListener::bind(&hidden)?;
        fs::set_permissions(&hidden, Permissions::from_mode(0o600))?;
        fs::rename(&hidden, path)?;
        Ok(listener)
    })();
    Ok(Listener::Unix(opened.map_err(failed)?, path.to_owned()))
}

impl Listener {
    /// Returns where it listens.
    pub fn bound(&self) -> Bound {
        match self {
            Self::Tcp(_, address, _) => Bound::Tcp(*address),
            Self::Tls(_, address, _) => Bound::Tls(*address),
            Self::Unix(_, path) => Bound::Unix(path.clone()),
        }
    }

    /// Serves until the stop is asked for and all calls are answered.
    pub async fn serve(
        self,
        api: Api,
        mut stopping: watch::Receiver<bool>,
    ) -> Result<(), tonic::transport::Error> {
        let stop = async move {
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        match self {
            Self::Tcp(listener, _, access) => {
                let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
                let router = router(&api, access).await;
                router.serve_with_incoming_shutdown(incoming, stop).await
            }
            Self::Tls(listener, _, access) => {
                let router = router(&api, access).await;
                let incoming = listener.incoming();
                router.serve_with_incoming_shutdown(incoming, stop).await
            }
            Self::Unix(listener, _) => {
                let incoming = UnixListenerStream::new(listener);
                let router = router(&api, Access::Open).await;
                router.serve_with_incoming_shutdown(incoming, stop).await
            }
        }
    }
}

/// Puts all services behind one listener. Health asks for nothing.
async fn router(api: &Api, access: Access) -> Router {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter
        .set_serving::<GenomicsServer<genomics::Service>>()
        .await;
    reporter
        .set_serving::<WorkersServer<workers::Service>>()
        .await;
    let limit = api.limits.message_bytes;
    let genomics = GenomicsServer::new(genomics::Service(api.clone()));
    let workers = WorkersServer::new(workers::Service(api.clone()));
    let admin = AdminServer::new(admin::Service(api.clone()));
    let references = ReferencesServer::new(references::Service(api.clone()));
    let objects = ObjectsServer::new(OnBulk::new(&api.services));
    let guarded = Stack::new(Guard(access), Calls);
    let mut server = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .tcp_nodelay(true);
    let router = server
        .add_service(health)
        .add_service(guarded.layer(genomics.max_decoding_message_size(limit)))
        .add_service(guarded.layer(workers.max_decoding_message_size(limit)))
        .add_service(guarded.layer(admin.max_decoding_message_size(limit)))
        .add_service(guarded.layer(references.max_decoding_message_size(limit)))
        .add_service(guarded.layer(objects.max_decoding_message_size(limit)));
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1();
    match reflection {
        Ok(reflection) => router.add_service(guarded.layer(reflection)),
        Err(error) => {
            tracing::error!(%error, "no reflection");
            router
        }
    }
}
