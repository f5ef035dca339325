//! All workflows as they follow from the records, folded change by change. Pure but for `fetch`.
//!
//! Every controller folds all the time, whoever leads: it answers from here, and leads from here.

use std::collections::{BTreeMap, BTreeSet};

use common::ids::WorkflowId;
use common::task::ObjectRef;
use common::workflow::WorkflowSpec;

use super::journal::{accepted_state, end_of, replay, unpack};
use super::keys::{self, Meaning};
use super::records::{Accepted, SnapshotPointer};
use super::{Record, StoreError, snapshot};
use crate::core::state::WorkflowState;
use crate::core::view::Status;

/// Reads the object of a snapshot.
pub type Fetch<'a> = &'a dyn Fn(&ObjectRef) -> Result<Vec<u8>, StoreError>;

/// One workflow.
#[derive(Debug, Clone, PartialEq)]
pub enum Folded {
    /// As it follows from its journal.
    Open(Box<WorkflowState>),
    /// Over, and moved to an object.
    Archived(Box<Archived>),
}

/// What is kept of a workflow whose last snapshot is an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Archived {
    /// What was asked for.
    pub accepted: Accepted,
    /// How it ended.
    pub status: Status,
    /// Where its state is.
    pub pointer: SnapshotPointer,
}

/// All workflows.
#[derive(Debug, Default)]
pub struct Fold {
    /// By id, which is by time.
    pub workflows: BTreeMap<WorkflowId, Folded>,
    /// Those that somebody wants to stop.
    pub cancels: BTreeSet<WorkflowId>,
    /// The last snapshots of those that are open.
    pointers: BTreeMap<WorkflowId, SnapshotPointer>,
}

impl Fold {
    /// Folds all records there are.
    ///
    /// # Errors
    /// [`StoreError`] if a record is damaged or of a newer schema, or a snapshot cannot be read: a
    /// later one may have taken its place, so that the records are to be listed again.
    pub fn of(records: &[Record], fetch: Fetch<'_>) -> Result<Self, StoreError> {
        let mut fold = Self::default();
        // In order of key journals come before snapshots and specs.
        let passes: [fn(&Meaning) -> bool; 3] = [
            |meaning| matches!(meaning, Meaning::Spec(_) | Meaning::Cancel(_)),
            |meaning| matches!(meaning, Meaning::Snapshot(_)),
            |meaning| matches!(meaning, Meaning::Journal(_)),
        ];
        let mut ends = BTreeMap::new();
        for (key, value) in records {
            if let Meaning::End(workflow) = keys::meaning(key) {
                ends.insert(workflow, end_of(key, value)?);
            }
        }
        for wanted in passes {
            for (key, value) in records {
                let meaning = keys::meaning(key);
                if !wanted(&meaning) {
                    continue;
                }
                match meaning {
                    Meaning::Snapshot(workflow) => {
                        let pointer = SnapshotPointer::decode(key, value)?;
                        fold.restore(workflow, pointer, &ends, fetch)?;
                    }
                    _ => drop(fold.put(key, value)?),
                }
            }
        }
        Ok(fold)
    }

