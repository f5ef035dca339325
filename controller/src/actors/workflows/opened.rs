//! What the index needs of a workflow that the store holds.

use super::{Opened, Place, sample};
use crate::core::state::WorkflowState;
use crate::core::view::{self, Status};
use crate::state::records::Accepted;

impl Opened {
    /// Keeps of a workflow that is over what a list of workflows needs.
    pub fn of(state: WorkflowState) -> Self {
        Self {
            workflow: state.workflow.clone(),
            batch: state.batch.clone(),
            tenant: state.tenant.clone(),
            sample: sample(&state.spec).to_owned(),
            status: view::status(&state),
            bases: state
                .bases_by_day
                .last_key_value()
                .map(|(day, bases)| (*day, *bases)),
            place: match state.is_ended() {
                true => Place::Over,
                false => Place::OnItsWay(Box::new(state)),
            },
        }
    }
}

impl Opened {
    /// Takes one that is over from what is left of it.
    pub fn over(accepted: &Accepted, status: Status) -> Self {
        Self {
            workflow: accepted.workflow.clone(),
            batch: accepted.batch.clone(),
            tenant: accepted.tenant.clone(),
            sample: sample(&accepted.spec).to_owned(),
            status,
            // The store keeps it by day.
            bases: None,
            place: Place::Over,
        }
    }
}
