//! What the scheduler knows of one workflow.

use std::time::Duration;

use common::ids::{TenantId, WorkflowId};
use common::task::Resources;
use common::workflow::Priority;

use super::{DayBases, Offer, State};
use crate::actors::now_ms;
use crate::scheduling::problem::Candidate;
use crate::scheduling::share::{aged, day_of};

/// The ready tasks of one workflow, and what it holds.
#[derive(Debug, Default)]
pub(super) struct Lot {
    pub(super) tenant: TenantId,
    priority: Priority,
    accepted_at_ms: u64,
    pub(super) has_begun: bool,
    /// What its attempts hold.
    pub(super) held: Resources,
    pub(super) bases: Option<DayBases>,
    pub(super) candidates: Vec<Candidate>,
    /// Messages that were sent to the workflow.
    pub(super) sent: u64,
    /// What the workflow was told about its waiting.
    pub(super) told: String,
}

impl Lot {
    /// Returns its priority as it has become by waiting.
    pub(super) fn priority(&self, now_ms: u64, step: Duration) -> Priority {
        let waited = Duration::from_millis(now_ms.saturating_sub(self.accepted_at_ms));
        aged(self.priority, waited, step)
    }

    /// Returns a task that waits, if one does: a second attempt waits for nothing.
    pub(super) fn waits(&self) -> Option<&Candidate> {
        let mut candidates = self.candidates.iter();
        candidates.find(|candidate| !candidate.need.is_spare)
    }
}

impl State {
    /// Takes in how a workflow changed.
    pub(super) fn offered(&mut self, offer: Offer) {
        let Offer {
            workflow,
            tenant,
            priority,
            accepted_at_ms,
            has_begun,
            bases,
            placements,
            over,
            started,
            ended,
            candidates,
        } = offer;
        for (task, number) in started {
            self.number(&workflow, task, number);
        }
        for end in ended {
            if end.against_worker {
                self.hold_against_worker(&workflow, end);
            }
            self.free(&workflow, end.task, end.attempt);
        }
        if over {
            self.lots.remove(&workflow);
            if let Some(bases) = bases {
                self.spent(tenant, workflow, bases);
            }
            return;
        }
        let lot = self.lots.entry(workflow).or_default();
        lot.tenant = tenant;
        lot.priority = priority;
        lot.accepted_at_ms = accepted_at_ms;
        lot.has_begun |= has_begun;
        lot.bases = bases;
        if placements >= lot.sent {
            lot.candidates = candidates;
        }
    }

    /// Takes in what a workflow that is over took in. Only today matters.
    pub(super) fn spent(&mut self, tenant: TenantId, workflow: WorkflowId, bases: DayBases) {
        let today = day_of(now_ms());
        let mut days = self.spent.values().map(|(day, _)| *day);
        if days.next().is_some_and(|day| day < today) {
            self.spent.retain(|_, (day, _)| *day >= today);
        }
        if bases.0 >= today {
            self.spent.insert((tenant, workflow), bases);
        }
    }
}
