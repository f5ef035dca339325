//! Placement by priority, fair share, age and best fit; see `README.md` beside this file.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use common::task::Resources;
use common::workflow::Priority;

use super::problem::{Candidate, Hindrance, Placement, Problem, Waiting, Worker, covers};
use super::turns::{Ledger, Turns};

/// Gives ready tasks to workers; in the order in which they are to be started.
///
/// Second attempts get what nothing else wants, and hold nothing.
pub fn solve<'a>(problem: &'a Problem<'a>) -> Vec<Placement<'a>> {
    let mut room = Room::new(&problem.workers);
    let mut ledger = Ledger::new(problem);
    let mut placements = Vec::new();
    if room.is_exhausted() {
        return placements;
    }
    for spare in [false, true] {
        for workflows in by_priority(problem).into_values() {
            let mut turns = Turns::new(workflows);
            while !room.is_exhausted()
                && let Some((waiting, candidate)) = turns.next(&ledger)
            {
                if candidate.need.is_spare != spare {
                    continue;
                }
                let Some(worker) = room.take(candidate) else {
                    continue;
                };
                let resources = candidate.need.resources;
                ledger.take(waiting.tenant, resources, !waiting.has_begun);
                turns.placed(waiting.tenant);
                placements.push(Placement {
                    workflow: waiting.workflow,
                    task: candidate.task,
                    worker: worker.id,
                    resources,
                });
            }
        }
    }
    placements
}

/// Says why a task that was not placed waits.
pub fn hindrance(problem: &Problem<'_>, waiting: &Waiting<'_>, candidate: &Candidate) -> Hindrance {
    let tenant = problem.tenants.get(waiting.tenant).copied();
    let need = candidate.need.resources;
    if let Some(denial) = tenant.unwrap_or_default().denies(waiting.has_begun, need) {
        return Hindrance::Quota(denial);
    }
    let workers = &problem.workers;
    if !workers.iter().any(|worker| worker.takes_tasks) {
        return Hindrance::NoWorker;
    }
    let mut workers = workers.iter();
    match workers.any(|worker| worker.could_run(candidate)) {
        true => Hindrance::Busy,
        false => Hindrance::NoneFits,
    }
}

/// The workflows, those that go first first.
fn by_priority<'a>(problem: &'a Problem<'a>) -> BTreeMap<Priority, Vec<&'a Waiting<'a>>> {
    let mut levels: BTreeMap<Priority, Vec<&Waiting<'_>>> = BTreeMap::new();
    for waiting in &problem.workflows {
        levels.entry(waiting.priority).or_default().push(waiting);
    }
    levels
}

/// What is left of the workers.
struct Room<'a> {
    /// Those with a free core and a credit.
    free: Vec<Worker<'a>>,
    /// All others that take tasks.
    full: Vec<Worker<'a>>,
    /// Needs that found no room: nothing becomes free while placing.
    refused: Vec<&'a Candidate>,
    reserved: bool,
}

impl<'a> Room<'a> {
    fn new(workers: &[Worker<'a>]) -> Self {
        let taking = workers.iter().filter(|worker| worker.takes_tasks).copied();
        let (free, full) = taking.partition(|worker| worker.has_room());
        Self {
            free,
            full,
            refused: Vec::new(),
            reserved: false,
        }
    }

    fn is_exhausted(&self) -> bool {
        self.free.is_empty()
    }

    /// Finds the best worker for a task and takes what it needs.
    fn take(&mut self, candidate: &'a Candidate) -> Option<Worker<'a>> {
        if self
            .refused
            .iter()
            .any(|refused| is_like(refused, candidate))
        {
            return None;
        }
        let need = candidate.need.resources;
        let fitting = self
            .free
            .iter()
            .enumerate()
            .filter(|(_, worker)| worker.could_run(candidate) && covers(worker.free, need));
        let best = fitting.min_by_key(|(_, worker)| {
            let avoided = candidate.need.avoid.as_ref() == Some(worker.id);
            let left = less(worker.free, need);
            let lacks = worker.lacks_reference(candidate);
            (avoided, lacks, left.cores, left.memory_bytes, worker.id)
        });
        let Some((index, _)) = best else {
            self.refused.push(candidate);
            if !candidate.need.is_spare {
                self.reserve(candidate);
            }
            return None;
        };
        let worker = &mut self.free[index];
        worker.free = less(worker.free, need);
        worker.credits -= 1;
        let chosen = *worker;
        if !chosen.has_room() {
            self.full.push(self.free.swap_remove(index));
        }
        Some(chosen)
    }

    /// Holds the worker on which the task could run first: the one that lacks least.
    fn reserve(&mut self, candidate: &Candidate) {
        if self.reserved {
            return;
        }
        let need = candidate.need.resources;
        let all = self.free.iter().chain(&self.full);
        let able = all.filter(|worker| worker.could_run(candidate));
        let first = able.min_by_key(|worker| {
            let lack = less(need, worker.free);
            (
                lack.cores,
                lack.memory_bytes,
                Reverse(worker.free.cores),
                worker.id,
            )
        });
        if let Some(first) = first {
            let held = first.id;
            self.reserved = true;
            self.free.retain(|worker| worker.id != held);
        }
    }
}

/// Says whether a task finds no room where the other found none. Whom it avoids does not matter.
fn is_like(one: &Candidate, other: &Candidate) -> bool {
    one.task.stage == other.task.stage
        && one.need.never_on == other.need.never_on
        && one.need.output_version == other.need.output_version
        && covers(other.need.resources, one.need.resources)
}

fn less(whole: Resources, part: Resources) -> Resources {
    Resources {
        cores: whole.cores.saturating_sub(part.cores),
        memory_bytes: whole.memory_bytes.saturating_sub(part.memory_bytes),
    }
}
