//! From `tracing` spans to contexts that travel, and back.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tonic::codegen::http::{HeaderMap, HeaderValue};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::trace::{TRACEPARENT, TraceContext};

/// Returns where the present span belongs; `None` if nothing records it.
pub fn current() -> Option<TraceContext> {
    of(&Span::current())
}

/// Returns where a span belongs; `None` if nothing records it.
pub fn of(span: &Span) -> Option<TraceContext> {
    let context = span.context();
    let span = context.span().span_context().clone();
    TraceContext::new(
        span.trace_id().to_bytes(),
        span.span_id().to_bytes(),
        span.is_sampled(),
    )
}

/// Makes a span, not yet entered, the child of one that began elsewhere.
pub fn continues(span: &Span, parent: Option<&TraceContext>) {
    if let Some(parent) = parent {
        let remote = Context::new().with_remote_span_context(span_context(parent, true));
        // A span that nothing records has no parent.
        let _unrecorded = span.set_parent(remote);
    }
}

/// Lets a call carry the present span.
pub fn inject(headers: &mut HeaderMap) {
    let value = current().and_then(|trace| HeaderValue::try_from(trace.to_string()).ok());
    if let Some(value) = value {
        headers.insert(TRACEPARENT, value);
    }
}

/// Returns the span that a call carries.
pub fn extract(headers: &HeaderMap) -> Option<TraceContext> {
    TraceContext::read(headers.get(TRACEPARENT)?.to_str().ok()?)
}

/// Returns the same in the words of OpenTelemetry.
pub(super) fn span_context(context: &TraceContext, remote: bool) -> SpanContext {
    let flags = match context.is_sampled() {
        true => TraceFlags::SAMPLED,
        false => TraceFlags::default(),
    };
    SpanContext::new(
        TraceId::from_bytes(context.trace()),
        SpanId::from_bytes(context.span()),
        flags,
        remote,
        TraceState::default(),
    )
}
