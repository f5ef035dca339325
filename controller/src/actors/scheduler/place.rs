//! From what the scheduler knows to the problem that [`crate::scheduling`] solves, and back.

use std::collections::BTreeMap;
use std::time::Duration;

use common::ids::{AttemptNumber, TenantId, WorkerId, WorkflowId};
use common::task::Resources;
use ractor::ActorRef;

use super::seat::{rest, sum};
use super::{Availability, Message, Running, Seat, State};
use crate::actors::now_ms;
use crate::core::state::TaskKey;
use crate::scheduling::problem::{Candidate, Hindrance, Problem, Waiting, Worker};
use crate::scheduling::share::{Denial, Tenant, day_of, next_day_ms};
use crate::scheduling::solve::{hindrance, solve};

/// A task, its worker, and what it may use there.
type Placed = (WorkflowId, TaskKey, WorkerId, Resources);

impl State {
    /// Gives tasks to workers, and tells those who wait why.
    pub(super) fn place(&mut self, myself: &ActorRef<Message>) {
        let now_ms = now_ms();
        let mut placed: BTreeMap<WorkflowId, Vec<(TaskKey, WorkerId)>> = BTreeMap::new();
        let solution = solved(&self.problem(now_ms));
        for (workflow, task, worker, resources) in solution {
            self.fetches(&workflow, &worker);
            let attempt = Running {
                task,
                attempt: AttemptNumber(0),
                worker: worker.clone(),
                resources,
            };
            self.occupy(&workflow, attempt);
            placed.entry(workflow).or_default().push((task, worker));
        }
        for (workflow, placements) in placed {
            if let Some(lot) = self.lots.get_mut(&workflow) {
                lot.sent += 1;
                lot.candidates.clear();
                lot.told.clear();
            }
            let workflows = &self.peers.get().workflows;
            workflows.placed(workflow, placements);
        }
        let quota_waits = self.tell_why(now_ms);
        self.set_alarm(myself, now_ms, quota_waits);
    }

    /// Tells workflows why they wait; says whether one of them waits for the next day.
    fn tell_why(&mut self, now_ms: u64) -> bool {
        let mut for_tomorrow = false;
        let mut news = Vec::new();
        let problem = self.problem(now_ms);
        for waiting in &problem.workflows {
            let Some(lot) = self.lots.get(waiting.workflow) else {
                continue;
            };
            let Some(candidate) = lot.waits() else {
                continue;
            };
            let why = hindrance(&problem, waiting, candidate);
            for_tomorrow |= matches!(why, Hindrance::Quota(Denial::Gigabases(_)));
            let reason = in_words(why, waiting.tenant, candidate);
            if reason != lot.told {
                news.push((waiting.workflow.clone(), reason));
            }
        }
        drop(problem);
        for (workflow, reason) in news {
            if let Some(lot) = self.lots.get_mut(&workflow) {
                lot.told.clone_from(&reason);
            }
            self.peers.get().workflows.waiting(workflow, reason);
        }
        for_tomorrow
    }

    /// Sees to it that it looks again when a cordon ends, or a quota begins anew.
    fn set_alarm(&mut self, myself: &ActorRef<Message>, now_ms: u64, for_tomorrow: bool) {
        let cordons = self.seats.values().map(|seat| seat.cordoned_until_ms);
        let cordon = cordons.filter(|until_ms| *until_ms > now_ms).min();
        let tomorrow = for_tomorrow.then(|| next_day_ms(now_ms));
        let Some(next_ms) = cordon.into_iter().chain(tomorrow).min() else {
            return;
        };
        if self.alarm_ms.is_none_or(|alarm_ms| next_ms < alarm_ms) {
            self.alarm_ms = Some(next_ms);
            let wait = Duration::from_millis(next_ms - now_ms);
            myself.send_after(wait, || Message::Alarm);
        }
    }

