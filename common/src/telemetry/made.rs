//! Spans of work that no single process saw from begin to end.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{Link, SpanId, SpanKind, Status};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::context::span_context;
use super::export;
use crate::trace::TraceContext;

/// A span with its times, told when it is over.
#[derive(Debug, Clone)]
pub struct Made {
    /// The span itself.
    pub context: TraceContext,
    /// The span that it is part of, in the same trace.
    pub parent: Option<TraceContext>,
    /// A span of another trace that caused it.
    pub cause: Option<TraceContext>,
    /// What was done.
    pub name: &'static str,
    /// Milliseconds since 1970.
    pub begin_ms: u64,
    /// Milliseconds since 1970.
    pub end_ms: u64,
    /// Ids, stages, numbers: never names of samples, files or reads.
    pub attributes: Vec<(&'static str, Value)>,
    /// In a word why it did not succeed, if so.
    pub fault: Option<&'static str>,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// An id or a word.
    Text(String),
    /// A number.
    Number(u64),
}

impl Made {
    /// Hands it on, if its trace is recorded.
    pub fn tell(self) {
        if self.context.is_sampled() && export::is_exporting() {
            export::emit(self.into());
        }
    }
}

impl From<Made> for SpanData {
    fn from(made: Made) -> Self {
        let Made {
            context,
            parent,
            cause,
            name,
            begin_ms,
            end_ms,
            attributes,
            fault,
        } = made;
        let mut links = SpanLinks::default();
        let cause = cause.map(|cause| span_context(&cause, true));
        links.links = cause.map(Link::with_context).into_iter().collect();
        let attributes = attributes.into_iter().map(|(key, value)| match value {
            Value::Text(text) => KeyValue::new(key, text),
            Value::Number(number) => KeyValue::new(key, i64::try_from(number).unwrap_or(i64::MAX)),
        });
        Self {
            span_context: span_context(&context, false),
            parent_span_id: parent.map_or(SpanId::INVALID, |p| SpanId::from_bytes(p.span())),
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: Cow::Borrowed(name),
            start_time: at(begin_ms),
            end_time: at(end_ms.max(begin_ms)),
            attributes: attributes.collect(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links,
            status: fault.map_or(Status::Unset, Status::error),
            instrumentation_scope: InstrumentationScope::builder(export::SCOPE).build(),
        }
    }
}

fn at(ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(ms)
}