    /// Folds a record that is new or changed; returns the workflow that changed by it.
    ///
    /// # Errors
    /// [`StoreError`] if the record is damaged or of a newer schema, or one before it is missing.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<Option<WorkflowId>, StoreError> {
        match keys::meaning(key) {
            Meaning::Spec(workflow) => {
                let accepted = Accepted::decode(key, value)?;
                Ok(self.accept(accepted).then_some(workflow))
            }
            Meaning::Journal(workflow) => {
                let Some(Folded::Open(state)) = self.workflows.get_mut(&workflow) else {
                    return Ok(None);
                };
                let (first_sequence, facts) = unpack(key, value)?;
                let folded = replay(state, first_sequence, &facts);
                folded.map_err(|gap| StoreError::damaged(key, gap))?;
                Ok(Some(workflow))
            }
            Meaning::Cancel(workflow) => {
                self.cancels.insert(workflow.clone());
                Ok(Some(workflow))
            }
            // All facts in a snapshot have been folded before it counts. It is remembered for the end.
            Meaning::Snapshot(workflow) => {
                let pointer = SnapshotPointer::decode(key, value)?;
                self.pointers.insert(workflow, pointer);
                Ok(None)
            }
            Meaning::End(workflow) => {
                let status = end_of(key, value)?;
                self.archive(&workflow, status);
                Ok(None)
            }
            Meaning::Submitted | Meaning::Other => Ok(None),
        }
    }

    /// Folds that a record is gone. Facts are never undone: a snapshot holds them.
    pub fn deleted(&mut self, key: &[u8]) {
        if let Meaning::Cancel(workflow) = keys::meaning(key) {
            self.cancels.remove(&workflow);
        }
    }

    /// Adds an accepted workflow; says whether it is new.
    pub fn accept(&mut self, accepted: Accepted) -> bool {
        if self.workflows.contains_key(&accepted.workflow) {
            return false;
        }
        let workflow = accepted.workflow.clone();
        let state = Folded::Open(Box::new(accepted_state(accepted)));
        self.workflows.insert(workflow, state);
        true
    }

    fn restore(
        &mut self,
        workflow: WorkflowId,
        pointer: SnapshotPointer,
        ends: &BTreeMap<WorkflowId, Status>,
        fetch: Fetch<'_>,
    ) -> Result<(), StoreError> {
        self.pointers.insert(workflow.clone(), pointer.clone());
        if let Some(status) = ends.get(&workflow) {
            self.archive(&workflow, *status);
            return Ok(());
        }
        if let Some(Folded::Open(state)) = self.workflows.get_mut(&workflow) {
            let bytes = fetch(&pointer.object)?;
            **state = snapshot::decode(WorkflowState::clone(state), &bytes)?;
        }
        Ok(())
    }

    fn archive(&mut self, workflow: &WorkflowId, status: Status) {
        let Some(pointer) = self.pointers.remove(workflow) else {
            return;
        };
        if let Some(folded) = self.workflows.get_mut(workflow)
            && let Folded::Open(state) = folded
        {
            let accepted = Accepted {
                workflow: state.workflow.clone(),
                batch: state.batch.clone(),
                at_ms: state.accepted_at_ms,
                tenant: state.tenant.clone(),
                spec: WorkflowSpec::clone(&state.spec),
                trace: state.trace,
            };
            *folded = Folded::Archived(Box::new(Archived {
                accepted,
                status,
                pointer,
            }));
        }
    }
}

impl Folded {
    /// Returns the state while it is here.
    pub fn open(&self) -> Option<&WorkflowState> {
        match self {
            Self::Open(state) => Some(state),
            Self::Archived(_) => None,
        }
    }

    /// Says whether it is over.
    pub fn is_over(&self) -> bool {
        self.open().is_none_or(WorkflowState::is_ended)
    }
}

impl Archived {
    /// Reads the state.
    ///
    /// # Errors
    /// [`StoreError`] if the object cannot be read.
    pub fn load(&self, fetch: Fetch<'_>) -> Result<WorkflowState, StoreError> {
        let bytes = fetch(&self.pointer.object)?;
        snapshot::decode(accepted_state(self.accepted.clone()), &bytes)
    }
}

#[cfg(test)]
mod tests {
    use common::ids::Sha256;

    use super::*;
    use crate::core::event::Event;
    use crate::core::tests::world::{World, genome_spec};
    use crate::state::journal::pack;

    fn spec_record(state: &WorkflowState) -> Record {
        let accepted = Accepted {
            workflow: state.workflow.clone(),
            batch: state.batch.clone(),
            at_ms: state.accepted_at_ms,
            tenant: state.tenant.clone(),
            spec: (*state.spec).clone(),
            trace: state.trace,
        };
        (keys::spec(&state.workflow), accepted.encode())
    }

    fn no_object(_: &ObjectRef) -> Result<Vec<u8>, StoreError> {
        panic!("there is no snapshot")
    }

