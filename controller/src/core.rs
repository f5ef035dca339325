//! The pure heart: events become facts, facts become state, and state says what should go on.
//!
//! [`decide()`] holds all policy and changes nothing; [`apply()`] holds none and never fails. No clock
//! and no randomness in here: both arrive in [`event::Now`] and travel on inside facts.

pub mod advance;
pub mod apply;
pub mod assignment;
pub mod audit;
pub mod decide;
pub mod durations;
pub mod duty;
pub mod event;
pub mod fact;
pub mod ready;
pub mod stage;
pub mod state;
pub mod straggler;
pub mod task_set;
#[cfg(test)]
pub(crate) mod tests;
pub mod verdict;
pub mod view;

pub use advance::advance;
pub use apply::apply;
pub use decide::decide;
