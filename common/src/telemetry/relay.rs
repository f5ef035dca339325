//! Spans of a child process on their way through its parent: a short-lived process needs no
//! connection to the collector, and never waits for one.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry::{Context, InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanEvents, SpanLinks, SpanProcessor};
use proto::worker::v1 as wire;

use super::context::span_context;
use super::export;
use crate::trace::TraceContext;

/// The most spans that a task tells of.
const MOST: usize = 1_000;

static COLLECTED: Mutex<Vec<SpanData>> = Mutex::new(Vec::new());

/// Keeps spans until they are asked for.
#[derive(Debug)]
pub(super) struct Collector;

impl SpanProcessor for Collector {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        let mut collected = COLLECTED.lock().unwrap_or_else(PoisonError::into_inner);
        if span.span_context.is_sampled() && collected.len() < MOST {
            collected.push(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Takes the spans that this process has finished.
pub fn collected() -> Vec<wire::Span> {
    let mut collected = COLLECTED.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::take(&mut *collected)
        .into_iter()
        .map(to_wire)
        .collect()
}

/// Hands on the spans that a child process has finished.
pub fn relay(spans: Vec<wire::Span>) {
    for span in spans.into_iter().take(MOST).filter_map(from_wire) {
        export::emit(span);
    }
}

fn to_wire(span: SpanData) -> wire::Span {
    let text = |value: &Value| value.as_str().into_owned();
    let attributes = span.attributes.iter();
    wire::Span {
        trace_id: span.span_context.trace_id().to_bytes().to_vec(),
        span_id: span.span_context.span_id().to_bytes().to_vec(),
        parent_span_id: span.parent_span_id.to_bytes().to_vec(),
        name: span.name.into_owned(),
        start_ns: since_1970(span.start_time),
        end_ns: since_1970(span.end_time),
        attributes: attributes
            .map(|one| (one.key.as_str().to_owned(), text(&one.value)))
            .collect(),
        fault: match span.status {
            Status::Error { description } => description.into_owned(),
            _ => String::new(),
        },
    }
}

fn from_wire(span: wire::Span) -> Option<SpanData> {
    let wire::Span {
        trace_id,
        span_id,
        parent_span_id,
        name,
        start_ns,
        end_ns,
        attributes,
        fault,
    } = span;
    let context = TraceContext::new(trace_id.try_into().ok()?, span_id.try_into().ok()?, true)?;
    let attributes = attributes.into_iter();
    Some(SpanData {
        span_context: span_context(&context, false),
        parent_span_id: SpanId::from_bytes(parent_span_id.try_into().ok()?),
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: Cow::Owned(name),
        start_time: UNIX_EPOCH + Duration::from_nanos(start_ns),
        end_time: UNIX_EPOCH + Duration::from_nanos(end_ns.max(start_ns)),
        attributes: attributes
            .map(|(key, value)| KeyValue::new(key, value))
            .collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: match fault.is_empty() {
            true => Status::Unset,
            false => Status::error(fault),
        },
        instrumentation_scope: InstrumentationScope::builder(export::SCOPE).build(),
    })
}

fn since_1970(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_survive_the_pipe_of_a_task() {
        let wire = wire::Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            parent_span_id: vec![3; 8],
            name: "stage".into(),
            start_ns: 5,
            end_ns: 9,
            attributes: [("spindle.stage".to_owned(), "align".to_owned())].into(),
            fault: "internal".into(),
        };
        assert_eq!(to_wire(from_wire(wire.clone()).unwrap()), wire);
    }

    #[test]
    fn spans_without_ids_are_left_out() {
        assert_eq!(from_wire(wire::Span::default()), None);
    }
}
