//! Plans a workflow of 100,000 tasks and runs a probe of as many through the core; prints one line
//! of JSON. `cargo bench -p controller --bench plan`
#![allow(missing_docs, reason = "a program")]

use std::sync::Arc;
use std::time::Instant;

use common::ids::{AttemptNumber, BatchId, Epoch, WorkerId, WorkflowId};
use common::task::{Counters, Outcome, Stage};
use common::workflow::{Priority, Work, WorkflowSpec};
use controller::core::advance;
use controller::core::event::{Event, Now};
use controller::core::ready::ready_tasks;
use controller::core::state::{TaskKey, WorkflowState};
use controller::plan::dag::{Findings, plan};
use controller::state::snapshot;

const TASKS: u32 = 100_000;
const NOW: Now = Now {
    at_ms: 1,
    jitter: 0.5,
};

fn main() {
    let start = Instant::now();
    let mut state = accepted();
    let planned = plan(&state.spec.work, Findings::default());
    advance(&mut state, Event::Validated(planned), NOW);
    let ready = ready_tasks(&state, 1).count();
    let plan_ms = start.elapsed().as_secs_f64() * 1e3;

    let start = Instant::now();
    let mut facts = 0;
    for index in 0..TASKS {
        facts += run_one(&mut state, index);
    }
    let cycles_per_s = f64::from(TASKS) / start.elapsed().as_secs_f64();
    assert!(state.is_ended());

    let start = Instant::now();
    let bytes = snapshot::encode(&state);
    let restored = snapshot::decode(accepted(), &bytes);
    let snapshot_ms = start.elapsed().as_secs_f64() * 1e3;
    assert!(restored.is_ok_and(|restored| restored == state));

    let report = serde_json::json!({
        "tasks": TASKS,
        "ready": ready,
        "plan_ms": plan_ms,
        "cycles_per_s": cycles_per_s,
        "facts": facts,
        "snapshot_ms": snapshot_ms,
        "snapshot_bytes": bytes.len(),
        "peak_rss_mib": peak_rss_mib(),
    });
    println!("{report}");
}

fn accepted() -> WorkflowState {
    let spec = WorkflowSpec {
        priority: Priority::default(),
        description: String::new(),
        work: Work::Probe { tasks: TASKS },
    };
    let (workflow, batch) = (WorkflowId::new("W"), BatchId::new("B"));
    WorkflowState::accepted(workflow, batch, Arc::new(spec), 1)
}

/// Starts and completes one task; returns the number of facts.
fn run_one(state: &mut WorkflowState, index: u32) -> usize {
    let stage = Stage::Probe;
    let task = TaskKey { stage, index };
    let placed = Event::Placed {
        task,
        worker: WorkerId::new("w"),
        epoch: Epoch(1),
    };
    let reported = Event::Reported {
        task,
        attempt: AttemptNumber(1),
        counters: Counters::default(),
        outcome: Outcome::Completed(None),
    };
    advance(state, placed, NOW).len() + advance(state, reported, NOW).len()
}

/// The largest resident memory of this process; `None` where the system does not say.
fn peak_rss_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}
