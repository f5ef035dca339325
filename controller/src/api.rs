//! The edge: gRPC in, questions to actors, gRPC out. No decisions.

mod admin;
mod callers;
mod calls;
mod cluster;
mod downloads;
mod genomics;
pub mod listen;
mod logins;
mod objects;
mod references;
mod submission;
mod uploads;
mod view;
mod watching;
mod workers;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::wire::status::refusal;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tonic::{Code, Status};

use crate::actors::replica;
use crate::actors::root::Standing;
use crate::actors::{Handles, NoAnswer};
use crate::config::{Config, Limits};
use crate::duties::Services;
use crate::error::Error;
use callers::Callers;

/// When a client that was refused for want of room may try again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How long a controller may take to begin or to stop leading, and how often it is looked.
const CHANGE_WITHIN: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What all services share.
#[derive(Debug, Clone)]
pub struct Api {
    standing: Standing,
    handles: watch::Receiver<Option<Handles>>,
    services: Arc<Services>,
    limits: Limits,
    peer_ca: Option<PathBuf>,
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
        (standing, handles): (Standing, watch::Receiver<Option<Handles>>),
        services: Arc<Services>,
        config: &Config,
    ) -> Result<Self, Error> {
        let limits = config.limits;
        let callers = Callers::new(config)?;
        let nonces = workers::Nonces::write(&services)?;
        Ok(Self {
            standing,
            handles,
            services,
            limits,
            peer_ca: config.peer_ca.clone(),
            callers,
            requests: Arc::new(Semaphore::new(limits.requests)),
            streams: Arc::new(Semaphore::new(limits.streams)),
            nonces: Arc::new(nonces),
        })
    }

    /// Returns the actors of the present control plane.
    fn control(&self) -> Result<Handles, Status> {
        let handles = self.handles.borrow().clone();
        handles.ok_or_else(|| match &self.standing.replica {
            Some(_) => not_leader(),
            None => unavailable(NoAnswer),
        })
    }

    /// Returns who knows the workflows now.
    fn role(&self) -> Result<Role, Status> {
        match (&*self.handles.borrow(), &self.standing.replica) {
            (Some(handles), _) => Ok(Role::Leads(handles.clone())),
            (None, Some(replica)) => Ok(Role::Follows(replica.clone())),
            (None, None) => Err(unavailable(NoAnswer)),
        }
    }

    /// Asks whoever knows the workflows, again while that changes.
    async fn ask<T, F>(&self, ask: impl Fn(Role) -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<T, NoAnswer>>,
    {
        let mut handles = self.handles.clone();
        let begun = Instant::now();
        loop {
            handles.mark_unchanged();
            let error = match ask(self.role()?).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if self.standing.replica.is_none() || begun.elapsed() >= CHANGE_WITHIN {
                return Err(unavailable(error));
            }
            let _changed = tokio::time::timeout(LOOK_AGAIN, handles.changed()).await;
        }
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

/// Who knows the workflows.
enum Role {
    /// The control plane: this controller leads.
    Leads(Handles),
    /// The replica of one that follows.
    Follows(replica::Handle),
}

/// This controller follows another one, which alone can do what is asked for.
fn not_leader() -> Status {
    let message = "another controller leads";
    refusal(Code::Unavailable, "NOT_LEADER", message, Some(LOOK_AGAIN))
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
