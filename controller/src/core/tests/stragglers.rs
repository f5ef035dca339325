//! Second attempts: when there is one, who wins, and what a slow worker costs.

use std::collections::{BTreeMap, BTreeSet};

use common::failure::{Failure, FailureClass};
use common::ids::{AttemptNumber, WorkerId};
use common::task::{Outcome, Resources, Stage};
use common::workflow::Priority;

use super::world::{World, probe_spec};
use crate::core::event::Event;
use crate::core::fact::Change;
use crate::core::ready::{candidates, next_deadline_ms};
use crate::core::state::{Phase, TaskKey};
use crate::core::verdict::{self, Verdict};
use crate::scheduling::problem::{Candidate, Problem, Waiting, Worker};
use crate::scheduling::solve::solve;

fn probe(index: u32) -> TaskKey {
    let stage = Stage::Probe;
    TaskKey { stage, index }
}

const FIRST: AttemptNumber = AttemptNumber(1);
const SECOND: AttemptNumber = AttemptNumber(2);

/// Three tasks of which two took ten seconds; the third runs for longer and has a second attempt.
fn with_second_attempt() -> World {
    let mut world = World::validated(probe_spec(3));
    (0..3).for_each(|index| drop(world.place(probe(index))));
    world.now_ms += 10_000;
    (0..2).for_each(|index| drop(world.work(probe(index), FIRST)));
    world.now_ms += 20_000;
    assert_eq!(world.place_on(probe(2), "w9").len(), 1);
    world
}

#[test]
fn a_second_attempt_comes_late_in_a_stage_and_after_twice_the_median() {
    let mut world = World::validated(probe_spec(4));
    (0..3).for_each(|index| drop(world.place(probe(index))));
    world.now_ms += 10_000;
    (0..2).for_each(|index| drop(world.work(probe(index), FIRST)));
    world.now_ms += 1_000_000;
    assert_eq!(world.stragglers(), [], "a task has not even started");
    world.place(probe(3));
    assert_eq!(world.stragglers(), [probe(2)]);
    assert_eq!(world.place_on(probe(2), "w2"), [], "it is there already");
    world.place_on(probe(2), "w1");
    assert_eq!(world.stragglers(), [], "two are enough");
    let due_ms = next_deadline_ms(&world.state, world.now_ms).unwrap();
    let patience = due_ms - world.now_ms;
    assert!((20_000..25_000).contains(&patience), "{patience}");
    world.now_ms = due_ms;
    assert_eq!(world.stragglers(), [probe(3)]);
}

#[test]
fn the_first_that_completes_wins_and_the_other_is_over() {
    for (winner, loser) in [(FIRST, SECOND), (SECOND, FIRST)] {
        let mut world = with_second_attempt();
        let facts = world.work(probe(2), winner);
        let changes: Vec<_> = facts.iter().map(|fact| &fact.change).collect();
        let [
            Change::AttemptFailed {
                attempt, failure, ..
            },
            Change::AttemptCompleted { attempt: won, .. },
            ..,
        ] = changes[..]
        else {
            panic!("{changes:?}");
        };
        assert_eq!((*attempt, *won), (loser, winner));
        assert_eq!(failure.class, FailureClass::Cancelled);
        assert!(matches!(world.state.phase, Phase::Ended(_)));
        let late = Outcome::Completed(None);
        let judged = verdict::report(&world.state, probe(2), loser, &late);
        assert_eq!(judged, Verdict::Refused);
        let judged = verdict::report(&world.state, probe(2), loser, &Outcome::HandedBack);
        assert_eq!(judged, Verdict::Known);
    }
}

#[test]
fn while_one_attempt_goes_on_the_failure_of_the_other_is_not_the_end() {
    let mut world = with_second_attempt();
    let failure = Failure::new(FailureClass::WorkerLost, "gone");
    let attempts = vec![(probe(2), FIRST)];
    world.happen(Event::AttemptsLost { attempts, failure });
    assert_eq!(world.live(), [(probe(2), SECOND)]);
    assert!(world.ready().is_empty());
    world.fail(probe(2), SECOND, FailureClass::Internal);
    assert_eq!(world.state.task(probe(2)).unwrap().attempts, 2);
    world.now_ms += 200_000;
    assert_eq!(world.ready(), [probe(2)]);
}

