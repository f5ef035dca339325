//! Runs stages: attaches to a controller, fetches inputs, computes with the pure crates, commits
//! outputs.
//!
//! Main path: [`run`] attaches the `agent`; each assignment waits in `slots`, is run by the
//! `executor` (in a child process that enters at [`task_main`], or here), which calls
//! [`stage::run`] and writes the manifest; the report is owed by the `session` until the
//! controller acknowledges it.
#![forbid(unsafe_code)]

mod agent;
mod attach;
mod cache;
mod config;
mod error;
mod executor;
pub mod formats;
mod heartbeat;
mod inputs;
mod metrics;
mod objects;
mod scratch;
mod session;
mod slots;
pub mod stage;
mod storage;

use tokio::signal::unix::{SignalKind, signal};

pub use agent::run_until;
pub use config::{Config, Controller, TaskMode};
pub use error::Error;
pub use executor::task_main;

/// Runs a worker until SIGTERM or SIGINT, and then until what runs has ended or was handed back.
///
/// # Errors
/// [`Error`] if it can't start, or the controller refuses it for good.
pub async fn run(config: Config) -> Result<(), Error> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    run_until(config, async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    })
    .await
}
