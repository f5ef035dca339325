//! The layer around every service: counts calls, measures them, and goes on with their traces.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::Instant;

use common::telemetry;
use common::trace::TraceContext;
use http_body_util::BodyExt;
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tonic::server::NamedService;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::{Instrument, Span};

use crate::metrics::{CALL_TIMES, CALLS};

/// The calls of the contract: whatever else a client asks for has one name in metrics.
static KNOWN: LazyLock<BTreeSet<String>> = LazyLock::new(known);
const OTHER: &str = "other";

/// Streams that stay open, of which no span tells anything.
const ENDLESS: [&str; 2] = ["Attach", "Heartbeat"];

/// Measures calls.
#[derive(Debug, Clone)]
pub struct Calls;

/// A service whose calls are measured.
#[derive(Debug, Clone)]
pub struct Measured<S>(S);

/// The span of a call, or the one that its client sent.
#[derive(Debug, Clone, Copy)]
pub struct Traced(pub TraceContext);

impl<S> Layer<S> for Calls {
    type Service = Measured<S>;

    fn layer(&self, service: S) -> Measured<S> {
        Measured(service)
    }
}

impl<S: NamedService> NamedService for Measured<S> {
    const NAME: &'static str = S::NAME;
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<S> Service<Request<Body>> for Measured<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Answer {
        let begun = Instant::now();
        let path = request.uri().path().trim_start_matches('/');
        let method = KNOWN.get(path).map_or(OTHER, String::as_str);
        let sent = telemetry::extract(request.headers());
        let span = span_of(method, sent.as_ref());
        if let Some(trace) = telemetry::of(&span).or(sent) {
            request.extensions_mut().insert(Traced(trace));
        }
        let answered = self.0.call(request).instrument(span.clone());
        Box::pin(async move {
            let mut ended = Ended { method, code: None };
            let response = answered.await?;
            let seconds = begun.elapsed().as_secs_f64();
            CALL_TIMES.with_label_values(&[method]).observe(seconds);
            ended.take(response.headers());
            if let Some(code) = ended.code.filter(|code| *code != Code::Ok) {
                span.record("rpc.grpc.status_code", code as i64);
                span.record("otel.status_code", "ERROR");
            }
            Ok(response.map(|body| {
                Body::new(body.map_frame(move |frame| {
                    frame
                        .trailers_ref()
                        .into_iter()
                        .for_each(|found| ended.take(found));
                    frame
                }))
            }))
        })
    }
}

fn span_of(method: &'static str, parent: Option<&TraceContext>) -> Span {
    if ENDLESS.iter().any(|endless| method.ends_with(endless)) {
        return Span::none();
    }
    let span = common::span!(
        "call",
        otel.name = method,
        otel.kind = "server",
        otel.status_code = tracing::field::Empty,
        rpc.system = "grpc",
        rpc.method = method,
        rpc.grpc.status_code = tracing::field::Empty,
    );
    telemetry::continues(&span, parent);
    span
}

/// Counts a call when its answer is over: one without a code was given up by its client.
struct Ended {
    method: &'static str,
    code: Option<Code>,
}

impl Ended {
    fn take(&mut self, headers: &HeaderMap) {
        let status = Status::from_header_map(headers);
        self.code = status.map(|status| status.code()).or(self.code);
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        let code = name(self.code.unwrap_or(Code::Cancelled));
        CALLS.with_label_values(&[self.method, code]).inc();
    }
}

const fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

fn known() -> BTreeSet<String> {
    let set = FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap_or_default();
    let mut known = BTreeSet::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                known.insert(format!(
                    "{}.{}/{}",
                    file.package(),
                    service.name(),
                    method.name()
                ));
            }
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_calls_of_the_contract_have_names() {
        assert!(KNOWN.contains("spindle.v1.Genomics/SubmitBatch"));
        assert!(!KNOWN.contains("spindle.v1.Genomics/Nonsense"));
    }
}