#[test]
fn wrong_input_is_the_end_whatever_the_other_attempt_does() {
    let mut world = with_second_attempt();
    world.fail(probe(2), FIRST, FailureClass::InputInvalid);
    assert!(world.state.is_ending());
    assert_eq!(world.live(), [(probe(2), SECOND)]);
}

/// Runs a stage of `tasks` on workers of some slots, each with the time that it takes for a task;
/// returns how long it took.
fn stage_ms(tasks: u32, slots: u32, takes_ms: &[u64], second_attempts: bool) -> u64 {
    let mut world = World::validated(probe_spec(tasks));
    let began_ms = world.now_ms;
    let ids: Vec<WorkerId> = (0..takes_ms.len())
        .map(|n| WorkerId::new(format!("w{n}")))
        .collect();
    let (versions, none) = (BTreeMap::from([(Stage::Probe, 1)]), BTreeSet::new());
    while !world.state.is_ended() {
        let seats = ids.iter().map(|id| {
            let live = world.state.live_attempts();
            let held = live.filter(|(_, lease)| lease.worker == *id).count() as u32;
            let resources = |cores| Resources {
                cores,
                memory_bytes: 1,
            };
            Worker {
                id,
                total: resources(slots),
                free: resources(slots - held),
                credits: slots,
                takes_tasks: true,
                output_versions: &versions,
                references: &none,
            }
        });
        let offered = candidates(&world.state, world.now_ms, 512);
        let offered: Vec<Candidate> = offered
            .map(|(task, need)| Candidate { task, need })
            .filter(|candidate| second_attempts || !candidate.need.is_spare)
            .collect();
        let problem = Problem {
            workers: seats.collect(),
            workflows: vec![Waiting {
                workflow: &world.state.workflow,
                tenant: &world.state.tenant,
                priority: Priority::default(),
                has_begun: true,
                candidates: &offered,
            }],
            tenants: BTreeMap::new(),
        };
        let placed: Vec<_> = solve(&problem)
            .iter()
            .map(|placed| (placed.task, placed.worker.to_string()))
            .collect();
        for (task, worker) in placed {
            assert_eq!(world.place_on(task, &worker).len(), 1);
        }
        let ends = world.state.live_attempts().map(|(task, lease)| {
            let worker = ids.iter().position(|id| *id == lease.worker).unwrap();
            (lease.started_at_ms + takes_ms[worker], task, lease.attempt)
        });
        let (end_ms, task, attempt) = ends.min().unwrap();
        let due_ms = next_deadline_ms(&world.state, world.now_ms).unwrap_or(u64::MAX);
        if second_attempts && due_ms < end_ms {
            world.now_ms = due_ms;
            continue;
        }
        world.now_ms = end_ms;
        world.work(task, attempt);
    }
    world.now_ms - began_ms
}

#[test]
fn a_slow_worker_takes_its_part_and_no_more() {
    let takes_ms = [10_000, 100_000];
    assert_eq!(stage_ms(64, 4, &takes_ms, true), 150_000);
    assert_eq!(stage_ms(64, 4, &takes_ms, false), 200_000);
    assert_eq!(stage_ms(64, 4, &takes_ms[..1], true), 160_000);
}

#[test]
fn a_worker_that_is_ten_times_slower_costs_a_stage_less_than_two_fifths() {
    for (tasks, slots) in [(16, 1), (64, 4), (256, 16), (100, 2)] {
        let takes_ms = [10_000, 100_000];
        let took_ms = stage_ms(tasks, slots, &takes_ms, true);
        // What both can do together, without any end.
        let ideal_ms = u64::from(tasks) * 10_000 * 10 / 11 / u64::from(slots);
        assert!(took_ms * 10 <= ideal_ms * 14, "{took_ms} {ideal_ms}");
        assert!(took_ms < stage_ms(tasks, slots, &takes_ms, false));
        // And never more than if it were not there.
        assert!(took_ms <= stage_ms(tasks, slots, &takes_ms[..1], true));
    }
}
