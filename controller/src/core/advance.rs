//! One step: an event, the facts that follow, and the facts that follow from those.

use super::apply::apply;
use super::decide::decide;
use super::event::{Event, Now};
use super::fact::Fact;
use super::state::WorkflowState;

/// Decides what follows from an event and applies it, to its last consequence.
///
/// The facts are in the order in which they must be journaled, the first with sequence number
/// `state.revision + 1` of the state before.
pub fn advance(state: &mut WorkflowState, event: Event, now: Now) -> Vec<Fact> {
    let mut facts = decide(state, event, now);
    let mut applied = 0;
    while applied < facts.len() {
        for fact in &facts[applied..] {
            apply(state, fact);
        }
        applied = facts.len();
        facts.extend(decide(state, Event::TimePassed, now));
    }
    facts
}
