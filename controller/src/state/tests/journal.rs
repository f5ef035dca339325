//! Journals in an embedded store.

use common::ids::{BatchId, Epoch, IdempotencyToken, Sha256, TenantId, WorkflowId};
use common::trace::TraceContext;
use prost::Message;
use redb::backends::InMemoryBackend;

use crate::core::fact::{Change, Fact};
use crate::core::state::WorkflowState;
use crate::core::tests::world::{World, genome_spec, object};
use crate::core::view::Status;
use crate::guard::Guard;
use crate::guard::tests::without;
use crate::state::embedded::Embedded;
use crate::state::journal::Ending;
use crate::state::records::{Accepted, SnapshotPointer, Token, accept};
use crate::state::usage::Usage;
use crate::state::{Outcome, StateStore, StoreError, Transaction, Write};
use crate::state::{conformance, fact_wire, journal, keys, schema, snapshot, usage};

fn store() -> Embedded {
    Embedded::on(InMemoryBackend::new()).unwrap()
}

fn accepted() -> Accepted {
    Accepted {
        workflow: WorkflowId::new("W"),
        batch: BatchId::new("B"),
        at_ms: 1000,
        tenant: TenantId::default(),
        spec: genome_spec(),
        trace: None,
    }
}

/// A store with one accepted workflow, and its epoch.
fn store_with_workflow() -> (Embedded, Epoch) {
    let mut store = store();
    let epoch = schema::next_epoch(&mut store).unwrap();
    let outcomes = store.commit(&[accept(None, &[accepted()])]).unwrap();
    assert_eq!(outcomes, [Outcome::Committed]);
    (store, epoch)
}

fn finished() -> World {
    let mut world = World::accepted(genome_spec());
    world.finish();
    world
}

fn load(store: &Embedded) -> Result<Option<WorkflowState>, StoreError> {
    journal::load(store, &WorkflowId::new("W"), |_| panic!("no snapshot"))
}

fn only(mut transactions: Vec<Transaction>) -> Transaction {
    assert_eq!(transactions.len(), 1);
    transactions.remove(0)
}

fn one(transaction: Transaction, store: &mut Embedded) -> Outcome {
    store.commit(&[transaction]).unwrap()[0]
}

#[test]
fn the_embedded_store_conforms() {
    conformance::check(&mut store()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    conformance::check(&mut Embedded::open(&path).unwrap()).unwrap();
    let again = Embedded::open(&path).unwrap();
    assert_eq!(again.get(b"t/o").unwrap(), Some(b"2".to_vec()));
    let second = Embedded::open(&path);
    assert!(matches!(second, Err(StoreError::Failed { .. })));
}

#[test]
fn a_store_of_a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    let newer = Transaction {
        compares: vec![],
        writes: vec![Write::Put(keys::SCHEMA.to_vec(), b"2".to_vec())],
    };
    one(newer, &mut Embedded::open(&path).unwrap());
    let error = Embedded::open(&path).unwrap_err();
    assert_eq!(
        error.to_string(),
        "schema has schema version 2; this program knows up to 1"
    );
}

#[test]
fn epochs_rise_and_fence_the_leaders_before() {
    let (mut store, first) = store_with_workflow();
    let second = schema::next_epoch(&mut store).unwrap();
    assert!(second > first);
    let workflow = WorkflowId::new("W");
    let facts = [Fact::new(1, Change::CancelRequested)];
    let append = |epoch| only(journal::append(epoch, &workflow, 1, &facts));
    assert_eq!(one(append(first), &mut store), Outcome::Refused(0));
    assert_eq!(one(append(second), &mut store), Outcome::Committed);
    assert_eq!(one(append(second), &mut store), Outcome::Refused(1));
}

#[test]
fn a_token_is_accepted_once() {
    let (mut store, _) = store_with_workflow();
    let token = Token {
        body: Sha256::of(b"body"),
        batch: BatchId::new("B2"),
        workflows: vec![WorkflowId::new("W2")],
    };
    let name = IdempotencyToken::new("tok/en");
    let second = Accepted {
        workflow: WorkflowId::new("W2"),
        tenant: TenantId::new("clinic"),
        trace: TraceContext::new([1; 16], [2; 8], true),
        ..accepted()
    };
    let submit = || accept(Some((&name, &token)), std::slice::from_ref(&second));
    assert_eq!(one(submit(), &mut store), Outcome::Committed);
    assert_eq!(one(submit(), &mut store), Outcome::Refused(0));
    let key = keys::token(&name);
    let stored = store.get(&key).unwrap().unwrap();
    assert_eq!(Token::decode(&key, &stored).unwrap(), token);
    assert_eq!(journal::accepted(&store).unwrap(), [accepted(), second]);
}

#[test]
fn a_journal_loads_to_the_state_that_wrote_it() {
    let (mut store, epoch) = store_with_workflow();
    let world = finished();
    let workflow = WorkflowId::new("W");
    let mut sequence = 1;
    for facts in world.journal.chunks(7) {
        let append = only(journal::append(epoch, &workflow, sequence, facts));
        assert_eq!(one(append, &mut store), Outcome::Committed);
        sequence += facts.len() as u64;
    }
    assert_eq!(load(&store).unwrap(), Some(world.state));
    let other = journal::load(&store, &WorkflowId::new("X"), |_| panic!("no snapshot"));
    assert_eq!(other.unwrap(), None);
}

