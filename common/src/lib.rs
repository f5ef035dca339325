//! What controller and worker share: ids, the words of orchestration as types, failure classes,
//! and their wire form.
//!
//! Main path: a [`workflow::WorkflowSpec`] is planned into [`task::TaskId`]s; each attempt travels
//! as a [`task::Assignment`] and comes back as a [`task::Report`].
#![forbid(unsafe_code)]

pub mod auth;
pub mod backoff;
pub mod failure;
pub mod ids;
pub mod location;
pub mod metrics;
pub mod reference;
pub mod s3_login;
pub mod secret;
pub mod servers;
pub mod task;
pub mod telemetry;
pub mod tls;
pub mod trace;
pub mod wire;
pub mod workflow;

#[doc(hidden)]
pub use tracing;
