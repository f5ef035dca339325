//! A workflow's journal: packed batches of facts, after a snapshot now and then.

use std::sync::Arc;

use common::ids::{Epoch, WorkflowId};
use common::task::ObjectRef;
use prost::Message;
use proto::v1::WorkflowState;

use super::records::{Accepted, SnapshotPointer, check_schema, decoded};
use super::status_wire::{state_of, status_of};
use super::usage::Usage;
use super::{Compare, Record, StateStore, StoreError, Transaction, Write};
use super::{fact_wire, keys, schema, snapshot};
use crate::core::apply;
use crate::core::fact::Fact;
use crate::core::state::WorkflowState as Folded;
use crate::core::view::Status;
use crate::guard::Guard;

/// Facts between two snapshots, at least. Of a workflow with many tasks it is a quarter of their
/// number, so that all snapshots together stay small beside the work.
const SNAPSHOT_FACTS: u64 = 1000;
const SNAPSHOT_TASKS_SHARE: u64 = 4;

/// Facts in one batch at most, and their bytes.
const BATCH_FACTS: usize = 256;
const BATCH_BYTES: usize = 64 << 10;

/// Batches that are written together at most: with all that is around them they stay below a MiB.
const BATCHES_TOGETHER: usize = 12;

/// Batches that are taken away together.
const DELETES_TOGETHER: usize = 100;

/// Records that a range reads at once.
const PAGE: usize = 256;

/// `JournalBatch` with its facts as they are stored.
#[derive(Clone, PartialEq, Message)]
struct StoredBatch {
    #[prost(uint32, tag = "1")]
    schema_version: u32,
    #[prost(uint64, tag = "2")]
    first_sequence: u64,
    #[prost(bytes = "vec", repeated, tag = "3")]
    facts: Vec<Vec<u8>>,
}

/// Returns the transactions that append facts, of which the first has this sequence number. They are
/// refused if a later leader came or the sequence number is taken.
///
/// Only thousands of facts make more than one. If the writer dies between two, what is there is a
/// beginning of the facts, and a leader goes on from the state that follows from it.
pub fn append(
    epoch: Epoch,
    workflow: &WorkflowId,
    first_sequence: u64,
    facts: &[Fact],
) -> Vec<Transaction> {
    let batches = pack(first_sequence, facts);
    let append = |batches: &[(u64, Vec<u8>)]| {
        let mut transaction = Transaction {
            compares: fences(epoch),
            writes: Vec::new(),
        };
        for (first_sequence, batch) in batches {
            let key = keys::journal_batch(workflow, *first_sequence);
            transaction.compares.push(Compare::Absent(key.clone()));
            transaction.writes.push(Write::Put(key, batch.clone()));
        }
        transaction
    };
    batches.chunks(BATCHES_TOGETHER).map(append).collect()
}

/// Returns what every write of a leader compares: no later one may have come.
fn fences(epoch: Epoch) -> Vec<Compare> {
    let stands = Guard::Epoch.stands();
    stands.then(|| schema::fence(epoch)).into_iter().collect()
}

/// Returns the stored batches of facts, each with the sequence number of its first.
pub fn pack(first_sequence: u64, facts: &[Fact]) -> Vec<(u64, Vec<u8>)> {
    let mut batches: Vec<StoredBatch> = Vec::new();
    let mut bytes = 0;
    for (sequence, fact) in (first_sequence..).zip(facts) {
        let stored = fact_wire::encode(fact);
        bytes += stored.len();
        match batches.last_mut() {
            Some(last) if last.facts.len() < BATCH_FACTS && bytes <= BATCH_BYTES => {
                last.facts.push(stored);
            }
            _ => {
                bytes = stored.len();
                batches.push(StoredBatch {
                    schema_version: keys::SCHEMA_VERSION,
                    first_sequence: sequence,
                    facts: vec![stored],
                });
            }
        }
    }
    let stored = |batch: StoredBatch| (batch.first_sequence, batch.encode_to_vec());
    batches.into_iter().map(stored).collect()
}

