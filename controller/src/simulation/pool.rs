//! The workers as a leader knows them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::ids::{WorkerId, WorkflowId};
use common::task::{AttemptId, Resources, Stage};

use super::leader::WORKER_LEASE;
use super::world::elapsed;
use crate::core::state::{TaskKey, WorkflowState};
use crate::scheduling::problem::{Candidate, Problem, Waiting, Worker};
use crate::scheduling::solve;

/// Attempts that a worker runs at the same time.
const SLOTS: u32 = 2;

/// A worker that was silent for so long gets nothing new.
const SUSPECT_AFTER: Duration = Duration::from_millis(800);

#[derive(Default)]
pub(super) struct Pool {
    workers: BTreeMap<WorkerId, Seen>,
}

struct Seen {
    host: String,
    at: Duration,
    holding: BTreeSet<AttemptId>,
    /// Whether it has spoken to this leader.
    spoke: bool,
}

impl Pool {
    /// Gives a worker, whose attempts are live in the journal, one lease to show up.
    pub(super) fn expect(&mut self, worker: &WorkerId) {
        let host = worker.as_str().split('.').next().unwrap_or_default();
        self.workers.entry(worker.clone()).or_insert_with(|| Seen {
            host: host.to_owned(),
            at: elapsed(),
            holding: BTreeSet::new(),
            spoke: false,
        });
    }

    /// Takes in that a worker is alive; says whether it speaks to this leader for the first time.
    pub(super) fn alive(&mut self, worker: WorkerId, host: String, holding: &[AttemptId]) -> bool {
        let seen = Seen {
            host,
            at: elapsed(),
            holding: holding.iter().cloned().collect(),
            spoke: true,
        };
        let before = self.workers.insert(worker, seen);
        before.is_none_or(|before| !before.spoke)
    }

    /// Forgets and returns those that were silent for a lease.
    pub(super) fn silent(&mut self) -> Vec<WorkerId> {
        let now = elapsed();
        let gone = |_: &WorkerId, seen: &mut Seen| now.saturating_sub(seen.at) >= WORKER_LEASE;
        let gone = self.workers.extract_if(.., gone);
        gone.map(|(worker, _)| worker).collect()
    }

    /// Returns the host of a worker that did not say that it holds an attempt.
    pub(super) fn lacks(&self, worker: &WorkerId, attempt: &AttemptId) -> Option<String> {
        let seen = self.workers.get(worker)?;
        (!seen.holding.contains(attempt)).then(|| seen.host.clone())
    }

    /// Gives tasks to workers.
    pub(super) fn solve(
        &self,
        states: &BTreeMap<WorkflowId, WorkflowState>,
        offers: &BTreeMap<WorkflowId, Vec<Candidate>>,
    ) -> Vec<(WorkflowId, TaskKey, WorkerId)> {
        let versions: BTreeMap<Stage, u32> = Stage::ALL
            .map(|stage| (stage, stage.output_version()))
            .into();
        let none = BTreeSet::new();
        let live = states.values().flat_map(|state| state.live_attempts());
        let held: Vec<&WorkerId> = live.map(|(_, lease)| &lease.worker).collect();
        let now = elapsed();
        let resources = |cores: u32| Resources {
            cores,
            memory_bytes: 64 << 30,
        };
        let mut workers = Vec::new();
        for (id, seen) in &self.workers {
            let used = held.iter().filter(|held| **held == id).count() as u32;
            workers.push(Worker {
                id,
                total: resources(SLOTS),
                free: resources(SLOTS.saturating_sub(used)),
                credits: SLOTS.saturating_sub(used),
                takes_tasks: seen.spoke && now.saturating_sub(seen.at) < SUSPECT_AFTER,
                output_versions: &versions,
                references: &none,
            });
        }
        let waiting = |(id, state): (&'_ WorkflowId, &'_ WorkflowState)| {
            (id.clone(), state.tenant.clone(), state.spec.priority)
        };
        let workflows: Vec<_> = states.iter().map(waiting).collect();
        let problem = Problem {
            workers,
            workflows: workflows
                .iter()
                .map(|(workflow, tenant, priority)| Waiting {
                    workflow,
                    tenant,
                    priority: *priority,
                    has_begun: true,
                    candidates: &offers[workflow],
                })
                .collect(),
            tenants: BTreeMap::new(),
        };
        let placed = solve::solve(&problem);
        let row = |p: &crate::scheduling::problem::Placement<'_>| {
            (p.workflow.clone(), p.task, p.worker.clone())
        };
        placed.iter().map(row).collect()
    }
}