    /// Takes in that a worker is about to have the reference of a workflow.
    fn fetches(&mut self, workflow: &WorkflowId, worker: &WorkerId) {
        let lot = self.lots.get(workflow);
        let candidate = lot.and_then(|lot| lot.candidates.first());
        let reference = candidate.and_then(|candidate| candidate.need.reference.clone());
        if let (Some(reference), Some(seat)) = (reference, self.seats.get_mut(worker)) {
            seat.info.references.insert(reference);
        }
    }

    fn problem(&self, now_ms: u64) -> Problem<'_> {
        let waiting = self
            .lots
            .iter()
            .filter(|(_, lot)| !lot.candidates.is_empty());
        Problem {
            workers: workers(&self.seats, now_ms),
            workflows: waiting
                .map(|(workflow, lot)| Waiting {
                    workflow,
                    tenant: &lot.tenant,
                    priority: lot.priority(now_ms, self.terms.ageing),
                    has_begun: lot.has_begun,
                    candidates: &lot.candidates,
                })
                .collect(),
            tenants: self.tenants(now_ms),
        }
    }

    /// Adds up what tenants hold.
    fn tenants(&self, now_ms: u64) -> BTreeMap<&TenantId, Tenant> {
        let today = day_of(now_ms);
        let mut tenants: BTreeMap<&TenantId, Tenant> = BTreeMap::new();
        for (tenant, entitlement) in &self.terms.tenants {
            tenants.entry(tenant).or_default().entitlement = *entitlement;
        }
        for lot in self.lots.values() {
            let tenant = tenants.entry(&lot.tenant).or_default();
            tenant.held = sum(tenant.held, lot.held);
            tenant.running += u32::from(lot.has_begun);
            let bases = lot.bases.filter(|(day, _)| *day == today);
            tenant.bases_today += bases.map_or(0, |(_, bases)| bases);
        }
        for ((tenant, _), (day, bases)) in &self.spent {
            if *day == today {
                tenants.entry(tenant).or_default().bases_today += bases;
            }
        }
        tenants
    }
}

fn solved(problem: &Problem<'_>) -> Vec<Placed> {
    let placements = solve(problem).into_iter();
    placements
        .map(|placed| {
            let (workflow, worker) = (placed.workflow.clone(), placed.worker.clone());
            (workflow, placed.task, worker, placed.resources)
        })
        .collect()
}

/// Says in words why a task waits.
fn in_words(why: Hindrance, tenant: &TenantId, candidate: &Candidate) -> String {
    let Candidate { task, need } = candidate;
    match why {
        Hindrance::NoWorker => "no worker is attached".to_owned(),
        Hindrance::Busy => "all workers are busy".to_owned(),
        Hindrance::Quota(Denial::Genomes(most)) => {
            format!("quota: tenant {tenant} may run {most} genomes at the same time")
        }
        Hindrance::Quota(Denial::Cores(most)) => {
            format!("quota: tenant {tenant} may use {most} cores at the same time")
        }
        Hindrance::Quota(Denial::Gigabases(most)) => {
            format!("quota: tenant {tenant} may take in {most} gigabases a day (UTC)")
        }
        Hindrance::NoneFits => {
            let (stage, version) = (task.stage, need.output_version);
            let cores = need.resources.cores;
            let memory_mib = need.resources.memory_bytes >> 20;
            format!(
                "no worker offers {cores} cores, {memory_mib} MiB and stage {stage} in version {version}"
            )
        }
    }
}

fn workers(seats: &BTreeMap<WorkerId, Seat>, now_ms: u64) -> Vec<Worker<'_>> {
    seats.values().map(|seat| worker(seat, now_ms)).collect()
}

fn worker(seat: &Seat, now_ms: u64) -> Worker<'_> {
    let Seat {
        info,
        availability,
        used,
        running,
        cordoned_until_ms,
    } = seat;
    let held = u32::try_from(running.len()).unwrap_or(u32::MAX);
    Worker {
        id: &info.id,
        total: info.resources,
        free: rest(info.resources, *used),
        credits: info.credits.saturating_sub(held),
        takes_tasks: *availability == Availability::Ready && *cordoned_until_ms <= now_ms,
        output_versions: &info.output_versions,
        references: &info.references,
    }
}
