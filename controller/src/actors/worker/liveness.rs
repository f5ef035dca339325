//! When a worker is suspect, and when it is lost.
//!
//! A worker that is silent is lost after its lease. One whose connections have both ended, that of
//! its stream and that of its heartbeat, is lost when neither is back in a moment: its process is
//! gone. While its heartbeat goes on, a broken stream makes it suspect only.

use std::time::{Duration, Instant};

use ractor::ActorRef;

use super::{Message, State};
use crate::actors::scheduler::Availability;
use crate::metrics::WORKERS_LOST;

/// How long a worker that was cut off has to come back.
const RETURN_WITHIN: Duration = Duration::from_millis(600);

impl State {
    pub(super) fn suspect(&mut self) {
        if self.availability == Availability::Ready {
            tracing::info!(worker = %self.id, "worker is suspect");
            self.availability = Availability::Suspect;
            self.announce();
        }
    }

    pub(super) fn heard(&mut self) {
        self.last_heard = Instant::now();
        self.signs += 1;
        if self.availability == Availability::Suspect && self.stream.is_some() {
            self.availability = Availability::Ready;
            self.announce();
        }
    }

    /// Looks at the time; returns when to look again, `None` when the worker is lost.
    pub(super) fn check(&mut self) -> Option<Duration> {
        let heard = self
            .detached_at
            .map_or(self.last_heard, |at| at.min(self.last_heard));
        let silent = heard.elapsed();
        if silent >= self.lease {
            tracing::warn!(worker = %self.id, "worker is lost");
            WORKERS_LOST.inc();
            self.peers.get().workers.gone(self.id.clone(), false);
            return None;
        }
        let suspect_after = suspect_after(self.lease);
        if silent >= suspect_after {
            self.suspect();
            return Some(self.lease - silent);
        }
        Some(suspect_after - silent)
    }

    /// Looks again in a moment if the worker is cut off.
    pub(super) fn fear(&self, myself: &ActorRef<Message>) {
        if self.is_cut_off() {
            let signs = self.signs;
            myself.send_after(RETURN_WITHIN, move || Message::Abandon { signs });
        }
    }

    /// Gives the worker up if there was no sign of life since it was cut off.
    pub(super) fn abandon(&self, signs: u64) {
        if self.is_cut_off() && self.signs == signs {
            tracing::warn!(worker = %self.id, "worker is cut off and lost");
            WORKERS_LOST.inc();
            self.peers.get().workers.gone(self.id.clone(), false);
        }
    }

    fn is_cut_off(&self) -> bool {
        self.stream.is_none() && self.beating.is_none()
    }
}

/// A worker gets no new tasks after four tenths of its lease without a sign.
pub(super) fn suspect_after(lease: Duration) -> Duration {
    lease * 2 / 5
}
