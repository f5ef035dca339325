//! From what the scheduler knows to placements.

use std::collections::BTreeMap;

use common::ids::{WorkerId, WorkflowId};
use common::task::Resources;
use common::workflow::Priority;

use super::{Availability, Candidate, Lot, Seat, rest};
use crate::core::state::TaskKey;

type Placement = ((Priority, WorkflowId), TaskKey, WorkerId, Resources);

/// A worker that gets tasks, and what it has left.
struct Free<'a> {
    seat: &'a Seat,
    left: Resources,
}

/// Gives tasks to workers: by priority, then the oldest workflow, each to the worker with most cores
/// left.
pub(super) fn place(
    seats: &BTreeMap<WorkerId, Seat>,
    lots: &BTreeMap<(Priority, WorkflowId), Lot>,
) -> Vec<Placement> {
    let ready = seats
        .values()
        .filter(|seat| seat.availability == Availability::Ready);
    let mut free: Vec<Free> = ready
        .map(|seat| Free {
            seat,
            left: rest(seat.info.resources, seat.used),
        })
        .filter(|free| free.left.cores > 0)
        .collect();
    let mut placed = Vec::new();
    for (key, lot) in lots {
        for Candidate { task, need } in &lot.candidates {
            if free.is_empty() {
                return placed;
            }
            let fitting = free
                .iter_mut()
                .filter(|free| fits(free.seat, free.left, task, need));
            let best = fitting.max_by_key(|free| {
                let avoided = need.avoid.as_ref() == Some(&free.seat.info.id);
                (
                    !avoided,
                    free.left.cores,
                    std::cmp::Reverse(&free.seat.info.id),
                )
            });
            let Some(chosen) = best else { continue };
            chosen.left = rest(chosen.left, need.resources);
            let worker = chosen.seat.info.id.clone();
            placed.push((key.clone(), *task, worker, need.resources));
            free.retain(|free| free.left.cores > 0);
        }
    }
    placed
}

/// Says in words why a task waits.
pub(super) fn why_waiting(seats: &BTreeMap<WorkerId, Seat>, candidate: &Candidate) -> String {
    let Candidate { task, need } = candidate;
    let mut attached = seats.values();
    if seats.is_empty() {
        return "no worker is attached".to_owned();
    }
    if attached.any(|seat| fits(seat, seat.info.resources, task, need)) {
        return "all workers are busy".to_owned();
    }
    let Resources {
        cores,
        memory_bytes,
    } = need.resources;
    let (stage, version) = (task.stage, need.output_version);
    let memory_mib = memory_bytes >> 20;
    format!(
        "no worker offers {cores} cores, {memory_mib} MiB and stage {stage} in version {version}"
    )
}

fn fits(seat: &Seat, left: Resources, task: &TaskKey, need: &crate::core::ready::Need) -> bool {
    let enough =
        left.cores >= need.resources.cores && left.memory_bytes >= need.resources.memory_bytes;
    let versions = &seat.info.output_versions;
    enough && versions.get(&task.stage) == Some(&need.output_version)
}
