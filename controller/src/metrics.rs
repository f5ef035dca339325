//! What a controller measures. Counters and histograms are of this process, whatever it led; gauges of
//! work are of the control plane that lives here, so on a follower they are zero.

mod endpoint;

use common::failure::FailureClass;
use common::metrics::prometheus::{
    Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
};
use common::metrics::{
    CALL_SECONDS, Capped, WORK_SECONDS, counter, counters, gauge, gauges, histogram, histograms,
};
use common::task::Stage;

pub use endpoint::serve;

/// Tenants that have a label of their own.
const TENANTS: usize = 200;

/// The tenants that have one.
pub static TENANT: Capped = Capped::new(TENANTS);

/// Makes all metrics known before they first change: what begins with its first fault raises no alarm.
fn prepare() {
    register();
    let classes = FailureClass::ALL.map(FailureClass::name);
    for stage in Stage::ALL {
        for outcome in classes.into_iter().chain(["completed"]) {
            ATTEMPTS.with_label_values(&[stage.name(), outcome]);
        }
    }
    for state in ["succeeded", "failed", "rejected", "cancelled"] {
        WORKFLOWS_ENDED.with_label_values(&[state]);
    }
}

common::define_metrics! {
    pub static; fn register;
    WORKFLOWS: IntGaugeVec = gauges(
        "spindle_workflows", "Workflows that have not ended, by state.", &["state"]);
    WORKFLOWS_ENDED: IntCounterVec = counters(
        "spindle_workflows_ended_total", "Workflows that ended, by how.", &["state"]);
    TASKS: IntGaugeVec = gauges(
        "spindle_tasks", "Tasks that are ready for a worker, and that run, by stage.",
        &["stage", "state"]);
    ATTEMPTS: IntCounterVec = counters(
        "spindle_task_attempts_total",
        "Attempts that ended, by stage and outcome: completed, or the class of the failure.",
        &["stage", "outcome"]);
    ATTEMPT_SECONDS: HistogramVec = histograms(
        "spindle_attempt_duration_seconds",
        "Time from the placement of an attempt to its report, by stage.",
        &["stage"], &WORK_SECONDS);
    QUEUE_SECONDS: Histogram = histogram(
        "spindle_queue_wait_seconds",
        "Time from the acceptance of a workflow to its first attempt.", &WORK_SECONDS);
    WORKFLOW_SECONDS: HistogramVec = histograms(
        "spindle_workflow_duration_seconds",
        "Time from the acceptance of a workflow to its end, by how it ended.",
        &["state"], &WORK_SECONDS);
    BASES: IntCounterVec = counters(
        "spindle_bases_processed_total", "Bases that were aligned, by tenant.", &["tenant"]);
    STALE_REPORTS: IntCounter = counter(
        "spindle_stale_reports_total",
        "Reports that were refused since their attempt no longer counted.");
    CALLS: IntCounterVec = counters(
        "spindle_grpc_requests_total", "Calls that were answered, by method and code.",
        &["method", "code"]);
    CALL_TIMES: HistogramVec = histograms(
        "spindle_grpc_request_duration_seconds",
        "Time from a call to the begin of its answer, by method.", &["method"], &CALL_SECONDS);
    COMMIT_SECONDS: Histogram = histogram(
        "spindle_store_commit_duration_seconds",
        "Time until a group of transactions was durable.", &CALL_SECONDS);
    COMMITTED_BYTES: IntCounter = counter(
        "spindle_store_written_bytes_total", "Bytes of keys and values given to the state store.");
    STORE_FAILURES: IntCounter = counter(
        "spindle_store_failures_total", "Groups of transactions that the state store did not take.");
    ETCD_RETRIES: IntCounter = counter(
        "spindle_etcd_retries_total", "Requests to etcd that were made again.");
    ETCD_FAILURES: IntCounter = counter(
        "spindle_etcd_failures_total", "Requests to etcd that were given up.");
    LEADER: IntGauge = gauge(
        "spindle_leader", "1 while this controller leads, else 0.");
    EPOCH: IntGauge = gauge(
        "spindle_leader_epoch", "Number of the leadership of this controller; 0 while it follows.");
    LEADERSHIPS: IntCounter = counter(
        "spindle_leaderships_total", "How often this controller came to lead.");
    WORKERS: IntGaugeVec = gauges(
        "spindle_workers", "Attached workers, by availability.", &["state"]);
    WORKERS_LOST: IntCounter = counter(
        "spindle_workers_lost_total", "Workers that were given up.");
    CLUSTER_CORES: IntGaugeVec = gauges(
        "spindle_cluster_cores", "Cores of the attached workers, and those that tasks use.",
        &["kind"]);
    CLUSTER_MEMORY: IntGaugeVec = gauges(
        "spindle_cluster_memory_bytes",
        "Memory of the attached workers, and what tasks may use of it.", &["kind"]);
}
