//! Queues genomes, plans tasks, places them on workers, keeps every fact.
//!
//! Main path: an accepted [`common::workflow::WorkflowSpec`] is planned by [`plan`]; from then on
//! each event goes through [`core::advance`], which decides facts and applies them; what should be
//! going on is derived by [`core::ready`] and [`core::duty`], placed by [`scheduling`], and kept by
//! [`state`].
#![forbid(unsafe_code)]

pub mod core;
pub mod plan;
pub mod scheduling;
pub mod state;
