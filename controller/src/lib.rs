//! Queues genomes, plans tasks, places them on workers, keeps every fact.
//!
//! Main path: an accepted [`common::workflow::WorkflowSpec`] is planned by [`plan`]; from then on
//! each event goes through [`core::advance()`], which decides facts and applies them; what should be
//! going on is derived by [`core::ready`] and [`core::duty`], placed by [`scheduling`], and kept by
//! [`state`].
#![forbid(unsafe_code)]

pub mod access;
mod actors;
mod admission;
mod api;
mod cache;
pub mod config;
pub mod core;
mod destination;
mod duties;
pub mod error;
mod guard;
mod inputs;
mod leader;
mod metrics;
mod nonce;
mod objects;
pub mod plan;
mod publication;
mod references;
mod roots;
mod run;
pub mod scheduling;
mod sealing;
#[cfg(test)]
mod simulation;
pub mod state;
mod worker_info;

pub use cache::Terms as CacheTerms;
pub use config::{Cluster, Config, Limits, Listen};
pub use error::Error;
pub use objects::ObjectsAt;
pub use run::{Bound, Ready, run};
