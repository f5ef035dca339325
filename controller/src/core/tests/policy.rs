//! Each rule of retry, lineage and ending by itself.

use common::failure::{Failure, FailureClass};
use common::ids::AttemptNumber;
use common::task::{Detail, Outcome, Stage};

use super::world::{LANE_BATCHES, World, genome_spec, probe_spec};
use crate::core::assignment::assignment;
use crate::core::duty::Duty;
use crate::core::event::Event;
use crate::core::fact::Change;
use crate::core::ready::{need, next_deadline_ms};
use crate::core::state::{End, Phase, TaskKey};
use crate::core::view::view;

const PROBE: TaskKey = TaskKey {
    stage: Stage::Probe,
    index: 0,
};

fn split(lane: u32) -> TaskKey {
    let stage = Stage::Split;
    TaskKey { stage, index: lane }
}

/// Fails one task again and again; returns the waits in ms until there is no next attempt, at most 30.
fn waits(class: FailureClass) -> Vec<u64> {
    let mut world = World::validated(probe_spec(1));
    world.jitter = 1.0;
    let mut waits = Vec::new();
    while waits.len() < 30 {
        world.place(PROBE);
        let (task, attempt) = world.live()[0];
        world.fail(task, attempt, class);
        if world.state.is_ended() {
            break;
        }
        let due = next_deadline_ms(&world.state, world.now_ms).unwrap_or(world.now_ms);
        waits.push(due - world.now_ms);
        world.now_ms = due;
    }
    waits
}

#[test]
fn each_class_has_its_tries_and_waits() {
    let seconds = |seconds: &[u64]| seconds.iter().map(|s| s * 1000).collect::<Vec<u64>>();
    let table = [
        (FailureClass::InputInvalid, vec![]),
        (FailureClass::Nondeterminism, vec![]),
        (
            FailureClass::StorageTransient,
            seconds(&[1, 2, 4, 8, 16, 32, 64]),
        ),
        (FailureClass::Internal, seconds(&[5, 10])),
        (FailureClass::OutOfResources, vec![0, 0]),
        (FailureClass::WorkerLost, vec![0; 19]),
        (FailureClass::Preempted, vec![0; 19]),
    ];
    for (class, expected) in table {
        assert_eq!(waits(class), expected, "{class:?}");
    }
    let credentials = waits(FailureClass::CredentialsExpired);
    assert_eq!((credentials.len(), credentials[29]), (30, 900_000));
}

#[test]
fn lost_workers_do_not_count_as_tries() {
    let mut world = World::validated(probe_spec(1));
    for class in [FailureClass::Internal, FailureClass::WorkerLost].repeat(2) {
        world.now_ms += 1_000_000;
        world.place(PROBE);
        let (task, attempt) = world.live()[0];
        world.fail(task, attempt, class);
    }
    assert!(!world.state.is_ending());
    assert_eq!(world.state.task(PROBE).unwrap().attempts, 4);
}

#[test]
fn an_attempt_that_ran_out_is_followed_by_a_larger_one() {
    let mut world = World::validated(genome_spec());
    let memory = |world: &World| need(&world.state, split(0)).unwrap().resources.memory_bytes;
    let first = memory(&world);
    world.place(split(0));
    world.fail(split(0), AttemptNumber(1), FailureClass::OutOfResources);
    assert_eq!(memory(&world), first * 3 / 2);
    assert!(need(&world.state, split(0)).unwrap().avoid.is_some());
}

#[test]
fn a_retry_of_split_goes_on_at_the_last_read_batch() {
    let mut world = World::validated(genome_spec());
    world.place(split(0));
    world.work(split(0), AttemptNumber(1));
    world.fail(split(0), AttemptNumber(1), FailureClass::WorkerLost);
    world.place(split(0));
    let next = assignment(&world.state, split(0), AttemptNumber(2)).unwrap();
    assert_eq!(next.output_prefix, "work/W/split/0/2");
    let Detail::Split(cursor) = next.detail else {
        panic!("not a split");
    };
    assert_eq!((cursor.next_batch, cursor.next_ordinal), (1, 10));
    assert_eq!(world.state.read_batches.len(), 1);
    assert!(assignment(&world.state, split(0), AttemptNumber(1)).is_none());
}

#[test]
fn a_result_that_is_sent_again_is_known_and_counts_once() {
    let mut world = World::validated(genome_spec());
    let index = TaskKey {
        stage: Stage::Index,
        index: 0,
    };
    world.place(index);
    assert_eq!(world.work(index, AttemptNumber(1)).len(), 1);
    assert_eq!(world.work(index, AttemptNumber(1)), []);
    assert_eq!(world.state.stale_reports, 0);
}

