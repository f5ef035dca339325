//! The edge: gRPC in, questions to actors, gRPC out. No decisions.

mod admin;
mod callers;
mod downloads;
mod genomics;
pub mod listen;
mod objects;
mod submission;
mod uploads;
mod view;
mod watching;
mod workers;

use std::sync::Arc;
use std::time::Duration;

use common::wire::status::refusal;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tonic::{Code, Status};

use crate::actors::{Handles, NoAnswer};
use crate::config::{Config, Limits};
use crate::duties::Services;
use crate::error::Error;
use callers::Callers;

/// When a client that was refused for want of room may try again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What all services share.
#[derive(Debug, Clone)]
pub struct Api {
    handles: watch::Receiver<Option<Handles>>,
    services: Arc<Services>,
    limits: Limits,
    callers: Callers,
    requests: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    nonces: Arc<workers::Nonces>,
}

impl Api {
    /// Makes the services of a controller.
    ///
    /// # Errors
    /// [`Error::File`] if the nonce of the object folder or the audit log cannot be written.
    pub fn new(
        handles: watch::Receiver<Option<Handles>>,
        services: Arc<Services>,
        config: &Config,
    ) -> Result<Self, Error> {
        let limits = config.limits;
        let callers = Callers::new(config)?;
        let nonces = workers::Nonces::write(&services)?;
        Ok(Self {
            handles,
            services,
            limits,
            callers,
            requests: Arc::new(Semaphore::new(limits.requests)),
            streams: Arc::new(Semaphore::new(limits.streams)),
            nonces: Arc::new(nonces),
        })
    }

    /// Returns the actors of the present control plane.
    fn control(&self) -> Result<Handles, Status> {
        let handles = self.handles.borrow().clone();
        handles.ok_or_else(|| unavailable(NoAnswer))
    }

    /// Takes a place among the requests that are worked on.
    fn request_permit(&self) -> Result<OwnedSemaphorePermit, Status> {
        self.requests
            .clone()
            .try_acquire_owned()
            .map_err(|_| busy("requests"))
    }

    /// Takes a place among the open streams.
    fn stream_permit(&self) -> Result<OwnedSemaphorePermit, Status> {
        self.streams
            .clone()
            .try_acquire_owned()
            .map_err(|_| busy("streams"))
    }
}

fn busy(what: &str) -> Status {
    let message = format!("too many {what} at the same time");
    refusal(Code::ResourceExhausted, "BUSY", &message, Some(RETRY_AFTER))
}

fn unavailable(error: NoAnswer) -> Status {
    let message = error.to_string();
    refusal(Code::Unavailable, "NO_ANSWER", &message, Some(RETRY_AFTER))
}

fn not_found(what: &str, name: &str) -> Status {
    refusal(
        Code::NotFound,
        "NOT_FOUND",
        &format!("no {what} {name}"),
        None,
    )
}
