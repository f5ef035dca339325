//! The way of spans out of a process. It never waits for a collector: spans wait in a bounded queue, and
//! what does not fit is lost.

use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter as Otlp};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, SdkTracer, SdkTracerProvider, Span, SpanData, SpanExporter, SpanProcessor,
};
use prometheus::IntCounterVec;
use tokio::runtime::{Builder, Runtime};

use super::{Spans, relay};
use crate::metrics::counters;

/// Names the program within a trace, whatever its role.
pub(super) const SCOPE: &str = "spindle";

/// The environment that names a collector, that of traces alone first.
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];

/// Spans that were handed to the collector, and those that were lost since it did not answer.
pub static EXPORTED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let spans = counters(
        "spindle_telemetry_spans_total",
        "Spans that the trace collector took, and that were lost since it did not answer.",
        &["outcome"],
    );
    for outcome in [TAKEN, LOST] {
        spans.with_label_values(&[outcome]);
    }
    spans
});

const TAKEN: &str = "exported";
const LOST: &str = "lost";

/// Where finished spans go, once the export was started.
static SINK: OnceLock<Sink> = OnceLock::new();

/// Says whether this process hands spans on.
pub fn is_exporting() -> bool {
    SINK.get().is_some()
}

/// Hands on a finished span that no `tracing` span stands for.
pub(super) fn emit(span: SpanData) {
    if let Some(sink) = SINK.get() {
        sink.on_end(span);
    }
}

/// A running export.
#[derive(Debug)]
pub(super) struct Exporting {
    provider: SdkTracerProvider,
    /// Of the connection to the collector.
    runtime: Option<Runtime>,
}

/// Starts the export that the environment asks for.
pub(super) fn start(spans: Spans) -> Option<Exporting> {
    if spans == Spans::Off || !is_asked_for(|name| env::var(name).ok()) || is_exporting() {
        return None;
    }
    let (service, sink, runtime) = match spans {
        Spans::Off => return None,
        Spans::Collect => (SCOPE, Sink::new(relay::Collector), None),
        Spans::Export(service) => {
            let (exporter, runtime) = match connect() {
                Ok(connected) => connected,
                Err(error) => {
                    eprintln!("spindle: traces are not exported: {error}");
                    return None;
                }
            };
            let batches = BatchSpanProcessor::builder(Watched::new(exporter)).build();
            (service, Sink::new(batches), Some(runtime))
        }
    };
    let provider = SdkTracerProvider::builder()
        .with_resource(resource(service))
        .with_span_processor(sink.clone())
        .build();
    let _only_once = SINK.set(sink);
    Some(Exporting { provider, runtime })
}

impl Exporting {
    pub(super) fn tracer(&self) -> SdkTracer {
        self.provider.tracer(SCOPE)
    }

    /// Sends what waits. A collector that does not answer in time loses it.
    pub(super) fn end(self, within: Duration) {
        let _late = self.provider.shutdown_with_timeout(within);
        if let Some(runtime) = self.runtime {
            runtime.shutdown_background();
        }
    }
}

fn is_asked_for(variable: impl Fn(&str) -> Option<String>) -> bool {
    let is =
        |name: &str, value: &str| variable(name).is_some_and(|v| v.eq_ignore_ascii_case(value));
    let names_one = |name: &&str| variable(name).is_some_and(|value| !value.trim().is_empty());
    ENDPOINTS.iter().any(names_one)
        && !is("OTEL_TRACES_EXPORTER", "none")
        && !is("OTEL_SDK_DISABLED", "true")
}

fn resource(service: &'static str) -> Resource {
    let resource = Resource::builder();
    let is_named = env::var("OTEL_SERVICE_NAME").is_ok_and(|name| !name.is_empty())
        || env::var("OTEL_RESOURCE_ATTRIBUTES").is_ok_and(|all| all.contains("service.name="));
    let resource = match is_named {
        true => resource,
        false => resource.with_service_name(service),
    };
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    resource.with_attribute(version).build()
}

/// Opens the way to the collector. Its connection is made when the first spans go.
fn connect() -> Result<(Otlp, Runtime), ExporterBuildError> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("telemetry")
        .enable_all()
        .build();
    let runtime = runtime.map_err(|e| ExporterBuildError::InternalFailure(e.to_string()))?;
    let _entered = runtime.enter();
    let exporter = Otlp::builder().with_tonic().build()?;
    drop(_entered);
    Ok((exporter, runtime))
}

/// A processor that both the provider and [`emit`] hand spans to.
#[derive(Debug, Clone)]
struct Sink(Arc<RwLock<Box<dyn SpanProcessor>>>);

impl Sink {
    fn new(processor: impl SpanProcessor + 'static) -> Self {
        Self(Arc::new(RwLock::new(Box::new(processor))))
    }

    fn with<T>(&self, act: impl FnOnce(&dyn SpanProcessor) -> T) -> T {
        act(&**self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SpanProcessor for Sink {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.with(|processor| processor.on_start(span, context));
    }

    fn on_end(&self, span: SpanData) {
        self.with(|processor| processor.on_end(span));
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.with(|processor| processor.force_flush())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.with(|processor| processor.shutdown_with_timeout(timeout))
    }

    fn set_resource(&mut self, resource: &Resource) {
        let mut processor = self.0.write().unwrap_or_else(PoisonError::into_inner);
        processor.set_resource(resource);
    }
}

/// An exporter that counts what it sends, and says once when the collector goes away or comes back.
#[derive(Debug)]
struct Watched<E> {
    exporter: E,
    is_away: AtomicBool,
}

impl<E> Watched<E> {
    fn new(exporter: E) -> Self {
        let is_away = AtomicBool::new(false);
        Self { exporter, is_away }
    }

    fn note(&self, spans: usize, result: &OTelSdkResult) {
        let outcome = match result {
            Ok(()) => TAKEN,
            Err(_) => LOST,
        };
        EXPORTED.with_label_values(&[outcome]).inc_by(spans as u64);
        let was_away = self.is_away.swap(result.is_err(), Ordering::Relaxed);
        match result {
            Err(error) if !was_away => {
                tracing::warn!(%error, "the trace collector does not answer")
            }
            Ok(()) if was_away => tracing::info!("the trace collector answers again"),
            _ => {}
        }
    }
}

impl<E: SpanExporter> SpanExporter for Watched<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let result = self.exporter.export(batch).await;
        self.note(spans, &result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_exported_unless_a_collector_is_named() {
        let asked = |set: &[(&str, &str)]| {
            is_asked_for(|name| {
                let found = set.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317");
        assert!(!asked(&[]));
        assert!(!asked(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]));
        assert!(asked(&[endpoint]));
        assert!(asked(&[(
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://a:1"
        )]));
        assert!(!asked(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")]));
        assert!(!asked(&[endpoint, ("OTEL_SDK_DISABLED", "TRUE")]));
    }
}
