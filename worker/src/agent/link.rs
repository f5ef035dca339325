//! The link to the controller: attached, or on the way back.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use common::auth::Bearer;
use common::backoff::Backoff;
use common::ids::{Epoch, WorkerId};
use proto::worker::v1 as wire;
use proto::worker::v1::attach_request::Message as Say;
use proto::worker::v1::attach_response::Message as Hear;
use tokio::runtime::Handle;
use tonic::Status;
use tonic::transport::Channel;

use super::credit::Credit;
use crate::attach::{self, Attachment};
use crate::config::Config;
use crate::error::Error;
use crate::session::Session;
use crate::storage::{self, Reach, Storage};

/// Waits between attachments.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(100),
    cap: Duration::from_secs(3),
};

type Opening = Pin<Box<dyn Future<Output = Result<Attachment, Status>> + Send>>;

/// The stream, or the way to it.
pub(super) struct Link {
    config: Arc<Config>,
    worker: WorkerId,
    channel: Channel,
    bearer: Bearer,
    state: State,
    tries: u32,
    was_welcomed: bool,
}

enum State {
    Detached,
    Opening(Opening),
    Attached(Box<Attachment>),
}

/// What came over the link.
pub(super) enum Heard {
    /// The worker is attached; what it owes is to be sent.
    Welcome(Box<wire::Welcome>),
    Message(Box<Hear>),
    /// The stream broke; it is opened again.
    Broken,
}

impl Link {
    pub fn new(config: Arc<Config>, worker: WorkerId) -> Result<Self, Error> {
        Ok(Self {
            channel: config.controller.channel()?,
            bearer: config.bearer()?,
            config,
            worker,
            state: State::Detached,
            tries: 0,
            was_welcomed: false,
        })
    }

    /// Waits for the next thing; may be given up and called again.
    ///
    /// # Errors
    /// [`Error::Refused`] if the controller never welcomed this worker and never will.
    pub async fn next(&mut self, session: &mut Session, credit: &Credit) -> Result<Heard, Error> {
        if matches!(self.state, State::Detached) {
            self.state = State::Opening(self.open(session, credit.told()));
        }
        match &mut self.state {
            State::Detached => Ok(Heard::Broken),
            State::Opening(opening) => {
                let opened = opening.await;
                self.opened(opened, session)
            }
            State::Attached(attachment) => match attachment.hear().await {
                Ok(message) => Ok(Heard::Message(Box::new(message))),
                Err(status) => {
                    tracing::warn!(
                        reason = attach::reason(&status),
                        "detached from the controller"
                    );
                    self.state = State::Detached;
                    Ok(Heard::Broken)
                }
            },
        }
    }

    fn opened(
        &mut self,
        opened: Result<Attachment, Status>,
        session: &mut Session,
    ) -> Result<Heard, Error> {
        self.state = State::Detached;
        let attachment = match opened {
            Ok(attachment) => attachment,
            Err(status) if attach::is_final(&status) && !self.was_welcomed => {
                return Err(Error::Refused(attach::reason(&status)));
            }
            Err(status) => {
                tracing::debug!(reason = attach::reason(&status), "the controller is away");
                self.tries += 1;
                return Ok(Heard::Broken);
            }
        };
        if let Err(stale) = session.hear(Epoch(attachment.welcome.epoch)) {
            tracing::warn!(%stale, "a leader that was replaced is refused");
            self.tries += 1;
            return Ok(Heard::Broken);
        }
        tracing::info!(worker = %self.worker, epoch = attachment.welcome.epoch, "attached");
        self.tries = 0;
        self.was_welcomed = true;
        let welcome = Box::new(attachment.welcome.clone());
        self.state = State::Attached(Box::new(attachment));
        Ok(Heard::Welcome(welcome))
    }

    fn open(&self, session: &Session, credits: u32) -> Opening {
        let wait = match self.tries {
            0 => Duration::ZERO,
            tries => BACKOFF.wait(tries - 1, rand::random()),
        };
        let (channel, bearer) = (self.channel.clone(), self.bearer.clone());
        let (config, worker) = (Arc::clone(&self.config), self.worker.clone());
        let holding = session.holding();
        Box::pin(async move {
            tokio::time::sleep(wait).await;
            let roots = storage::root_nonces(&config.roots);
            let hello = attach::hello(&config, &worker, &holding, roots, credits);
            Attachment::open(channel, bearer, hello).await
        })
    }

    /// Sends a message if the worker is attached; else it is owed, or of no use later.
    pub fn say(&self, message: Say) {
        if let State::Attached(attachment) = &self.state {
            attachment.say(message);
        }
    }

    pub fn is_attached(&self) -> bool {
        matches!(self.state, State::Attached(_))
    }

    /// Ends the attachment in order.
    pub async fn close(self) {
        if let State::Attached(attachment) = self.state {
            attachment.close().await;
        }
    }

    /// Opens objects and inputs by what the controller said of them. It welcomed this worker with
    /// the nonces of its roots, so these are the controller's.
    pub fn open_storage(&self, welcome: &wire::Welcome) -> Result<(Reach, Storage), Error> {
        let mut roots = self.config.roots.clone();
        if !self.config.roots_are_proven {
            let proven = storage::root_nonces(&roots);
            roots.retain(|name, _| proven.contains_key(name));
        }
        let reach = Reach::of(&self.config, roots, welcome);
        let storage = reach.open(
            &Handle::current(),
            self.channel.clone(),
            self.bearer.clone(),
        )?;
        Ok((reach, storage))
    }
}
