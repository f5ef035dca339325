//! The layout of keys. All keys of one kind share a first word, so that a range reads them.

use common::ids::{IdempotencyToken, WorkflowId};

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

/// Returns the workflow of a spec's key.
pub fn workflow_of_spec(key: &[u8]) -> Option<WorkflowId> {
    let id = key.strip_prefix(SPECS)?;
    std::str::from_utf8(id).ok().map(WorkflowId::new)
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
    fn a_spec_key_names_its_workflow() {
        let workflow = WorkflowId::new("01J");
        assert_eq!(workflow_of_spec(&spec(&workflow)), Some(workflow));
        assert_eq!(workflow_of_spec(b"token/x"), None);
    }
}
