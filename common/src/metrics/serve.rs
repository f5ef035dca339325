//! The page that Prometheus fetches, and two for whoever looks after the process: `GET /metrics`,
//! `/healthz` (it runs) and `/readyz` (it can do its work).

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::{Encoder, TextEncoder};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore};

use super::process;

/// Connections at the same time; more wait.
const CONNECTIONS: usize = 16;
/// How long a client may take to say what it wants, and to take the answer.
const WITHIN: Duration = Duration::from_secs(10);

/// Nobody else may look while gauges are set.
static LOOKING: Mutex<()> = Mutex::const_new(());

/// What a role shows.
pub trait Exposed: Send + Sync + 'static {
    /// Sets the gauges that are known only when somebody asks.
    fn look(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Says whether it can do its work.
    fn is_ready(&self) -> bool;
}

/// The page could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot be served on {address}")]
pub struct Unserved {
    address: SocketAddr,
    source: io::Error,
}

/// An open port for metrics.
#[derive(Debug)]
pub struct Endpoint {
    listener: TcpListener,
    address: SocketAddr,
}

impl Endpoint {
    /// Opens the port; 0 takes a free one.
    ///
    /// # Errors
    /// [`Unserved`] if it is taken or not of this machine.
    pub async fn open(address: SocketAddr) -> Result<Self, Unserved> {
        let failed = move |source| Unserved { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Returns where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until this is dropped.
    pub async fn serve(self, exposed: Arc<dyn Exposed>) {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = room.clone().acquire_owned().await else {
                return;
            };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let exposed = exposed.clone();
                    tokio::spawn(async move {
                        connection(stream, exposed).await;
                        drop(place);
                    });
                }
                // Too many open files, most likely: others have to go first.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

async fn connection(stream: TcpStream, exposed: Arc<dyn Exposed>) {
    let answer = service_fn(move |request| {
        let exposed = exposed.clone();
        async move { Ok::<_, Infallible>(respond(&request, &*exposed).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(WITHIN);
    let _broken = http.serve_connection(TokioIo::new(stream), answer).await;
}

async fn respond(request: &Request<Incoming>, exposed: &dyn Exposed) -> Response<Full<Bytes>> {
    const PLAIN: &str = "text/plain; charset=utf-8";
    const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
    let (status, kind, text) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => {
            (StatusCode::OK, METRICS, page(exposed).await)
        }
        (&Method::GET | &Method::HEAD, "/healthz") => (StatusCode::OK, PLAIN, "ok\n".into()),
        (&Method::GET | &Method::HEAD, "/readyz") => match exposed.is_ready() {
            true => (StatusCode::OK, PLAIN, "ready\n".into()),
            false => (StatusCode::SERVICE_UNAVAILABLE, PLAIN, "not ready\n".into()),
        },
        (&Method::GET | &Method::HEAD, _) => {
            (StatusCode::NOT_FOUND, PLAIN, "no such page\n".into())
        }
        _ => (StatusCode::METHOD_NOT_ALLOWED, PLAIN, "GET only\n".into()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
    }
    response
}

/// Writes all metrics of the process.
async fn page(exposed: &dyn Exposed) -> String {
    let _only_one = LOOKING.lock().await;
    exposed.look().await;
    let mut text = Vec::new();
    // Writing to memory fails for metrics without a value only, which then are left out.
    let _partial = TextEncoder::new().encode(&prometheus::gather(), &mut text);
    let mut text = String::from_utf8_lossy(&text).into_owned();
    process::write(&mut text);
    text
}
