//! The layout of keys. All keys of one kind share a first word, so that a range reads them.

use common::ids::{IdempotencyToken, TenantId, WorkflowId};

use super::large;

/// Version of the layout and of every record: a store of a higher one is refused.
pub const SCHEMA_VERSION: u32 = 1;

/// Key of the schema version of the store.
pub const SCHEMA: &[u8] = b"schema";

/// Key of the number of the last leadership.
pub const EPOCH: &[u8] = b"epoch";

/// First word of all specs.
pub const SPECS: &[u8] = b"spec/";

/// First word of all idempotency tokens.
pub const TOKENS: &[u8] = b"token/";

/// First word of all wishes to stop a workflow.
pub const CANCELS: &[u8] = b"cancel/";

/// First word of how workflows ended.
pub const ENDS: &[u8] = b"ended/";

/// First word of what workflows that are over took in.
pub const USAGE: &str = "usage/";

/// First word of all journals.
pub const JOURNALS: &[u8] = b"journal/";

/// First word of all pointers to snapshots.
pub const SNAPSHOTS: &[u8] = b"snapshot/";

/// Digits of a sequence number, so that text order is number order.
const DIGITS: usize = 20;

/// Returns the key of an accepted workflow.
pub fn spec(workflow: &WorkflowId) -> Vec<u8> {
    [SPECS, workflow.as_str().as_bytes()].concat()
}

/// Returns the key of an idempotency token.
pub fn token(token: &IdempotencyToken) -> Vec<u8> {
    [TOKENS, token.as_str().as_bytes()].concat()
}

/// Returns the key of a workflow's snapshot.
pub fn snapshot(workflow: &WorkflowId) -> Vec<u8> {
    format!("snapshot/{workflow}").into_bytes()
}

/// Returns the folder of a workflow's snapshots among the objects.
pub fn snapshot_objects(workflow: &WorkflowId) -> String {
    format!("state/snapshots/{workflow}")
}

/// Returns the key of the object of a snapshot whose last fact has this sequence number.
pub fn snapshot_object(workflow: &WorkflowId, last_sequence: u64) -> String {
    let folder = snapshot_objects(workflow);
    format!("{folder}/{last_sequence:0DIGITS$}")
}

/// Returns the first word of a workflow's journal.
pub fn journal(workflow: &WorkflowId) -> Vec<u8> {
    format!("journal/{workflow}/").into_bytes()
}

/// Returns the key of a journal batch whose first fact has this sequence number.
pub fn journal_batch(workflow: &WorkflowId, first_sequence: u64) -> Vec<u8> {
    format!("journal/{workflow}/{first_sequence:0DIGITS$}").into_bytes()
}

/// Returns the key of the wish to stop a workflow.
pub fn cancel(workflow: &WorkflowId) -> Vec<u8> {
    [CANCELS, workflow.as_str().as_bytes()].concat()
}

/// Returns the key of how a workflow ended, whose journal has given way to its last snapshot.
pub fn ended(workflow: &WorkflowId) -> Vec<u8> {
    [ENDS, workflow.as_str().as_bytes()].concat()
}

/// Returns the first words of what was taken in on a day since 1970.
pub fn usage_of_day(day: u32) -> Vec<u8> {
    format!("{USAGE}{day}/").into_bytes()
}

/// Returns the key of what a workflow took in on a day since 1970.
pub fn usage(day: u32, tenant: &TenantId, workflow: &WorkflowId) -> Vec<u8> {
    format!("{USAGE}{day}/{tenant}/{workflow}").into_bytes()
}

/// What a key stands for, of those that a replica follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// An accepted workflow.
    Spec(WorkflowId),
    /// A pointer to a workflow's snapshot.
    Snapshot(WorkflowId),
    /// A batch of a workflow's journal.
    Journal(WorkflowId),
    /// The wish to stop a workflow.
    Cancel(WorkflowId),
    /// How a workflow ended.
    End(WorkflowId),
    /// A submission whose records may still be aside.
    Submitted,
    /// Something else.
    Other,
}

/// Returns what a key stands for.
pub fn meaning(key: &[u8]) -> Meaning {
    let id = |rest: &[u8]| std::str::from_utf8(rest).ok().map(WorkflowId::new);
    let of = |prefix| key.strip_prefix(prefix).and_then(id);
    if let Some(workflow) = of(SPECS) {
        return Meaning::Spec(workflow);
    }
    if let Some(workflow) = of(SNAPSHOTS) {
        return Meaning::Snapshot(workflow);
    }
    if let Some(workflow) = of(CANCELS) {
        return Meaning::Cancel(workflow);
    }
    if let Some(workflow) = of(ENDS) {
        return Meaning::End(workflow);
    }
    if key.starts_with(large::SUBMITTED) {
        return Meaning::Submitted;
    }
    let journal = key.strip_prefix(JOURNALS);
    let workflow = journal.and_then(|rest| rest.split(|byte| *byte == b'/').next());
    workflow
        .and_then(id)
        .map_or(Meaning::Other, Meaning::Journal)
}

/// Returns the first key after all that start with `prefix`; `prefix` is not empty and no key has a
/// byte 255.
pub fn after(prefix: &[u8]) -> Vec<u8> {
    [prefix, &[u8::MAX]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journal_batches_sort_by_sequence() {
        let workflow = WorkflowId::new("W");
        let keys: Vec<_> = [1, 9, 10, 1000, u64::MAX]
            .map(|sequence| journal_batch(&workflow, sequence))
            .into();
        assert!(keys.is_sorted());
        let prefix = journal(&workflow);
        assert!(
            keys.iter()
                .all(|key| *key > prefix && *key < after(&prefix))
        );
    }

    #[test]
    fn a_key_says_what_it_stands_for() {
        let workflow = WorkflowId::new("01J");
        let of = |key: Vec<u8>| meaning(&key);
        assert_eq!(of(spec(&workflow)), Meaning::Spec(workflow.clone()));
        assert_eq!(of(snapshot(&workflow)), Meaning::Snapshot(workflow.clone()));
        assert_eq!(of(cancel(&workflow)), Meaning::Cancel(workflow.clone()));
        assert_eq!(of(ended(&workflow)), Meaning::End(workflow.clone()));
        let batch = journal_batch(&workflow, 7);
        assert_eq!(of(batch), Meaning::Journal(workflow));
        assert_eq!(meaning(b"token/x"), Meaning::Other);
    }
}
