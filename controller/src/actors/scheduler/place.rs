//! From what the scheduler knows to the problem that [`crate::scheduling`] solves.

use std::collections::BTreeMap;

use common::ids::{WorkerId, WorkflowId};
use common::task::Resources;
use common::workflow::Priority;

use super::{Availability, Lot, Seat, rest};
use crate::core::state::TaskKey;
use crate::scheduling::problem::{Candidate, Hindrance, Problem, Waiting, Worker};
use crate::scheduling::solve::{hindrance, solve};

/// A task, its worker, and what it may use there.
pub(super) type Placed = (WorkflowId, TaskKey, WorkerId, Resources);

/// Gives tasks to workers.
pub(super) fn place(
    seats: &BTreeMap<WorkerId, Seat>,
    lots: &BTreeMap<(Priority, WorkflowId), Lot>,
) -> Vec<Placed> {
    let waiting = lots.iter().filter(|(_, lot)| !lot.candidates.is_empty());
    let problem = Problem {
        workers: workers(seats),
        workflows: waiting
            .map(|((priority, workflow), lot)| Waiting {
                workflow,
                priority: *priority,
                candidates: &lot.candidates,
            })
            .collect(),
    };
    let placements = solve(&problem).into_iter();
    placements
        .map(|placed| {
            let (workflow, worker) = (placed.workflow.clone(), placed.worker.clone());
            (workflow, placed.task, worker, placed.resources)
        })
        .collect()
}

/// Says in words why a task waits.
pub(super) fn why_waiting(seats: &BTreeMap<WorkerId, Seat>, candidate: &Candidate) -> String {
    let Candidate { task, need } = candidate;
    match hindrance(&workers(seats), candidate) {
        Hindrance::NoWorker => "no worker is attached".to_owned(),
        Hindrance::Busy => "all workers are busy".to_owned(),
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

fn workers<'a>(seats: &'a BTreeMap<WorkerId, Seat>) -> Vec<Worker<'a>> {
    let worker = |seat: &'a Seat| {
        let Seat {
            info,
            availability,
            used,
            running,
        } = seat;
        let held = u32::try_from(running.len()).unwrap_or(u32::MAX);
        Worker {
            id: &info.id,
            total: info.resources,
            free: rest(info.resources, *used),
            credits: info.credits.saturating_sub(held),
            takes_tasks: *availability == Availability::Ready,
            output_versions: &info.output_versions,
        }
    };
    seats.values().map(worker).collect()
}
