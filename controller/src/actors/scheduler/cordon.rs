//! What failures do to their workers.

use common::ids::{WorkerId, WorkflowId};

use super::{Ended, State};
use crate::actors::now_ms;
use crate::core::state::TaskKey;

impl State {
    /// Takes in an end that speaks against the worker of the attempt.
    pub(super) fn hold_against_worker(&mut self, workflow: &WorkflowId, end: Ended) {
        let key = (workflow.clone(), end.task, end.attempt);
        let running = self.running.get(&key);
        if let Some(worker) = running.map(|attempt| attempt.worker.clone()) {
            self.hold_against(&worker, Some((workflow.clone(), end.task)));
        }
    }

    /// Takes in that a worker was given up.
    pub(super) fn hold_silence_against(&mut self, worker: &WorkerId) {
        self.hold_against(worker, None);
    }

    fn hold_against(&mut self, worker: &WorkerId, task: Option<(WorkflowId, TaskKey)>) {
        let (now_ms, attached) = (now_ms(), self.seats.len());
        self.cordons.forget(now_ms);
        let Some(until_ms) = self.cordons.failed(worker, task, now_ms, attached) else {
            return;
        };
        let seconds = (until_ms - now_ms) / 1000;
        tracing::warn!(%worker, seconds, "worker is cordoned: too much failed on it");
        if let Some(seat) = self.seats.get_mut(worker) {
            seat.cordoned_until_ms = until_ms;
        }
    }
}