#[test]
fn a_snapshot_replaces_the_batches_before_it() {
    let (mut store, epoch) = store_with_workflow();
    let world = finished();
    let workflow = WorkflowId::new("W");
    let (before, after) = world.journal.split_at(20);
    let mut state = journal::accepted_state(accepted());
    before
        .iter()
        .for_each(|fact| crate::core::apply(&mut state, fact));
    assert!(!journal::snapshot_due(&state, 0));
    let bytes = snapshot::encode(&state);
    let pointer = SnapshotPointer {
        last_sequence: state.revision,
        object: object("state/W/20"),
    };
    // The second batch reaches past the snapshot: it stays, and its first facts are passed over.
    for (first, facts) in [(1, &world.journal[..15]), (16, &world.journal[15..30])] {
        let append = only(journal::append(epoch, &workflow, first, facts));
        one(append, &mut store);
    }
    let install = only(journal::install_snapshot(&store, epoch, &workflow, &pointer).unwrap());
    assert_eq!(one(install, &mut store), Outcome::Committed);
    let prefix = keys::journal(&workflow);
    let left = store.range(&prefix, &keys::after(&prefix), 9).unwrap();
    assert_eq!(left.len(), 1);
    one(
        only(journal::append(epoch, &workflow, 31, &after[10..])),
        &mut store,
    );
    let loaded = journal::load(&store, &workflow, |object| {
        assert_eq!(*object, pointer.object);
        Ok(bytes.clone())
    });
    assert_eq!(loaded.unwrap(), Some(world.state));
}

#[test]
fn what_a_workflow_took_in_outlives_its_journal() {
    let (mut store, epoch) = store_with_workflow();
    let state = finished().state;
    let days: Vec<(u32, u64)> = state.bases_by_day.into_iter().collect();
    assert_eq!(days, [(0, 6000)]);
    let ending = Ending {
        status: Status::Succeeded,
        usage: Some(Usage {
            tenant: TenantId::new("clinic"),
            day: 0,
            bases: 6000,
        }),
    };
    let pointer = SnapshotPointer {
        last_sequence: 9,
        object: object("state/W/9"),
    };
    let workflow = WorkflowId::new("W");
    let install = journal::install_snapshot(&store, epoch, &workflow, &pointer).unwrap();
    let install = journal::with_end(install, &workflow, Some(ending));
    assert_eq!(one(only(install), &mut store), Outcome::Committed);
    let found = usage::of_day(&store, 0).unwrap();
    assert_eq!(found, [(TenantId::new("clinic"), workflow, 6000)]);
    assert_eq!(usage::of_day(&store, 1).unwrap(), []);
}

#[test]
fn a_gap_in_the_journal_is_found() {
    let (mut store, epoch) = store_with_workflow();
    let facts = [Fact::new(1, Change::CancelRequested)];
    one(
        only(journal::append(epoch, &WorkflowId::new("W"), 3, &facts)),
        &mut store,
    );
    let error = load(&store).unwrap_err();
    assert!(
        error.to_string().ends_with("facts 1 to 2 are missing"),
        "{error}"
    );
}

#[test]
fn what_a_newer_program_added_is_kept() {
    let known = Fact::new(5, Change::CancelRequested);
    // Field 90, bytes: a field that is not known yet.
    let added = [0xd2, 0x05, 0x03, b'n', b'e', b'w'];
    let longer = [fact_wire::encode(&known), added.to_vec()].concat();
    let unknown = [vec![0x08, 0x05], added.to_vec()].concat();
    let mut state = journal::accepted_state(accepted());
    for stored in [&longer, &unknown] {
        let fact = fact_wire::decode(stored).unwrap();
        assert_eq!(fact_wire::encode(&fact), *stored);
        crate::core::apply(&mut state, &fact);
    }
    assert_eq!(state.cancel_requested_at_ms, Some(5));
    let fresh = journal::accepted_state(accepted());
    let restored = snapshot::decode(fresh, &snapshot::encode(&state)).unwrap();
    assert_eq!(restored.unknown_facts, [longer.into(), unknown.into()]);
}

#[test]
fn many_facts_are_packed_into_few_batches() {
    let facts = vec![Fact::new(1, Change::CancelRequested); 1000];
    let batches = journal::pack(41, &facts);
    let firsts: Vec<u64> = batches.iter().map(|(first, _)| *first).collect();
    assert_eq!(firsts, [41, 297, 553, 809]);
    let unpacked: Vec<Fact> = batches
        .iter()
        .flat_map(|(_, batch)| journal::unpack(b"k", batch).unwrap().1)
        .collect();
    assert_eq!(unpacked, facts);
}

#[test]
fn records_of_a_newer_schema_or_damaged_are_refused() {
    let batch = proto::state::v1::JournalBatch {
        schema_version: 9,
        ..Default::default()
    };
    let newer = journal::unpack(b"k", &batch.encode_to_vec());
    assert!(matches!(newer, Err(StoreError::Newer { found: 9, .. })));
    for damaged in [&[0xff, 0xff][..], &[]] {
        let damaged = journal::unpack(b"k", damaged);
        assert!(matches!(damaged, Err(StoreError::Damaged { .. })));
    }
    let other = snapshot::encode(&WorkflowState {
        workflow: WorkflowId::new("X"),
        ..journal::accepted_state(accepted())
    });
    let of_other = snapshot::decode(journal::accepted_state(accepted()), &other);
    assert!(matches!(of_other, Err(StoreError::Damaged { .. })));
}

#[test]
fn without_the_epoch_an_earlier_leader_still_writes() {
    let (mut store, epoch) = store_with_workflow();
    let world = finished();
    schema::next_epoch(&mut store).unwrap();
    let append = || {
        let facts = &world.journal[..1];
        only(journal::append(epoch, &WorkflowId::new("W"), 1, facts))
    };
    assert!(matches!(one(append(), &mut store), Outcome::Refused(_)));
    let unguarded = without(Guard::Epoch, append);
    assert_eq!(one(unguarded, &mut store), Outcome::Committed);
}
