//! Workers that attach and workers that go: what they hold of a workflow, and what is lost with them.

use std::collections::BTreeSet;

use common::failure::{Failure, FailureClass};
use common::ids::{AttemptNumber, WorkerId};
use common::task::AttemptId;

use super::effects::Effect;
use super::{State, progress};
use crate::actors::worker::ToWorker;
use crate::core::duty::Duty;
use crate::core::event::Event;
use crate::core::state::TaskKey;
use crate::core::verdict;

impl State {
    /// What it holds but does not count is ended; what counts but it does not hold is lost.
    pub(super) fn attach(&mut self, worker: WorkerId, holding: Vec<AttemptId>) {
        let held: BTreeSet<(TaskKey, AttemptNumber)> = holding.iter().map(progress::key).collect();
        self.lose(&worker, FailureClass::WorkerLost, |attempt| {
            !held.contains(&attempt)
        });
        let stray =
            |attempt: &AttemptId| !verdict::may_hold(&self.state, progress::key(attempt), &worker);
        let strays = holding.into_iter().filter(stray);
        let cancels: Vec<_> = strays.map(ToWorker::Cancel).collect();
        // What it was told to end before it is told again.
        self.under_way
            .retain(|duty| !matches!(duty, Duty::EndAttempt { worker: on, .. } if *on == worker));
        let effects = match cancels.is_empty() {
            true => Vec::new(),
            false => vec![Effect::Post(worker, cancels)],
        };
        self.step(Vec::new(), effects);
    }

    pub(super) fn lose(
        &mut self,
        worker: &WorkerId,
        class: FailureClass,
        lost: impl Fn((TaskKey, AttemptNumber)) -> bool,
    ) {
        let attempts: Vec<_> = self
            .state
            .live_attempts()
            .filter(|(_, lease)| lease.worker == *worker)
            .map(|(task, lease)| (task, lease.attempt))
            .filter(|attempt| lost(*attempt))
            .collect();
        if attempts.is_empty() {
            return;
        }
        let failure = Failure::new(class, format!("worker {worker} is gone"));
        self.happen(Event::AttemptsLost { attempts, failure });
    }
}
