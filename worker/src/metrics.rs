//! What a worker measures: its slots, its attempts, its cache, its link to the controller.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use common::metrics::prometheus::{CounterVec, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec};
use common::metrics::{
    Endpoint, Exposed, Unserved, WORK_SECONDS, counters, gauge, gauges, histograms, sums,
};
use common::task::{Outcome, Report, Resources};
use common::telemetry::EXPORTED;
use proto::worker::v1 as wire;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::cache::Cache;

const CACHE_NAME: &str = "spindle_worker_cache_requests_total";

common::define_metrics! {
    pub(crate) static; fn register;
    ATTACHED: IntGauge = gauge(
        "spindle_worker_attached", "1 while the worker is attached to a leader, else 0.");
    EPOCH: IntGauge = gauge(
        "spindle_worker_epoch", "The highest epoch that the worker has seen.");
    CORES: IntGaugeVec = gauges(
        "spindle_worker_cores", "Cores for tasks, and those that tasks use.", &["kind"]);
    MEMORY: IntGaugeVec = gauges(
        "spindle_worker_memory_bytes", "Memory for tasks, and what they may use of it.", &["kind"]);
    RUNNING: IntGauge = gauge("spindle_worker_tasks_running", "Attempts that run.");
    SCRATCH: IntGauge = gauge(
        "spindle_worker_scratch_free_bytes", "Free space where unfinished work is.");
    CACHED: IntGauge = gauge("spindle_worker_cache_bytes", "Fetched files that are kept.");
    CACHE: IntCounterVec = counters(
        CACHE_NAME, "Files that were wanted of the cache, and whether they were there.",
        &["outcome"]);
    ATTEMPTS: IntCounterVec = counters(
        "spindle_worker_attempts_total",
        "Attempts that ended here, by stage and outcome: completed, handed back, or the class of the failure.",
        &["stage", "outcome"]);
    SECONDS: HistogramVec = histograms(
        "spindle_worker_attempt_duration_seconds", "Time that attempts ran, by stage.",
        &["stage"], &WORK_SECONDS);
    CPU: CounterVec = sums(
        "spindle_worker_cpu_seconds_total", "Processor time of attempts that ended, by stage.",
        &["stage"]);
    BASES: IntCounterVec = counters(
        "spindle_worker_bases_total", "Bases that attempts worked on, by stage.", &["stage"]);
}

/// Counts a file that the cache was asked for.
pub(crate) fn cache(was_there: bool) {
    let outcome = if was_there { "hit" } else { "fetched" };
    CACHE.with_label_values(&[outcome]).inc();
}

/// Counts an attempt that ended.
pub(crate) fn ended(report: &Report, ran: Option<Duration>) {
    let stage = report.attempt.task.stage.name();
    let outcome = match &report.outcome {
        Outcome::Completed(_) => "completed",
        Outcome::HandedBack => "handed_back",
        Outcome::Failed(failure) => failure.class.name(),
    };
    ATTEMPTS.with_label_values(&[stage, outcome]).inc();
    if let Some(ran) = ran {
        SECONDS
            .with_label_values(&[stage])
            .observe(ran.as_secs_f64());
    }
    let cpu = Duration::from_millis(report.counters.cpu_ms);
    CPU.with_label_values(&[stage]).inc_by(cpu.as_secs_f64());
    BASES
        .with_label_values(&[stage])
        .inc_by(report.counters.bases);
}

/// Shows how much there is for tasks, and how much of it they use.
pub(crate) fn slots(total: Resources, free: Resources) {
    let used = Resources {
        cores: total.cores.saturating_sub(free.cores),
        memory_bytes: total.memory_bytes.saturating_sub(free.memory_bytes),
    };
    for (kind, of) in [("total", total), ("used", used)] {
        CORES.with_label_values(&[kind]).set(of.cores.into());
        MEMORY
            .with_label_values(&[kind])
            .set(signed(of.memory_bytes));
    }
}

/// Sets a gauge to a number that fits.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Returns what this process has counted for its task; the next task begins at 0.
pub(crate) fn taken() -> Vec<wire::Count> {
    common::metrics::taken(&relayed())
}

/// Adds what a task has counted.
pub(crate) fn recount(counts: &[wire::Count]) {
    common::metrics::recount(counts, &relayed());
}

fn relayed() -> [(&'static str, &'static IntCounterVec); 4] {
    let [bytes, requests, retries] = object_store::metrics::relayed();
    [bytes, requests, retries, (CACHE_NAME, &CACHE)]
}

/// Serves the page of the metrics until this is dropped.
///
/// # Errors
/// [`Unserved`] if the port cannot be opened.
pub(crate) async fn serve(address: SocketAddr, cache: Cache) -> Result<Page, Unserved> {
    register();
    for outcome in ["hit", "fetched"] {
        CACHE.with_label_values(&[outcome]);
    }
    object_store::metrics::register();
    std::sync::LazyLock::force(&EXPORTED);
    let endpoint = Endpoint::open(address).await?;
    tracing::info!(address = %endpoint.address(), "metrics are served");
    Ok(Page(tokio::spawn(endpoint.serve(Arc::new(Shown(cache))))))
}

/// The page; it closes when this is dropped.
pub(crate) struct Page(JoinHandle<()>);

impl Drop for Page {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Shown(Cache);

impl Exposed for Shown {
    fn look(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let cache = self.0.clone();
        Box::pin(async move {
            let held = spawn_blocking(move || cache.held_bytes()).await;
            CACHED.set(signed(held.unwrap_or(0)));
        })
    }

    fn is_ready(&self) -> bool {
        ATTACHED.get() == 1
    }
}
