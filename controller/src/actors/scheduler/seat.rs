//! Who sits where: attempts on workers, and what they hold there.

use std::collections::BTreeMap;

use common::ids::{AttemptNumber, WorkerId, WorkflowId};
use common::task::Resources;

use super::{Availability, Running, Seat, State};
use crate::actors::now_ms;
use crate::core::state::TaskKey;
use crate::worker_info::WorkerInfo;

impl State {
    /// Takes in that a worker attached, or that its availability changed.
    pub(super) fn changed(&mut self, info: WorkerInfo, availability: Availability) {
        let of_this_worker = self
            .running
            .iter()
            .filter(|(_, attempt)| attempt.worker == info.id);
        let cordoned = self.cordons.until_ms(&info.id, now_ms());
        let mut seat = Seat {
            info: info.clone(),
            availability,
            running: BTreeMap::new(),
            used: Resources::default(),
            cordoned_until_ms: cordoned.unwrap_or(0),
        };
        for ((workflow, task, number), attempt) in of_this_worker {
            seat.running.insert((workflow.clone(), *task), *number);
            seat.used = sum(seat.used, attempt.resources);
        }
        self.seats.insert(info.id, seat);
    }

    pub(super) fn occupy(&mut self, workflow: &WorkflowId, attempt: Running) {
        let (task, number) = (attempt.task, attempt.attempt);
        if let Some(seat) = self.seats.get_mut(&attempt.worker) {
            seat.running.insert((workflow.clone(), task), number);
            seat.used = sum(seat.used, attempt.resources);
        }
        let lot = self.lots.entry(workflow.clone()).or_default();
        lot.held = sum(lot.held, attempt.resources);
        lot.has_begun = true;
        let key = (workflow.clone(), task, number);
        self.running.insert(key, attempt);
    }

    /// Takes in which number a placed attempt got.
    pub(super) fn number(&mut self, workflow: &WorkflowId, task: TaskKey, number: AttemptNumber) {
        let unnumbered = (workflow.clone(), task, AttemptNumber(0));
        let Some(mut attempt) = self.running.remove(&unnumbered) else {
            return;
        };
        attempt.attempt = number;
        if let Some(seat) = self.seats.get_mut(&attempt.worker) {
            seat.running.insert((workflow.clone(), task), number);
        }
        let key = (workflow.clone(), task, number);
        self.running.insert(key, attempt);
    }

    pub(super) fn free(&mut self, workflow: &WorkflowId, task: TaskKey, number: AttemptNumber) {
        let key = (workflow.clone(), task, number);
        let Some(attempt) = self.running.remove(&key) else {
            return;
        };
        if let Some(seat) = self.seats.get_mut(&attempt.worker) {
            seat.running.remove(&(workflow.clone(), task));
            seat.used = rest(seat.used, attempt.resources);
        }
        if let Some(lot) = self.lots.get_mut(workflow) {
            lot.held = rest(lot.held, attempt.resources);
        }
    }

    /// Takes in that a worker is gone, and with it all that it ran.
    pub(super) fn gone(&mut self, worker: &WorkerId, orderly: bool) {
        if !orderly {
            self.hold_silence_against(worker);
        }
        self.seats.remove(worker);
        let running = self.running.iter();
        let on_it = running.filter(|(_, attempt)| attempt.worker == *worker);
        let keys: Vec<_> = on_it.map(|(key, _)| key.clone()).collect();
        for (workflow, task, number) in keys {
            self.free(&workflow, task, number);
        }
    }
}

pub(super) fn sum(a: Resources, b: Resources) -> Resources {
    Resources {
        cores: a.cores.saturating_add(b.cores),
        memory_bytes: a.memory_bytes.saturating_add(b.memory_bytes),
    }
}

pub(super) fn rest(whole: Resources, part: Resources) -> Resources {
    Resources {
        cores: whole.cores.saturating_sub(part.cores),
        memory_bytes: whole.memory_bytes.saturating_sub(part.memory_bytes),
    }
}