/// Reads a stored batch: the sequence number of its first fact, and its facts.
///
/// # Errors
/// [`StoreError`] if it is of a newer schema or damaged.
pub fn unpack(key: &[u8], stored: &[u8]) -> Result<(u64, Vec<Fact>), StoreError> {
    let StoredBatch {
        schema_version,
        first_sequence,
        facts,
    } = decoded(key, stored)?;
    check_schema(key, schema_version)?;
    let fact = |stored: &Vec<u8>| fact_wire::decode(stored);
    let facts = facts.iter().map(fact).collect::<Result<_, _>>();
    let facts = facts.map_err(|error| StoreError::damaged(key, error))?;
    Ok((first_sequence, facts))
}

/// Loads a workflow: its snapshot, then the facts after it. `fetch` reads the snapshot's object.
/// `None`: there is no such workflow.
///
/// # Errors
/// [`StoreError`] if the store failed, or a record is damaged or of a newer schema.
pub fn load<F>(
    store: &dyn StateStore,
    workflow: &WorkflowId,
    fetch: F,
) -> Result<Option<Folded>, StoreError>
where
    F: FnOnce(&ObjectRef) -> Result<Vec<u8>, StoreError>,
{
    let key = keys::spec(workflow);
    let Some(value) = store.get(&key)? else {
        return Ok(None);
    };
    let accepted = Accepted::decode(&key, &value)?;
    let mut state = accepted_state(accepted);
    if let Some(pointer) = snapshot_pointer(store, workflow)? {
        let bytes = fetch(&pointer.object)?;
        state = snapshot::decode(state, &bytes)?;
    }
    let prefix = keys::journal(workflow);
    for_each(store, &prefix, |(key, value)| {
        let (first_sequence, facts) = unpack(&key, &value)?;
        replay(&mut state, first_sequence, &facts).map_err(|gap| StoreError::damaged(&key, gap))
    })?;
    Ok(Some(state))
}

/// Returns the state before the first fact.
pub fn accepted_state(accepted: Accepted) -> Folded {
    let Accepted {
        workflow,
        batch,
        at_ms,
        tenant,
        spec,
        trace,
    } = accepted;
    let mut state = Folded::accepted(workflow, batch, Arc::new(spec), at_ms);
    state.tenant = tenant;
    state.trace = trace;
    state
}

/// Says whether so much happened since the last snapshot (0: none) that the next is due.
pub fn snapshot_due(state: &Folded, last_snapshot: u64) -> bool {
    let tasks: usize = state.stages.iter().map(|stage| stage.tasks.len()).sum();
    let facts = SNAPSHOT_FACTS.max(tasks as u64 / SNAPSHOT_TASKS_SHARE);
    state.revision >= last_snapshot + facts
}

/// Returns where a workflow's snapshot is, if there is one.
///
/// # Errors
/// [`StoreError`] if the store failed or the record is damaged.
pub fn snapshot_pointer(
    store: &dyn StateStore,
    workflow: &WorkflowId,
) -> Result<Option<SnapshotPointer>, StoreError> {
    let key = keys::snapshot(workflow);
    let value = store.get(&key)?;
    value
        .map(|value| SnapshotPointer::decode(&key, &value))
        .transpose()
}

