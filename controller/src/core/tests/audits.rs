//! Tasks that run twice.

use common::failure::{Failure, FailureClass};
use common::ids::AttemptNumber;
use common::task::{Outcome, Stage};

use super::world::{World, genome_spec, object};
use crate::core::audit::{MILLION, pairs};
use crate::core::duty::Duty;
use crate::core::event::Event;
use crate::core::ready::need;
use crate::core::state::{End, Phase, TaskKey};
use crate::core::verdict::{self, Verdict};
use crate::core::view::view;

fn audited(audited_ppm: u32) -> World {
    let mut world = World::accepted(genome_spec());
    world.audited_ppm = audited_ppm;
    world
}

#[test]
fn every_task_of_an_audited_stage_runs_twice_and_counts_once() {
    let mut world = audited(MILLION);
    world.finish();
    let seen = view(&world.state);
    let attempts: Vec<_> = seen.stages.iter().map(|stage| stage.attempts).collect();
    // index, split, align, duplicates, merge, recalibrate, call, gather
    assert_eq!(attempts, [1, 2, 12, 6, 6, 2, 4, 1]);
    let mut once = audited(0);
    once.finish();
    let work = |world: &World| world.state.stage(Stage::Align).reads;
    assert_eq!(work(&world), work(&once));
    assert_eq!(seen.stale_reports, 0);
}

#[test]
fn a_share_of_the_tasks_is_audited() {
    let mut world = audited(MILLION / 2);
    world.finish();
    let attempts: u64 = view(&world.state).stages.iter().map(|it| it.attempts).sum();
    assert!((20..33).contains(&attempts), "{attempts}");
}

/// A world in which the first `align` task is done twice, and its stage waits for the comparison.
fn compared() -> World {
    let mut world = audited(MILLION);
    while !world.duties().iter().any(|duty| {
        matches!(
            duty,
            Duty::WriteStageManifest {
                stage: Stage::Align,
                ..
            }
        )
    }) {
        if let Some(duty) = world.duties().first() {
            world.perform(duty);
        } else if let Some((task, attempt)) = world.live().first() {
            world.work(*task, *attempt);
        } else {
            let task = world.ready()[0];
            world.place(task);
        }
    }
    world
}

const ALIGN: TaskKey = TaskKey {
    stage: Stage::Align,
    index: 0,
};

#[test]
fn the_second_run_prefers_another_worker_and_the_first_stays_known() {
    let world = compared();
    let pairs = pairs(&world.state, Stage::Align);
    assert_eq!(pairs.len(), 6);
    let keys = pairs[0].manifests.each_ref().map(|it| it.key.as_str());
    assert_eq!(
        keys,
        ["work/W/align/0/1/manifest", "work/W/align/0/2/manifest"]
    );
    assert!(need(&world.state, ALIGN).unwrap().avoid.is_some());
    let first = Outcome::Completed(Some(object("work/W/align/0/1/manifest")));
    let judged = verdict::report(&world.state, ALIGN, AttemptNumber(1), &first);
    assert_eq!(judged, Verdict::Known);
}

#[test]
fn a_difference_is_the_end() {
    let mut world = compared();
    let failure = Failure::new(FailureClass::Nondeterminism, "they differ");
    let task = ALIGN;
    world.happen(Event::OutputsDiffer { task, failure });
    world.finish();
    assert_eq!(world.state.phase, Phase::Ended(End::Failed));
    let why = world.state.failure.unwrap();
    assert_eq!(
        (why.failure.class, why.task),
        (FailureClass::Nondeterminism, Some(ALIGN))
    );
}
