//! What holds whatever happens, in whatever order.

use common::failure::{Failure, FailureClass};
use common::task::{Outcome, Stage};
use proptest::prelude::*;

use super::world::{World, genome_spec, object, probe_spec};
use crate::core::apply;
use crate::core::event::Event;
use crate::core::fact::{Change, Fact};
use crate::core::state::{End, Phase, TaskKey, TaskStatus, WorkflowState};
use crate::core::view::{self, StageStatus, Status, view};
use crate::plan::dag::dependencies;
use crate::state::{fact_wire, snapshot};

/// What may happen; the number chooses among what there is.
#[derive(Debug, Clone)]
enum Step {
    Place(usize),
    PlaceAgain(usize),
    Work(usize),
    Fail(usize, FailureClass),
    Lose(usize),
    Stale(usize),
    Duty(usize),
    FailPublication(FailureClass),
    LoseObject(usize),
    ReportLostObject(usize, usize),
    Wait(u64),
    Cancel,
}

fn class() -> impl Strategy<Value = FailureClass> {
    // The terminal ones come seldom, so that runs become long.
    prop_oneof![
        8 => Just(FailureClass::StorageTransient),
        8 => Just(FailureClass::Preempted),
        4 => Just(FailureClass::OutOfResources),
        4 => Just(FailureClass::Internal),
        4 => Just(FailureClass::CredentialsExpired),
        2 => Just(FailureClass::IntermediateLost),
        2 => Just(FailureClass::Cancelled),
        1 => Just(FailureClass::InputInvalid),
        1 => Just(FailureClass::Nondeterminism),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let n = || any::<prop::sample::Index>().prop_map(|index| index.index(1000));
    prop_oneof![
        30 => n().prop_map(Step::Place),
        10 => n().prop_map(Step::PlaceAgain),
        60 => n().prop_map(Step::Work),
        4 => (n(), class()).prop_map(|(n, class)| Step::Fail(n, class)),
        3 => n().prop_map(Step::Lose),
        5 => n().prop_map(Step::Stale),
        30 => n().prop_map(Step::Duty),
        1 => class().prop_map(Step::FailPublication),
        2 => n().prop_map(Step::LoseObject),
        2 => (n(), n()).prop_map(|(n, m)| Step::ReportLostObject(n, m)),
        5 => (0_u64..200_000).prop_map(Step::Wait),
        1 => Just(Step::Cancel),
    ]
}

fn choose<T: Clone>(from: &[T], n: usize) -> Option<T> {
    (!from.is_empty()).then(|| from[n % from.len()].clone())
}

fn take(world: &mut World, step: &Step) {
    match step {
        Step::Place(n) => {
            choose(&world.ready(), *n).map(|task| world.place(task));
        }
        Step::PlaceAgain(n) => {
            choose(&world.stragglers(), *n).map(|task| world.place_on(task, "w9"));
        }
        Step::Work(n) => {
            choose(&world.live(), *n).map(|(task, attempt)| world.work(task, attempt));
        }
        Step::Fail(n, class) => {
            choose(&world.live(), *n).map(|(task, attempt)| world.fail(task, attempt, *class));
        }
        Step::Lose(n) => {
            let failure = Failure::new(FailureClass::WorkerLost, "gone");
            if let Some(attempt) = choose(&world.attempts, *n) {
                let attempts = vec![attempt];
                world.happen(Event::AttemptsLost { attempts, failure });
            }
        }
        Step::Stale(n) => stale(world, *n),
        Step::Duty(n) => {
            choose(&world.duties(), *n).map(|duty| world.perform(&duty));
        }
        Step::FailPublication(class) => {
            world.happen(Event::PublicationFailed(Failure::new(*class, "disk")));
        }
        Step::LoseObject(n) => {
            choose(&world.objects(), *n).map(|key| world.happen(Event::IntermediateLost { key }));
        }
        Step::ReportLostObject(n, m) => {
            let mut failure = Failure::new(FailureClass::IntermediateLost, "gone");
            failure.file = choose(&world.objects(), *m);
            if let Some((task, attempt)) = choose(&world.live(), *n) {
                world.report(task, attempt, Outcome::Failed(failure));
            }
        }
        Step::Wait(ms) => {
            world.now_ms += ms;
            world.happen(Event::TimePassed);
        }
        Step::Cancel => {
            world.happen(Event::CancelRequested);
        }
    }
}

/// A report of an attempt that is not live changes no result.
fn stale(world: &mut World, n: usize) {
    let Some((task, attempt)) = choose(&world.attempts, n) else {
        return;
    };
    if world.state.lease(task, attempt).is_some() {
        return;
    }
    let mut before = world.state.clone();
    let outcome = Outcome::Completed(Some(object("work/elsewhere")));
    let facts = world.report(task, attempt, outcome);
    let changes: Vec<_> = facts.iter().map(|fact| &fact.change).collect();
    assert_eq!(changes, [&Change::ReportRefused { task, attempt }]);
    before.stale_reports += 1;
    before.revision += 1;
    assert_eq!(world.state, before);
}

fn check(world: &World) {
    let state = &world.state;
    assert!(world.has_owner(), "nothing moves it on: {state:?}");
    for stage in Stage::ALL {
        let progress = state.stage(stage);
        let count = |is: fn(&TaskStatus) -> bool| {
            progress
                .tasks
                .iter()
                .filter(|task| is(&task.status))
                .count()
        };
        let done = count(|status| matches!(status, TaskStatus::Done { .. }));
        assert_eq!(progress.done as usize, done);
        let live = count(|status| matches!(status, TaskStatus::Live(_)));
        assert_eq!(progress.live.len(), live);
        let waits = count(|status| matches!(status, TaskStatus::Waiting { not_before_ms: 0 }));
        assert_eq!(progress.waiting.len() as usize, waits);
        for leases in progress.live.iter().map(|&index| TaskKey { stage, index }) {
            let leases: Vec<_> = state.leases(leases).unwrap().iter().collect();
            assert!(leases.len() == 1 || leases[0].worker != leases[1].worker);
        }
        if progress.closed {
            assert!(progress.all_done(), "{stage} is closed with tasks open");
        }
        if progress.attempts > 0 {
            let opened = |before: &Stage| {
                let earlier = state.stage(*before);
                !state.has_stage(*before) || earlier.closed || earlier.rounds > 0
            };
            assert!(
                dependencies(stage).iter().all(opened),
                "{stage} started too early"
            );
        }
    }
}

/// Replays what was journaled, through its stored form.
fn replayed(spec: WorkflowState, journal: &[Fact]) -> WorkflowState {
    let mut state = spec;
    for fact in journal {
        let stored = fact_wire::decode(&fact_wire::encode(fact)).unwrap();
        assert_eq!(stored, *fact);
        apply(&mut state, &stored);
    }
    state
}

fn fresh(state: &WorkflowState) -> WorkflowState {
    let (workflow, batch) = (state.workflow.clone(), state.batch.clone());
    WorkflowState::accepted(workflow, batch, state.spec.clone(), state.accepted_at_ms)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_it_stays_whole_and_ends(
        steps in prop::collection::vec(step(), 0..300),
        jitter in 0.0..1.0_f64,
        probe in prop::bool::weighted(0.1),
        audited_ppm in prop_oneof![Just(0_u32), Just(300_000), Just(1_000_000)],
        cached in any::<bool>(),
    ) {
        let spec = if probe { probe_spec(5) } else { genome_spec() };
        let mut world = World::accepted(spec);
        (world.jitter, world.audited_ppm, world.cached) = (jitter, audited_ppm, cached);
        for step in &steps {
            take(&mut world, step);
            check(&world);
        }
        let restored = snapshot::decode(fresh(&world.state), &snapshot::encode(&world.state));
        prop_assert_eq!(&restored.unwrap(), &world.state);
        let cancelled = world.state.cancel_requested_at_ms.is_some();
        world.finish();
        check(&world);
        let status = view::status(&world.state);
        prop_assert!(!cancelled || status == Status::Cancelled);
        prop_assert_eq!(status == Status::Failed, world.state.failure.is_some() && !cancelled);
        prop_assert_eq!(&replayed(fresh(&world.state), &world.journal), &world.state);
    }

    #[test]
    fn a_cancelled_workflow_ends_when_its_attempts_do(
        steps in prop::collection::vec(step(), 0..150),
    ) {
        let mut world = World::accepted(genome_spec());
        for step in &steps {
            take(&mut world, step);
        }
        if matches!(world.state.phase, Phase::Publishing | Phase::Ended(_)) || world.state.is_ending() {
            return Ok(());
        }
        world.happen(Event::CancelRequested);
        prop_assert!(world.ready().is_empty());
        prop_assert_eq!(world.happen(Event::CancelRequested), vec![]);
        for (task, attempt) in world.live() {
            world.report(task, attempt, Outcome::HandedBack);
        }
        prop_assert_eq!(world.state.phase, Phase::Ended(End::Cancelled));
    }
}

#[test]
fn an_undisturbed_genome_takes_one_attempt_a_task() {
    let mut world = World::accepted(genome_spec());
    assert_eq!(view::status(&world.state), Status::Accepted);
    world.finish();
    let view = view(&world.state);
    assert_eq!(view.status, Status::Succeeded);
    assert_eq!(view.outputs.len(), 1);
    let tasks: Vec<u32> = view.stages.iter().map(|stage| stage.tasks).collect();
    assert_eq!(tasks, [1, 2, 6, 3, 3, 1, 2, 1]);
    for stage in &view.stages {
        assert_eq!(stage.status, StageStatus::Done);
        assert_eq!((stage.done, stage.most_attempts), (stage.tasks, 1));
        assert_eq!(stage.attempts, u64::from(stage.tasks));
        let shares: u32 = stage.completed_by.iter().map(|(_, tasks)| tasks).sum();
        assert_eq!(shares, stage.tasks);
    }
    assert_eq!(view.stale_reports, 0);
}

#[test]
fn a_probe_ends_without_publication() {
    let mut world = World::accepted(probe_spec(7));
    world.finish();
    let view = view(&world.state);
    assert_eq!((view.status, view.stages.len()), (Status::Succeeded, 1));
    // Two facts a task, and three of the workflow.
    assert_eq!(view.revision, 17);
}
