//! Whose turn it is: of the tenants that wait, the one that holds least for its weight.

use std::collections::{BTreeMap, VecDeque};

use common::ids::TenantId;
use common::task::Resources;

use super::problem::{Candidate, Problem, Waiting};
use super::share::{Denial, Tenant};

/// What tenants hold, as tasks are placed.
pub(super) struct Ledger<'a> {
    tenants: BTreeMap<&'a TenantId, Tenant>,
    total: Resources,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(problem: &Problem<'a>) -> Self {
        let mut total = Resources::default();
        for worker in &problem.workers {
            total.cores = total.cores.saturating_add(worker.total.cores);
            let memory_bytes = worker.total.memory_bytes;
            total.memory_bytes = total.memory_bytes.saturating_add(memory_bytes);
        }
        Self {
            tenants: problem.tenants.clone(),
            total,
        }
    }

    fn of(&self, tenant: &TenantId) -> Tenant {
        self.tenants.get(tenant).copied().unwrap_or_default()
    }

    pub(super) fn denies(&self, waiting: &Waiting<'_>, need: Resources) -> Option<Denial> {
        self.of(waiting.tenant).denies(waiting.has_begun, need)
    }

    /// Takes in that a task was placed; `begins` if it is the first of its genome.
    pub(super) fn take(&mut self, tenant: &'a TenantId, need: Resources, begins: bool) {
        let held = self.tenants.entry(tenant).or_default();
        held.held.cores = held.held.cores.saturating_add(need.cores);
        let memory_bytes = held.held.memory_bytes.saturating_add(need.memory_bytes);
        held.held.memory_bytes = memory_bytes;
        held.running += u32::from(begins);
    }
}

/// The workflows of one priority, by tenant, the oldest first.
pub(super) struct Turns<'a> {
    tenants: BTreeMap<&'a TenantId, VecDeque<Turn<'a>>>,
}

#[derive(Clone, Copy)]
struct Turn<'a> {
    waiting: &'a Waiting<'a>,
    /// The next of its candidates.
    next: usize,
    has_begun: bool,
}

impl<'a> Turns<'a> {
    pub(super) fn new(mut workflows: Vec<&'a Waiting<'a>>) -> Self {
        workflows.sort_by_key(|waiting| waiting.workflow);
        let mut tenants: BTreeMap<&TenantId, VecDeque<Turn<'a>>> = BTreeMap::new();
        for waiting in workflows {
            tenants.entry(waiting.tenant).or_default().push_back(Turn {
                waiting,
                next: 0,
                has_begun: waiting.has_begun,
            });
        }
        Self { tenants }
    }

    /// Returns the next task to be placed that its tenant's quotas allow.
    pub(super) fn next(&mut self, ledger: &Ledger<'_>) -> Option<(Waiting<'a>, &'a Candidate)> {
        loop {
            let turn = self.front(ledger)?;
            let mut waiting = *turn.waiting;
            let Some(candidate) = waiting.candidates.get(turn.next) else {
                self.leave(waiting.tenant);
                continue;
            };
            waiting.has_begun = turn.has_begun;
            turn.next += 1;
            match ledger.denies(&waiting, candidate.need.resources) {
                None => return Some((waiting, candidate)),
                // A smaller task may be allowed.
                Some(Denial::Cores(_)) => {}
                Some(Denial::Genomes(_) | Denial::Gigabases(_)) => self.leave(waiting.tenant),
            }
        }
    }

    /// Takes in that a task of the first workflow of a tenant was placed.
    pub(super) fn placed(&mut self, tenant: &TenantId) {
        let turns = self.tenants.get_mut(tenant);
        if let Some(turn) = turns.and_then(VecDeque::front_mut) {
            turn.has_begun = true;
        }
    }

    fn front(&mut self, ledger: &Ledger<'_>) -> Option<&mut Turn<'a>> {
        let fronts = self.tenants.iter();
        let fronts = fronts.filter_map(|(tenant, turns)| Some((*tenant, turns.front()?)));
        let (tenant, _) = fronts.min_by(|(one, first), (other, second)| {
            let shares = ledger.of(one).compare(&ledger.of(other), ledger.total);
            shares.then_with(|| first.waiting.workflow.cmp(second.waiting.workflow))
        })?;
        self.tenants.get_mut(tenant)?.front_mut()
    }

    fn leave(&mut self, tenant: &TenantId) {
        if let Some(turns) = self.tenants.get_mut(tenant) {
            turns.pop_front();
        }
    }
}