/// Returns the transactions that make a written snapshot count, and take away what it replaces. There
/// is nothing to do if a later one counts.
///
/// # Errors
/// [`StoreError`] if the store failed or a record is damaged.
pub fn install_snapshot(
    store: &dyn StateStore,
    epoch: Epoch,
    workflow: &WorkflowId,
    pointer: &SnapshotPointer,
) -> Result<Vec<Transaction>, StoreError> {
    let present = snapshot_pointer(store, workflow)?;
    if present.is_some_and(|present| present.last_sequence > pointer.last_sequence) {
        return Ok(vec![Transaction::default()]);
    }
    let mut writes = vec![Write::Put(keys::snapshot(workflow), pointer.encode())];
    let prefix = keys::journal(workflow);
    for_each(store, &prefix, |(key, value)| {
        let StoredBatch {
            first_sequence,
            facts,
            ..
        } = decoded(&key, &value)?;
        if first_sequence + facts.len() as u64 <= pointer.last_sequence + 1 {
            writes.push(Write::Delete(key));
        }
        Ok(())
    })?;
    let part = |writes: &[Write]| Transaction {
        compares: fences(epoch),
        writes: writes.to_vec(),
    };
    // The pointer comes first: what it replaces may go at any time after.
    Ok(writes.chunks(DELETES_TOGETHER).map(part).collect())
}

/// How a workflow ended: what is kept beside its last snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// How.
    pub status: Status,
    /// What it took in, if it took in anything.
    pub usage: Option<Usage>,
}

/// Adds to the transactions that install a last snapshot that its workflow ended so.
pub fn with_end(
    mut install: Vec<Transaction>,
    workflow: &WorkflowId,
    ending: Option<Ending>,
) -> Vec<Transaction> {
    if let (Some(first), Some(Ending { status, usage })) = (install.first_mut(), ending)
        && !first.writes.is_empty()
    {
        let word = state_of(status).as_str_name().as_bytes().to_vec();
        first.writes.push(Write::Put(keys::ended(workflow), word));
        first
            .writes
            .extend(usage.map(|usage| usage.write(workflow)));
    }
    install
}

/// Returns how a workflow ended whose last snapshot has been installed.
///
/// # Errors
/// [`StoreError`] if the store failed or the record is damaged.
pub fn ended(store: &dyn StateStore, workflow: &WorkflowId) -> Result<Option<Status>, StoreError> {
    let key = keys::ended(workflow);
    let value = store.get(&key)?;
    value.map(|value| end_of(&key, &value)).transpose()
}

/// Reads how a workflow ended.
pub(super) fn end_of(key: &[u8], value: &[u8]) -> Result<Status, StoreError> {
    let word = std::str::from_utf8(value).ok();
    let state = word.and_then(WorkflowState::from_str_name);
    let status = state.and_then(status_of);
    status.ok_or_else(|| StoreError::damaged(key, "not a state"))
}

/// Returns all accepted workflows, in order of acceptance.
///
/// # Errors
/// [`StoreError`] if the store failed or a record is damaged.
pub fn accepted(store: &dyn StateStore) -> Result<Vec<Accepted>, StoreError> {
    let mut all = Vec::new();
    for_each(store, keys::SPECS, |(key, value)| {
        all.push(Accepted::decode(&key, &value)?);
        Ok(())
    })?;
    Ok(all)
}

/// Applies a batch to a state that may have seen its first facts already.
pub(super) fn replay(
    state: &mut Folded,
    first_sequence: u64,
    facts: &[Fact],
) -> Result<(), String> {
    let next = state.revision + 1;
    if first_sequence > next {
        return Err(format!(
            "facts {next} to {} are missing",
            first_sequence - 1
        ));
    }
    let seen = (next - first_sequence) as usize;
    for fact in facts.iter().skip(seen) {
        apply(state, fact);
    }
    Ok(())
}

/// Visits all records whose keys start with `prefix`, in order.
pub(super) fn for_each(
    store: &dyn StateStore,
    prefix: &[u8],
    mut visit: impl FnMut(Record) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let end = keys::after(prefix);
    let mut start = prefix.to_vec();
    loop {
        let page = store.range(&start, &end, PAGE)?;
        let Some((last, _)) = page.last() else {
            return Ok(());
        };
        // The first key after the last one.
        start = [last.as_slice(), &[0]].concat();
        page.into_iter().try_for_each(&mut visit)?;
    }
}
