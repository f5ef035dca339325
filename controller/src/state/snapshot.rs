//! The stored form of a workflow's whole state.

mod decode;
mod encode;

use common::wire::WireError;
use prost::Message;
use proto::state::v1 as wire;

use super::records::{check_schema, decoded};
use super::{StoreError, keys};
use crate::core::state::WorkflowState;

/// Name of a snapshot in errors.
const NAME: &[u8] = b"snapshot";

/// Returns the stored form of a state, to be written as an object.
pub fn encode(state: &WorkflowState) -> Vec<u8> {
    encode::snapshot(state).encode_to_vec()
}

/// Reads the stored form over the state before the first fact.
///
/// # Errors
/// [`StoreError`] if it is of another workflow, of a newer schema, or damaged.
pub fn decode(accepted: WorkflowState, stored: &[u8]) -> Result<WorkflowState, StoreError> {
    let snapshot: wire::Snapshot = decoded(NAME, stored)?;
    check_schema(NAME, snapshot.schema_version)?;
    if snapshot.workflow_id != accepted.workflow.as_str() {
        let reason = format!("it is of workflow {}", snapshot.workflow_id);
        return Err(StoreError::damaged(NAME, reason));
    }
    let restored = decode::restore(accepted, snapshot);
    restored.map_err(|error: WireError| StoreError::damaged(NAME, error))
}
