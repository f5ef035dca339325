//! What a process tells of itself while it works: log lines on standard error, and spans to a
//! collector that speaks OTLP.
//!
//! Spans go out only where the environment names a collector (`OTEL_EXPORTER_OTLP_ENDPOINT`). Spans of
//! work that is going on are `tracing` spans of the target [`TARGET`] ([`span!`](crate::span)); work
//! whose begin and end are known later, perhaps to another process, is told as [`Made`]. Neither
//! carries events, so no text of a log line ever becomes part of a trace.

mod context;
mod export;
mod made;
mod relay;

use std::time::Duration;

use tracing::Metadata;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

pub use context::{continues, current, extract, inject, of};
pub use export::{EXPORTED, is_exporting};
pub use made::{Made, Value};
pub use relay::{collected, relay};

/// Target of the spans that are exported; log lines never have it.
pub const TARGET: &str = "spindle::trace";

/// How long the last spans may take when a process ends.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Where spans go, if the environment asks for any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spans {
    /// To the collector, under this name unless `OTEL_SERVICE_NAME` gives another.
    Export(&'static str),
    /// To the process that started this one, which takes them from [`collected`].
    Collect,
    /// Nowhere.
    Off,
}

/// Ends the export when it is dropped: what waits is sent, within a deadline.
#[must_use]
#[derive(Debug)]
pub struct Telemetry(Option<export::Exporting>);

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(exporting) = self.0.take() {
            exporting.end(FLUSH_WITHIN);
        }
    }
}

/// Starts logging and the export of spans; `RUST_LOG` overrides `default_filter`. A second call
/// changes nothing.
pub fn start(format: LogFormat, default_filter: &str, spans: Spans) -> Telemetry {
    let exporting = export::start(spans);
    let layer = exporting.as_ref().map(|exporting| {
        let layer = tracing_opentelemetry::layer()
            .with_tracer(exporting.tracer())
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false);
        layer.with_filter(filter_fn(is_exported))
    });
    let registry = Registry::default().with(layer);
    let started = match format {
        LogFormat::Text => {
            let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
            let lines = lines.with_ansi(false);
            let shown = filter(default_filter).and(filter_fn(|it| it.target() != TARGET));
            registry.with(lines.with_filter(shown)).try_init()
        }
        LogFormat::Json => {
            let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
            let shown = filter(default_filter).and(filter_fn(|it| it.target() != TARGET));
            registry.with(lines.json().with_filter(shown)).try_init()
        }
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
    Telemetry(exporting)
}

fn filter(default_filter: &str) -> EnvFilter {
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default_filter))
}

fn is_exported(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == TARGET
}

/// Makes a span that is exported; its fields may be ids, stages and numbers, never names of samples,
/// files or reads.
#[macro_export]
macro_rules! span {
    ($name:expr $(, $($fields:tt)*)?) => {
        $crate::tracing::info_span!(target: $crate::telemetry::TARGET, $name $(, $($fields)*)?)
    };
}
