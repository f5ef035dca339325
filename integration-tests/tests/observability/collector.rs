//! A trace collector within the test: it takes spans over OTLP, and keeps them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// A span as the tests look at it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub service: String,
    pub name: String,
    pub trace: Vec<u8>,
    pub id: Vec<u8>,
    pub parent: Vec<u8>,
    pub begin_ns: u64,
    pub end_ns: u64,
    pub attributes: BTreeMap<String, String>,
}

/// A collector on a port of its own, until it is dropped.
pub struct Collector {
    kept: Kept,
    pub url: String,
    _runtime: Runtime,
}

#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<ResourceSpans>>>);

#[tonic::async_trait]
impl TraceService for Kept {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(request.into_inner().resource_spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    pub fn start() -> Result<Self> {
        let runtime = Runtime::new()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let url = format!("http://{}", listener.local_addr()?);
        let kept = Kept::default();
        let service = TraceServiceServer::new(kept.clone());
        let server = tonic::transport::Server::builder().add_service(service);
        runtime.spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Ok(Self {
            kept,
            url,
            _runtime: runtime,
        })
    }

    /// Returns the environment in which processes send their spans here, and soon.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("OTEL_EXPORTER_OTLP_ENDPOINT", self.url.clone()),
            ("OTEL_BSP_SCHEDULE_DELAY", "200".into()),
        ]
    }

    /// Returns all that was sent, as text.
    pub fn text(&self) -> String {
        let kept = self.kept.0.lock().unwrap_or_else(PoisonError::into_inner);
        format!("{kept:?}")
    }

    /// Returns the spans so far.
    pub fn spans(&self) -> Vec<Seen> {
        let kept = self.kept.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().flat_map(seen).collect()
    }
}

fn seen(resource: &ResourceSpans) -> Vec<Seen> {
    let of_resource = resource.resource.as_ref();
    let of_resource = of_resource.map_or_else(BTreeMap::new, |it| texts(&it.attributes));
    let service = of_resource.get("service.name").cloned().unwrap_or_default();
    let spans = resource.scope_spans.iter().flat_map(|scope| &scope.spans);
    spans
        .map(|span| Seen {
            service: service.clone(),
            name: span.name.clone(),
            trace: span.trace_id.clone(),
            id: span.span_id.clone(),
            parent: span.parent_span_id.clone(),
            begin_ns: span.start_time_unix_nano,
            end_ns: span.end_time_unix_nano,
            attributes: texts(&span.attributes),
        })
        .collect()
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |one: &KeyValue| {
        let value = one.value.as_ref().and_then(|value| value.value.as_ref());
        let text = match value {
            Some(Value::StringValue(text)) => text.clone(),
            Some(Value::IntValue(number)) => number.to_string(),
            other => format!("{other:?}"),
        };
        (one.key.clone(), text)
    };
    attributes.iter().map(text).collect()
}
