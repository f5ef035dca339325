//! A recorded journal of the first schema must load to the recorded state, for ever.
//!
//! `SPINDLE_RECORD=1 cargo test -p controller --lib recorded` writes it where there is none; one that
//! is there stays: a new schema version gets a new name.

use std::path::PathBuf;

use common::failure::FailureClass;
use common::ids::WorkflowId;
use prost::Message;

use crate::core::apply;
use crate::core::event::Event;
use crate::core::state::WorkflowState;
use crate::core::tests::world::{World, genome_spec};
use crate::state::records::Accepted;
use crate::state::{journal, snapshot};

/// The file: what the store held, and the snapshot of the state that followed from it.
#[derive(Clone, PartialEq, Message)]
struct Recording {
    #[prost(bytes = "vec", tag = "1")]
    spec: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    batches: Vec<Vec<u8>>,
    #[prost(bytes = "vec", tag = "3")]
    snapshot: Vec<u8>,
}

fn path() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    folder.join("tests/data/journal-v1.bin")
}

/// A genome with most kinds of facts: failures, a lost worker, a lost object, a stale report.
fn eventful() -> World {
    let mut world = World::validated(genome_spec());
    for class in [FailureClass::StorageTransient, FailureClass::WorkerLost] {
        let task = world.ready()[0];
        world.place(task);
        let (task, attempt) = world.live()[0];
        world.fail(task, attempt, class);
        world.work(task, attempt);
        world.now_ms += 5000;
    }
    while world.objects().len() < 9 {
        one_step(&mut world);
    }
    let key = world.objects().remove(1);
    world.happen(Event::IntermediateLost { key });
    world.finish();
    world
}

fn one_step(world: &mut World) {
    if let Some(duty) = world.duties().first() {
        world.perform(duty);
    } else if let Some((task, attempt)) = world.live().first() {
        world.work(*task, *attempt);
    } else {
        let task = world.ready()[0];
        world.place(task);
    }
}

fn record() -> Recording {
    let world = eventful();
    let accepted = Accepted {
        workflow: world.state.workflow.clone(),
        batch: world.state.batch.clone(),
        at_ms: world.state.accepted_at_ms,
        tenant: world.state.tenant.clone(),
        spec: genome_spec(),
        trace: None,
    };
    let batches = world.journal.chunks(16).scan(1, |first, facts| {
        let packed = journal::pack(*first, facts);
        *first += facts.len() as u64;
        Some(packed)
    });
    Recording {
        spec: accepted.encode(),
        batches: batches.flatten().map(|(_, batch)| batch).collect(),
        snapshot: snapshot::encode(&world.state),
    }
}

fn fresh(recording: &Recording) -> WorkflowState {
    let accepted = Accepted::decode(b"spec/W", &recording.spec).unwrap();
    journal::accepted_state(accepted)
}

#[test]
fn a_recorded_journal_loads_to_the_recorded_state() {
    if std::env::var_os("SPINDLE_RECORD").is_some() && !path().exists() {
        std::fs::write(path(), record().encode_to_vec()).unwrap();
    }
    let file = std::fs::read(path()).unwrap();
    let recording = Recording::decode(file.as_slice()).unwrap();
    let mut state = fresh(&recording);
    for batch in &recording.batches {
        let (first, facts) = journal::unpack(b"journal/W", batch).unwrap();
        assert_eq!(first, state.revision + 1);
        facts.iter().for_each(|fact| apply(&mut state, fact));
    }
    let mut expected = snapshot::decode(fresh(&recording), &recording.snapshot).unwrap();
    // What snapshots did not hold then.
    expected.bases_by_day.clone_from(&state.bases_by_day);
    for (stage, replayed) in expected.stages.iter_mut().zip(&state.stages) {
        stage.durations.clone_from(&replayed.durations);
    }
    assert_eq!(state, expected);
    assert_eq!(state.workflow, WorkflowId::new("W"));
    assert_eq!((state.revision, state.stale_reports), (68, 2));
}