#[test]
fn a_lost_read_batch_is_written_again_before_it_is_aligned() {
    let mut world = World::validated(genome_spec());
    let index = TaskKey {
        stage: Stage::Index,
        index: 0,
    };
    world.place(index);
    world.work(index, AttemptNumber(1));
    let duty = world.duties().remove(0);
    world.perform(&duty);
    world.place(split(0));
    for _ in 0..=LANE_BATCHES {
        world.work(split(0), AttemptNumber(1));
    }
    let align = TaskKey {
        stage: Stage::Align,
        index: 1,
    };
    world.place(align);
    let mut lost = Failure::new(FailureClass::IntermediateLost, "gone");
    lost.file = Some("work/W/split/0/1/batch-1".to_owned());
    world.report(align, AttemptNumber(1), Outcome::Failed(lost));
    assert_eq!(world.state.stage(Stage::Split).rounds, 1);
    world.now_ms += 200_000;
    assert!(world.ready().iter().all(|task| task.stage == Stage::Split));
    world.place(split(0));
    world.work(split(0), AttemptNumber(2));
    assert!(!world.ready().contains(&align));
    world.work(split(0), AttemptNumber(2));
    assert!(world.ready().contains(&align));
    world.finish();
    assert_eq!(world.state.phase, Phase::Ended(End::Succeeded));
    assert_eq!(world.state.read_batches.len() as u32, 2 * LANE_BATCHES);
}

#[test]
fn a_stage_is_opened_again_three_times_at_most() {
    let mut world = World::validated(genome_spec());
    let index = TaskKey {
        stage: Stage::Index,
        index: 0,
    };
    for round in 1..=4 {
        world.place(index);
        let (task, attempt) = world.live()[0];
        world.work(task, attempt);
        let key = format!("work/W/index/0/{round}/manifest");
        world.happen(Event::IntermediateLost { key });
    }
    assert_eq!(world.state.phase, Phase::Ended(End::Failed));
    let failure = world.state.failure.unwrap().failure;
    assert_eq!(failure.class, FailureClass::IntermediateLost);
}

#[test]
fn a_failed_workflow_ends_its_other_attempts_first() {
    let mut world = World::validated(genome_spec());
    world.place(split(0));
    world.place(split(1));
    world.fail(split(0), AttemptNumber(1), FailureClass::InputInvalid);
    assert_eq!(world.state.phase, Phase::Active);
    assert!(world.ready().is_empty());
    let duties = world.duties();
    assert!(matches!(duties[..], [Duty::EndAttempt { task, .. }] if task == split(1)));
    world.perform(&duties[0]);
    assert_eq!(world.state.phase, Phase::Ended(End::Failed));
    let failure = world.state.failure.unwrap();
    assert_eq!(failure.task, Some(split(0)));
}

#[test]
fn a_manifest_of_an_earlier_round_does_not_close_a_stage() {
    let mut world = World::validated(genome_spec());
    let index = TaskKey {
        stage: Stage::Index,
        index: 0,
    };
    world.place(index);
    world.work(index, AttemptNumber(1));
    let early = world.duties().remove(0);
    let key = "work/W/index/0/1/manifest".to_owned();
    world.happen(Event::IntermediateLost { key });
    world.place(index);
    world.work(index, AttemptNumber(2));
    assert_eq!(world.perform(&early), []);
    let due = world.duties().remove(0);
    let facts = world.perform(&due);
    assert!(matches!(facts[0].change, Change::StageCompleted { .. }));
}

#[test]
fn publication_is_tried_again_and_is_too_late_to_cancel() {
    let mut world = World::validated(genome_spec());
    while world.state.phase != Phase::Publishing {
        world.step();
    }
    world.jitter = 1.0;
    assert_eq!(world.happen(Event::CancelRequested), []);
    let fault = Failure::new(FailureClass::StorageTransient, "disk");
    world.happen(Event::PublicationFailed(fault));
    assert_eq!(world.duties(), []);
    let reason = view(&world.state).reason;
    assert!(reason.contains("publication is tried again"), "{reason}");
    let due = next_deadline_ms(&world.state, world.now_ms).unwrap();
    assert_eq!(due, world.now_ms + 1000);
    world.now_ms = due;
    assert_eq!(world.duties(), [Duty::Publish]);
    world.perform(&Duty::Publish);
    assert_eq!(world.state.phase, Phase::Ended(End::Succeeded));
}

#[test]
fn a_publication_that_misses_what_counts_no_longer_waits_before_it_goes_on() {
    let mut world = World::validated(genome_spec());
    while world.state.phase != Phase::Publishing {
        world.step();
    }
    world.jitter = 1.0;
    let mut waits = Vec::new();
    for _ in 0..3 {
        let key = "work/W/gather/0/9/S.bam".to_owned();
        world.happen(Event::IntermediateLost { key });
        assert_eq!(world.duties(), []);
        let due = next_deadline_ms(&world.state, world.now_ms).unwrap();
        waits.push(due - world.now_ms);
        world.now_ms = due;
        assert_eq!(world.duties(), [Duty::Publish]);
    }
    assert_eq!(waits, [1000, 2000, 4000]);
    world.finish();
    assert_eq!(world.state.phase, Phase::Ended(End::Succeeded));
}
