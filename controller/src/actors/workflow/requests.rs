//! What clients ask of a workflow: how far it is, to stop, and to go on with another login.

use std::sync::Arc;

use common::s3_login::Sealed;
use tokio::sync::oneshot;

use super::effects::Effect;
use super::{Snapshot, State};
use crate::actors::now;
use crate::core::advance;
use crate::core::event::Event;

impl State {
    /// Answers as soon as the wish is durable; only then are attempts ended, of which there may be many.
    pub(super) fn cancel(&mut self, reply: oneshot::Sender<Arc<Snapshot>>) {
        let facts = advance(&mut self.state, Event::CancelRequested, now());
        self.begins_to_end |= !facts.is_empty();
        self.journal(facts, Vec::new(), Vec::new());
        self.answer(reply);
    }

    /// Goes on with another login to S3.
    pub(super) fn renew_login(&mut self, login: Sealed, reply: oneshot::Sender<Arc<Snapshot>>) {
        self.happen(Event::LoginRenewed(login));
        self.answer(reply);
    }

    /// Does what follows from a wish to stop once it is durable, unless something else did.
    pub(super) fn go_on_ending(&mut self) {
        if self.begins_to_end && self.pending.is_empty() && !self.ended {
            self.begins_to_end = false;
            self.happen(Event::TimePassed);
        }
    }

    /// Answers with what is seen now, once that is durable.
    pub(super) fn answer(&mut self, reply: oneshot::Sender<Arc<Snapshot>>) {
        let answer = Effect::Answer(reply, Arc::new(self.snapshot()));
        self.pending.push_back((self.state.revision, vec![answer]));
        self.release();
    }
}
