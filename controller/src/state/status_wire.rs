//! How far a workflow is, on the wire and as it is stored.

use proto::v1;

use crate::core::view::Status;

/// Returns the state on the wire.
pub fn state_of(status: Status) -> v1::WorkflowState {
    match status {
        Status::Accepted => v1::WorkflowState::Accepted,
        Status::Queued => v1::WorkflowState::Queued,
        Status::Running => v1::WorkflowState::Running,
        Status::Publishing => v1::WorkflowState::Publishing,
        Status::Cancelling => v1::WorkflowState::Cancelling,
        Status::Succeeded => v1::WorkflowState::Succeeded,
        Status::Rejected => v1::WorkflowState::Rejected,
        Status::Failed => v1::WorkflowState::Failed,
        Status::Cancelled => v1::WorkflowState::Cancelled,
    }
}

/// Reads a state on the wire.
pub fn status_of(state: v1::WorkflowState) -> Option<Status> {
    let all = [
        Status::Accepted,
        Status::Queued,
        Status::Running,
        Status::Publishing,
        Status::Cancelling,
        Status::Succeeded,
        Status::Rejected,
        Status::Failed,
        Status::Cancelled,
    ];
    all.into_iter().find(|status| state_of(*status) == state)
}
