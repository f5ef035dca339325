//! Tasks that are done by results of other workflows.

use common::failure::FailureClass;
use common::ids::AttemptNumber;
use common::task::Stage;

use super::world::{World, genome_spec, object};
use crate::core::audit::MILLION;
use crate::core::duty::Duty;
use crate::core::event::Event;
use crate::core::fact::{Change, FoundResult};
use crate::core::ready::need;
use crate::core::state::{End, Phase, TaskKey, TaskStatus};
use crate::core::view::view;

/// A world that waits for the lookup of its merge tasks.
fn looking_up() -> World {
    let mut world = World::accepted(genome_spec());
    world.cached = true;
    let awaited = |duty: &Duty| {
        matches!(
            duty,
            Duty::LookUp {
                stage: Stage::Merge,
                ..
            }
        )
    };
    while !world.duties().iter().any(awaited) {
        world.step();
    }
    world
}

fn found(indices: &[u32]) -> Vec<FoundResult> {
    let result = |&index: &u32| FoundResult {
        index,
        manifest: object(&format!("work/V/merge/{index}/1/manifest")),
        bytes: 7,
    };
    indices.iter().map(result).collect()
}

fn merge(index: u32) -> TaskKey {
    TaskKey {
        stage: Stage::Merge,
        index,
    }
}

fn looked_up(world: &mut World, first: u32, hits: &[u32]) -> usize {
    let event = Event::ResultsLookedUp {
        stage: Stage::Merge,
        tasks: first..3,
        found: found(hits),
    };
    world.happen(event).len()
}

#[test]
fn tasks_wait_for_their_lookup_and_those_with_a_result_never_run() {
    let mut world = looking_up();
    assert!(world.ready().is_empty());
    assert_eq!(world.place(merge(0)), []);
    looked_up(&mut world, 0, &[0, 2]);
    assert_eq!(world.ready(), [merge(1)]);
    world.finish();
    let seen = view(&world.state);
    assert_eq!(world.state.phase, Phase::Ended(End::Succeeded));
    let merged = seen.stages.iter().find(|it| it.stage == Stage::Merge);
    let merged = merged.unwrap();
    assert_eq!((merged.attempts, merged.cached, merged.done), (1, 2, 3));
}

#[test]
fn a_leader_that_dies_before_its_lookup_is_journaled_leaves_it_to_the_next() {
    let world = looking_up();
    let again = Duty::LookUp {
        stage: Stage::Merge,
        from: 0,
    };
    assert!(world.duties().contains(&again));
    assert!(world.ready().is_empty());
}

#[test]
fn a_lookup_counts_once_and_only_for_tasks_that_nobody_began() {
    let mut world = looking_up();
    looked_up(&mut world, 0, &[]);
    world.place(merge(1));
    assert_eq!(looked_up(&mut world, 0, &[0, 1]), 0);
    assert!(matches!(
        world.state.task(merge(0)).unwrap().status,
        TaskStatus::Waiting { .. }
    ));
}

#[test]
fn a_result_that_goes_is_made_again_and_not_looked_for() {
    let mut world = looking_up();
    looked_up(&mut world, 0, &[0, 1, 2]);
    let key = "work/V/merge/1/1/bam".to_owned();
    let facts = world.happen(Event::IntermediateLost { key });
    let reopened = |change: &Change| matches!(change, Change::StageReopened { stage: Stage::Merge, indices } if indices == &[1]);
    assert!(facts.iter().any(|fact| reopened(&fact.change)));
    assert_eq!(world.ready(), [merge(1)]);
    world.finish();
    assert_eq!(world.state.phase, Phase::Ended(End::Succeeded));
    assert_eq!(world.winners[&merge(1)], AttemptNumber(1));
}

#[test]
fn objects_of_workflows_that_gave_no_result_are_nobodys() {
    let mut world = looking_up();
    looked_up(&mut world, 0, &[0]);
    world.place(merge(1));
    let mut failure = common::failure::Failure::new(FailureClass::IntermediateLost, "it is gone");
    failure.file = Some("work/X/merge/0/1/bam".to_owned());
    let outcome = common::task::Outcome::Failed(failure);
    world.report(merge(1), AttemptNumber(1), outcome);
    let task = world.state.task(merge(1)).unwrap();
    let trouble = task.trouble.as_deref().unwrap();
    assert_eq!(trouble.count(FailureClass::Internal), 1);
}

#[test]
fn an_audit_runs_what_a_result_did() {
    let mut world = World::accepted(genome_spec());
    (world.cached, world.audited_ppm) = (true, MILLION);
    world.finish();
    assert_eq!(world.state.phase, Phase::Ended(End::Succeeded));
    // Of each stage every second task had a result; all of them ran since.
    for stage in [Stage::Align, Stage::Merge, Stage::Call] {
        let progress = world.state.stage(stage);
        assert!(progress.cached > 0);
        for task in &progress.tasks {
            let first = task.audited.as_deref().unwrap().attempt;
            assert_eq!(first.0 + 1, task.attempts);
        }
    }
    assert!(need(&world.state, merge(0)).is_some());
}
