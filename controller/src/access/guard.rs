//! The layer before every service: nobody gets past it unknown.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use common::wire::status::refusal;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::server::NamedService;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use tonic::{Code, Status};
use tower::{Layer, Service};

use super::{Access, Credentials, Principal, Right, right_of};

/// Lets calls through with the [`Principal`] that makes them.
#[derive(Debug, Clone)]
pub struct Guard(pub Access);

/// A service behind a [`Guard`].
#[derive(Debug, Clone)]
pub struct Guarded<S> {
    access: Access,
    service: S,
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, service: S) -> Guarded<S> {
        let access = self.0.clone();
        Guarded { access, service }
    }
}

impl<S: NamedService> NamedService for Guarded<S> {
    const NAME: &'static str = S::NAME;
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Answer {
        let access = self.access.clone();
        // The one that is ready is used; its clone waits for the next call.
        let ready = self.service.clone();
        let mut service = std::mem::replace(&mut self.service, ready);
        let call = Call::of(&request);
        Box::pin(async move {
            match call.admit(&access).await {
                Ok(principal) => {
                    request.extensions_mut().insert(principal);
                    service.call(request).await
                }
                Err(status) => Ok(status.into_http()),
            }
        })
    }
}

/// What a request shows before its body is read.
struct Call {
    right: Option<Right>,
    authorization: Option<String>,
    certificate: Option<Vec<u8>>,
}

impl Call {
    fn of(request: &Request<Body>) -> Self {
        let authorization = request.headers().get("authorization");
        let tls = request.extensions().get::<TlsConnectInfo<TcpConnectInfo>>();
        let certificates = tls.and_then(TlsConnectInfo::peer_certs);
        let first = certificates.as_ref().and_then(|chain| chain.first());
        Self {
            right: right_of(request.uri().path()),
            authorization: authorization.and_then(|value| value.to_str().ok().map(str::to_owned)),
            certificate: first.map(|certificate| certificate.to_vec()),
        }
    }

    async fn admit(&self, access: &Access) -> Result<Principal, Status> {
        let Some(right) = self.right else {
            let message = "there is no such call";
            return Err(refusal(Code::Unimplemented, "CALL", message, None));
        };
        let credentials = Credentials {
            authorization: self.authorization.as_deref(),
            certificate: self.certificate.as_deref(),
        };
        access.admit(credentials, right).await
    }
}
