//! Plans workflows of 100,000 tasks; prints a line of JSON for each.
//! `cargo bench -p controller --bench plan`
//!
//! - `genome`: 10,000 partitions, and as many read batches as are left; `plan_ms` from the inputs to
//!   the plan and its first tasks, `grow_ms` until all read batches are committed, `peak_rss_mib` of
//!   this process;
//! - `probe`: 100,000 tasks that do nothing, run through the core.
#![allow(missing_docs, reason = "a program")]

use std::sync::Arc;
use std::time::Instant;

use common::ids::{AttemptNumber, BatchId, Epoch, Sha256, WorkerId, WorkflowId};
use common::location::Location;
use common::s3_login::S3Access;
use common::task::{Counters, ObjectRef, Outcome, ReadBatch, ReadSource, SplitCursor, Stage};
use common::workflow::{GenomeSpec, Lane, LaneReads, Outputs, Priority, Work, WorkflowSpec};
use controller::core::advance;
use controller::core::event::{Event, Now};
use controller::core::ready::ready_tasks;
use controller::core::state::{TaskKey, WorkflowState};
use controller::plan::dag::{Findings, plan};
use controller::state::snapshot;
use genome::read_group::ReadGroup;

const TASKS: u32 = 100_000;
const NOW: Now = Now {
    at_ms: 1,
    jitter: 0.5,
};

/// Partitions of the genome: each has tasks of `duplicates`, `merge` and `call`.
const PARTITIONS: u32 = 10_000;

fn main() {
    genome();
    probe();
}

fn genome() {
    let mut state = accepted(Work::Genome(Box::new(genome_spec())));
    let start = Instant::now();
    let findings = Findings {
        partitions: PARTITIONS,
        ..Findings::default()
    };
    let planned = plan(&state.spec.work, findings);
    advance(&mut state, Event::Validated(planned), NOW);
    let plan_ms = start.elapsed().as_secs_f64() * 1e3;

    let start = Instant::now();
    let split = TaskKey {
        stage: Stage::Split,
        index: 0,
    };
    advance(&mut state, placed(split), NOW);
    let before = tasks(&state);
    for index in 0..TASKS - before {
        advance(&mut state, batch_committed(index), NOW);
    }
    let ready = ready_tasks(&state, 1).count();
    let grow_ms = start.elapsed().as_secs_f64() * 1e3;
    assert_eq!(tasks(&state), TASKS);

    let start = Instant::now();
    let bytes = snapshot::encode(&state).len();
    let report = serde_json::json!({
        "work": "genome",
        "tasks": TASKS,
        "planned": before,
        "ready": ready,
        "plan_ms": plan_ms,
        "grow_ms": grow_ms,
        "snapshot_ms": start.elapsed().as_secs_f64() * 1e3,
        "snapshot_bytes": bytes,
        "peak_rss_mib": peak_rss_mib(),
    });
    println!("{report}");
}

fn tasks(state: &WorkflowState) -> u32 {
    let tasks = state.stages.iter().map(|stage| stage.tasks.len());
    tasks.sum::<usize>() as u32
}

fn batch_committed(index: u32) -> Event {
    const READS: u64 = 660_000;
    const BASES: u64 = 100_000_000;
    let ordinal = u64::from(index) * READS;
    let next = u64::from(index) + 1;
    Event::ReadBatchCommitted {
        attempt: AttemptNumber(1),
        read_batch: ReadBatch {
            lane: 0,
            index,
            first_ordinal: ordinal,
            reads: READS,
            bases: BASES,
            paired: true,
            source: ReadSource::Object(ObjectRef {
                key: format!("work/W/split/0/1/reads-{index}"),
                size_bytes: BASES / 2,
                sha256: Sha256::of(&index.to_le_bytes()),
            }),
        },
        cursor: SplitCursor {
            next_batch: index + 1,
            next_ordinal: ordinal + READS,
            offsets: [next * BASES; 2],
        },
    }
}

fn genome_spec() -> GenomeSpec {
    let location = |text: &str| -> Location { text.parse().expect("a location") };
    let lane = Lane {
        read_group: ReadGroup::parse("@RG\tID:L\tSM:S").expect("a read group"),
        reads: LaneReads::Paired(location("root:data/1.fq"), location("root:data/2.fq")),
    };
    GenomeSpec {
        sample: "S".to_owned(),
        lanes: vec![lane],
        reference: location("root:data/ref.fa"),
        known_sites: vec![location("root:data/known.vcf")],
        outputs: Outputs {
            bam: true,
            vcf: true,
            gvcf: true,
        },
        intervals: vec![],
        interval_padding_bp: 0,
        output_prefix: None,
        overwrite: false,
        recalibrated_qualities: false,
        read_batch_bp: 100_000_000,
        partition_bp: 10_000_000,
        s3: S3Access::Own,
    }
}

fn probe() {
    let work = || Work::Probe { tasks: TASKS };
    let start = Instant::now();
    let mut state = accepted(work());
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
    let restored = snapshot::decode(accepted(work()), &bytes);
    let snapshot_ms = start.elapsed().as_secs_f64() * 1e3;
    assert!(restored.is_ok_and(|restored| restored == state));

    let report = serde_json::json!({
        "work": "probe",
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

fn accepted(work: Work) -> WorkflowState {
    let spec = WorkflowSpec {
        priority: Priority::default(),
        description: String::new(),
        work,
        no_cache: false,
    };
    let (workflow, batch) = (WorkflowId::new("W"), BatchId::new("B"));
    WorkflowState::accepted(workflow, batch, Arc::new(spec), 1)
}

fn placed(task: TaskKey) -> Event {
    Event::Placed {
        task,
        worker: WorkerId::new("w"),
        epoch: Epoch(1),
    }
}

/// Starts and completes one task; returns the number of facts.
fn run_one(state: &mut WorkflowState, index: u32) -> usize {
    let stage = Stage::Probe;
    let task = TaskKey { stage, index };
    let reported = Event::Reported {
        task,
        attempt: AttemptNumber(1),
        counters: Counters::default(),
        outcome: Outcome::Completed(None),
    };
    advance(state, placed(task), NOW).len() + advance(state, reported, NOW).len()
}

/// The largest resident memory of this process; `None` where the system does not say.
fn peak_rss_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}