    #[test]
    fn a_listing_and_its_changes_give_the_same_states() {
        let mut world = World::validated(genome_spec());
        world.finish();
        let workflow = world.state.workflow.clone();
        let batches = pack(1, &world.journal).into_iter();
        let journal = batches.map(|(at, batch)| (keys::journal_batch(&workflow, at), batch));
        let mut records: Vec<Record> = journal.collect();
        records.push(spec_record(&world.state));
        let listed = Fold::of(&records, &no_object).unwrap();
        assert_eq!(listed.workflows[&workflow].open(), Some(&world.state));

        let mut folded = Fold::default();
        let spec = records.pop().unwrap();
        assert_eq!(
            folded.put(&spec.0, &spec.1).unwrap(),
            Some(workflow.clone())
        );
        assert_eq!(folded.put(&spec.0, &spec.1).unwrap(), None);
        for (key, value) in &records {
            assert_eq!(folded.put(key, value).unwrap(), Some(workflow.clone()));
            folded.deleted(key);
        }
        assert_eq!(folded.workflows, listed.workflows);
    }

    #[test]
    fn a_snapshot_stands_for_the_journal_before_it() {
        let mut world = World::validated(genome_spec());
        let workflow = world.state.workflow.clone();
        let taken = snapshot::encode(&world.state);
        let last_sequence = world.state.revision;
        world.happen(Event::CancelRequested);
        let rest = &world.journal[last_sequence as usize..];
        let object = ObjectRef {
            key: "snapshot".into(),
            size_bytes: taken.len() as u64,
            sha256: Sha256::of(&taken),
        };
        let pointer = SnapshotPointer {
            last_sequence,
            object,
        };
        let mut records = vec![
            (keys::snapshot(&workflow), pointer.encode()),
            spec_record(&world.state),
        ];
        let journal = pack(last_sequence + 1, rest).into_iter();
        records.extend(journal.map(|(at, batch)| (keys::journal_batch(&workflow, at), batch)));
        let fetch = |_: &ObjectRef| Ok(taken.clone());
        let fold = Fold::of(&records, &fetch).unwrap();
        assert_eq!(fold.workflows[&workflow].open(), Some(&world.state));
    }

    #[test]
    fn of_what_is_over_only_the_pointer_stays() {
        let mut world = World::validated(genome_spec());
        world.finish();
        let workflow = world.state.workflow.clone();
        let taken = snapshot::encode(&world.state);
        let object = ObjectRef {
            key: "snapshot".into(),
            size_bytes: taken.len() as u64,
            sha256: Sha256::of(&taken),
        };
        let pointer = SnapshotPointer {
            last_sequence: world.state.revision,
            object,
        };
        let end = b"WORKFLOW_STATE_SUCCEEDED".to_vec();
        let mut records = vec![
            (keys::ended(&workflow), end),
            (keys::snapshot(&workflow), pointer.encode()),
            spec_record(&world.state),
        ];
        let listed = Fold::of(&records, &no_object).unwrap();
        let Folded::Archived(archived) = &listed.workflows[&workflow] else {
            panic!("it is open");
        };
        assert_eq!(archived.status, Status::Succeeded);
        let fetch = |_: &ObjectRef| Ok(taken.clone());
        assert_eq!(archived.load(&fetch).unwrap(), world.state);
        // The same, as it happens.
        let mut folded = Fold::default();
        records.reverse();
        for (key, value) in &records {
            folded.put(key, value).unwrap();
        }
        assert_eq!(folded.workflows, listed.workflows);
    }

    #[test]
    fn a_missing_batch_is_an_error_and_wishes_come_and_go() {
        let world = World::validated(genome_spec());
        let workflow = world.state.workflow.clone();
        let mut fold = Fold::of(&[spec_record(&world.state)], &no_object).unwrap();
        let gap = pack(7, &world.journal).remove(0);
        assert!(
            fold.put(&keys::journal_batch(&workflow, 7), &gap.1)
                .is_err()
        );
        let wish = keys::cancel(&workflow);
        fold.put(&wish, b"").unwrap();
        assert!(fold.cancels.contains(&workflow));
        fold.deleted(&wish);
        assert!(fold.cancels.is_empty());
    }
}
