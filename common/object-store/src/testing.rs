//! A server of S3 in this process, over a folder, which misbehaves as a test wants.
#![expect(clippy::unwrap_used, reason = "a part of tests")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream;
use http_body_util::StreamBody;
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::SimpleAuth;
use s3s::dto::{CompleteMultipartUploadInput, PutObjectInput};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, S3Request, S3Result};
use s3s_fs::FileSystem;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The key of whoever may ask.
pub const ACCESS_KEY: &str = "tester";
/// Its secret.
pub const SECRET_KEY: &str = "not-a-secret";

/// How the server misbehaves from now on.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// So many requests are refused with 503.
    pub refused: u32,
    /// Each request of this number is refused with 503; 0: none.
    pub refused_every: u32,
    /// What a refusal asks for, in seconds.
    pub retry_after: Option<u32>,
    /// So many answers to reads break off after the half of their bytes.
    pub cut_reads: u32,
    /// Each read of this number breaks off; 0: none.
    pub cut_every: u32,
    /// So many answers to reads stall after the half of their bytes.
    pub stalled_reads: u32,
    /// So many uploads of a part are refused.
    pub refused_parts: u32,
    /// So many completions of an upload come through, but are answered with 500.
    pub lost_completions: u32,
}

/// What was asked, and how to answer next.
#[derive(Debug, Default)]
struct Conduct {
    faults: Faults,
    requests: u32,
    reads: u32,
    log: Vec<String>,
}

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    url: String,
    conduct: Arc<Mutex<Conduct>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Serves a folder, each folder in it a bucket.
    pub async fn start(folder: &Path) -> Self {
        Self::start_with(folder, true).await
    }

    /// As [`Self::start`]; a server that honours no conditions ignores them in silence.
    pub async fn start_with(folder: &Path, honours_conditions: bool) -> Self {
        let any = (Ipv4Addr::LOCALHOST, 0).into();
        Self::start_at(any, folder, honours_conditions).await
    }

    /// As [`Self::start_with`], at an address.
    pub async fn start_at(address: SocketAddr, folder: &Path, honours_conditions: bool) -> Self {
        let files = FileSystem::new(folder).unwrap();
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        service.set_access(Access { honours_conditions });
        let service = service.build();
        let listener = TcpListener::bind(address).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let conduct = Arc::new(Mutex::new(Conduct::default()));
        let shared = conduct.clone();
        let task = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                // As servers of S3 do: answers of several pieces would wait for acknowledgements.
                socket.set_nodelay(true).unwrap();
                tokio::spawn(serve(socket, service.clone(), shared.clone()));
            }
        });
        Self { url, conduct, task }
    }

    /// Returns its address, as `AWS_ENDPOINT_URL` wants it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets it misbehave.
    pub fn misbehave(&self, faults: Faults) {
        lock(&self.conduct).faults = faults;
    }

    /// Returns which faults are left.
    pub fn faults(&self) -> Faults {
        lock(&self.conduct).faults.clone()
    }

    /// Returns and forgets what was asked: method, path and query.
    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.conduct).log)
    }
}

/// Lets everybody with the key do everything; takes conditions away where they are not honoured.
struct Access {
    honours_conditions: bool,
}

#[async_trait::async_trait]
impl S3Access for Access {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        match cx.credentials() {
            Some(_) => Ok(()),
            None => Err(s3s::s3_error!(AccessDenied, "no credentials")),
        }
    }

    async fn put_object(&self, request: &mut S3Request<PutObjectInput>) -> S3Result<()> {
        if !self.honours_conditions {
            request.input.if_none_match = None;
            request.input.if_match = None;
        }
        Ok(())
    }

    async fn complete_multipart_upload(
        &self,
        request: &mut S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<()> {
        if !self.honours_conditions {
            request.input.if_none_match = None;
            request.input.if_match = None;
        }
        Ok(())
    }
}

/// What is done with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Pass,
    Refuse(Option<u32>),
    Cut,
    Stall,
    Lose,
}

async fn serve(socket: TcpStream, service: S3Service, conduct: Arc<Mutex<Conduct>>) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let act = lock(&conduct).act(&request);
        let service = service.clone();
        async move {
            let refuse = |seconds: Option<u32>| {
                let mut response = Response::builder().status(503);
                if let Some(seconds) = seconds {
                    response = response.header("retry-after", seconds);
                }
                response.body(Body::from(
                    "<Error><Code>SlowDown</Code></Error>".to_owned(),
                ))
            };
            if let Act::Refuse(seconds) = act {
                return Ok(refuse(seconds).unwrap());
            }
            let response = service.call(request.map(Body::from)).await?;
            Ok::<_, s3s::HttpError>(match act {
                Act::Cut => broken(response, false),
                Act::Stall => broken(response, true),
                Act::Lose => {
                    // The answer is made while it is read.
                    drop(http_body_util::BodyExt::collect(response.into_body()).await);
                    refuse(None).unwrap()
                }
                Act::Pass | Act::Refuse(_) => response,
            })
        }
    });
    let connection = Builder::new(TokioExecutor::new());
    // A client that goes away is no fault of the test.
    drop(
        connection
            .serve_connection(TokioIo::new(socket), answer)
            .await,
    );
}

impl Conduct {
    fn act(&mut self, request: &Request<Incoming>) -> Act {
        let uri = request.uri().to_string();
        self.log.push(format!("{} {uri}", request.method()));
        self.requests += 1;
        let is_read = request.method() == Method::GET && !uri.contains("list-type");
        let is_part = request.method() == Method::PUT && uri.contains("partNumber");
        let is_completion = request.method() == Method::POST && uri.contains("uploadId");
        self.reads += u32::from(is_read);
        let every = |number: u32, count: u32| number != 0 && count.is_multiple_of(number);
        let faults = &mut self.faults;
        if take(&mut faults.refused)
            || (is_part && take(&mut faults.refused_parts))
            || every(faults.refused_every, self.requests)
        {
            Act::Refuse(faults.retry_after)
        } else if is_read && (take(&mut faults.cut_reads) || every(faults.cut_every, self.reads)) {
            Act::Cut
        } else if is_read && take(&mut faults.stalled_reads) {
            Act::Stall
        } else if is_completion && take(&mut faults.lost_completions) {
            Act::Lose
        } else {
            Act::Pass
        }
    }
}

fn take(count: &mut u32) -> bool {
    let is_some = *count > 0;
    *count -= u32::from(is_some);
    is_some
}

/// Gives the first half of a body, and then an error, or nothing more.
fn broken(response: Response<Body>, stalls: bool) -> Response<Body> {
    let (head, body) = response.into_parts();
    let length = head.headers.get("content-length");
    let length: usize = length.map_or(0, |text| text.to_str().unwrap().parse().unwrap());
    let mut left = length / 2;
    let first = body.map(move |chunk| {
        let mut chunk: Bytes = chunk?;
        if left == 0 {
            return Err(s3s::StdError::from("the connection breaks"));
        }
        chunk.truncate(left);
        left -= chunk.len();
        Ok(Frame::data(chunk))
    });
    let whole = if stalls {
        let first = first.take_while(|frame| std::future::ready(frame.is_ok()));
        first.chain(stream::pending()).boxed()
    } else {
        first.boxed()
    };
    Response::from_parts(head, Body::http_body_unsync(StreamBody::new(whole)))
}

fn lock(conduct: &Mutex<Conduct>) -> MutexGuard<'_, Conduct> {
    conduct.lock().unwrap()
}
