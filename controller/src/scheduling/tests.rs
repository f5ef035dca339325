//! Each rule of placement by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use common::ids::{TenantId, WorkerId, WorkflowId};
use common::task::{Resources, Stage};
use common::workflow::Priority;
use proptest::prelude::*;

use super::problem::{Candidate, Hindrance, Placement, Problem, Waiting, Worker};
use super::share::{Denial, Entitlement, Quota, Tenant};
use super::solve::{hindrance, solve};
use crate::core::ready::Need;
use crate::core::state::TaskKey;

mod fairness;

static NO_REFERENCES: BTreeSet<String> = BTreeSet::new();

struct Pool(
    Vec<(WorkerId, Resources, Resources, bool)>,
    BTreeMap<Stage, u32>,
);

fn pool(workers: &[(u32, u32)]) -> Pool {
    let worker = |(index, (total, free)): (usize, &(u32, u32))| {
        let id = WorkerId::new(format!("w{index}"));
        (id, gib(*total), gib(*free), true)
    };
    let versions = BTreeMap::from([(Stage::Align, 1), (Stage::Call, 2)]);
    Pool(workers.iter().enumerate().map(worker).collect(), versions)
}

impl Pool {
    fn workers(&self) -> Vec<Worker<'_>> {
        let worker = |index: usize| {
            let (id, total, free, takes_tasks) = &self.0[index];
            Worker {
                id,
                total: *total,
                free: *free,
                credits: u32::MAX,
                takes_tasks: *takes_tasks,
                output_versions: &self.1,
                references: &NO_REFERENCES,
            }
        };
        (0..self.0.len()).map(worker).collect()
    }
}

/// So many cores, each with a gibibyte.
fn gib(cores: u32) -> Resources {
    Resources {
        cores,
        memory_bytes: u64::from(cores) << 30,
    }
}

fn candidate(index: u32, cores: u32) -> Candidate {
    Candidate {
        task: TaskKey {
            stage: Stage::Align,
            index,
        },
        need: Need {
            resources: gib(cores),
            output_version: 1,
            reference: None,
            avoid: None,
            never_on: None,
            is_spare: false,
        },
    }
}

/// The tasks of one workflow, of a tenant that has everything to itself.
fn alone<'a>(workers: Vec<Worker<'a>>, candidates: &'a [Candidate]) -> Problem<'a> {
    static OWNER: LazyLock<(WorkflowId, TenantId)> =
        LazyLock::new(|| (WorkflowId::new("A"), TenantId::default()));
    Problem {
        workers,
        workflows: vec![Waiting {
            workflow: &OWNER.0,
            tenant: &OWNER.1,
            priority: Priority(3),
            has_begun: true,
            candidates,
        }],
        tenants: BTreeMap::new(),
    }
}

/// Says why the first task of the only workflow is not placed.
fn why(workers: Vec<Worker<'_>>, candidate: &Candidate) -> Hindrance {
    let problem = alone(workers, std::slice::from_ref(candidate));
    hindrance(&problem, &problem.workflows[0], candidate)
}

/// Places one workflow's tasks; returns (task, worker).
fn place(pool: &Pool, candidates: &[Candidate]) -> Vec<(u32, String)> {
    let problem = alone(pool.workers(), candidates);
    let placements = solve(&problem);
    let row = |p: &Placement| (p.task.index, p.worker.to_string());
    placements.iter().map(row).collect()
}

fn rows(rows: &[(u32, &str)]) -> Vec<(u32, String)> {
    rows.iter()
        .map(|(task, worker)| (*task, (*worker).to_owned()))
        .collect()
}

#[test]
fn priority_goes_before_age() {
    let pool = pool(&[(1, 1)]);
    let (old, new) = (WorkflowId::new("A"), WorkflowId::new("B"));
    let candidates = [candidate(0, 1)];
    let waiting = |workflow, priority| Waiting {
        workflow,
        priority: Priority(priority),
        ..alone(vec![], &candidates).workflows[0]
    };
    let first_with = |priority| {
        let problem = Problem {
            workers: pool.workers(),
            workflows: vec![waiting(&new, priority), waiting(&old, 3)],
            tenants: BTreeMap::new(),
        };
        solve(&problem)[0].workflow.clone()
    };
    assert_eq!(first_with(2), new);
    assert_eq!(first_with(3), old);
}

#[test]
fn the_tightest_worker_that_fits_is_taken() {
    let pool = pool(&[(8, 8), (4, 2), (4, 1)]);
    assert_eq!(place(&pool, &[candidate(0, 2)]), rows(&[(0, "w1")]));
}

#[test]
fn a_worker_that_failed_the_task_is_the_last_choice() {
    let pool = pool(&[(1, 1), (8, 8)]);
    let mut task = candidate(0, 1);
    task.need.avoid = Some(WorkerId::new("w0"));
    assert_eq!(
        place(&pool, std::slice::from_ref(&task)),
        rows(&[(0, "w1")])
    );
    let alone = super::tests::pool(&[(1, 1)]);
    assert_eq!(place(&alone, &[task]), rows(&[(0, "w0")]));
}

#[test]
fn suspect_workers_and_other_versions_get_nothing() {
    let mut pool = pool(&[(4, 4)]);
    let mut newer = candidate(0, 1);
    newer.need.output_version = 2;
    assert_eq!(place(&pool, std::slice::from_ref(&newer)), []);
    assert_eq!(why(pool.workers(), &newer), Hindrance::NoneFits);
    pool.0[0].3 = false;
    assert_eq!(place(&pool, &[candidate(0, 1)]), []);
    assert_eq!(why(pool.workers(), &candidate(0, 1)), Hindrance::NoWorker);
}

#[test]
fn a_worker_gets_no_more_attempts_than_it_has_credits() {
    let pool = pool(&[(8, 8), (4, 4)]);
    let mut workers = pool.workers();
    workers[0].credits = 2;
    workers[1].credits = 0;
    let candidates: Vec<_> = (0..4).map(|index| candidate(index, 1)).collect();
    let problem = alone(workers.clone(), &candidates);
    let placed = solve(&problem);
    let placed: Vec<_> = placed.iter().map(|p| p.worker.as_str()).collect();
    assert_eq!(placed, ["w0", "w0"]);
    assert_eq!(why(workers, &candidates[2]), Hindrance::Busy);
}

#[test]
fn a_large_task_holds_the_worker_on_which_it_fits_first() {
    let pool = pool(&[(4, 2), (4, 3), (2, 2)]);
    let tasks = [
        candidate(0, 4),
        candidate(1, 1),
        candidate(2, 1),
        candidate(3, 3),
    ];
    // w1 lacks one core: it is held; the small ones go elsewhere, tightest first.
    assert_eq!(place(&pool, &tasks), rows(&[(1, "w0"), (2, "w0")]));
    assert_eq!(why(pool.workers(), &tasks[0]), Hindrance::Busy);
}

#[test]
fn a_task_that_fits_nowhere_holds_nothing() {
    let pool = pool(&[(4, 2)]);
    let tasks = [candidate(0, 9), candidate(1, 1)];
    assert_eq!(place(&pool, &tasks), rows(&[(1, "w0")]));
    assert_eq!(why(pool.workers(), &tasks[0]), Hindrance::NoneFits);
}

proptest! {
    #[test]
    fn nothing_is_given_twice_and_no_room_is_left_unused(
        workers in prop::collection::vec((1_u32..8, 0_u32..8), 0..6),
        cores in prop::collection::vec(1_u32..6, 0..30),
    ) {
        let workers: Vec<_> = workers.iter().map(|(total, free)| (*total, *free.min(total))).collect();
        let pool = pool(&workers);
        let candidates: Vec<_> = (0..).zip(&cores).map(|(i, cores)| candidate(i, *cores)).collect();
        let placed = place(&pool, &candidates);
        prop_assert_eq!(&placed, &place(&pool, &candidates));
        let mut left: BTreeMap<String, u32> = pool.0.iter().map(|(id, _, free, _)| (id.to_string(), free.cores)).collect();
        let mut seen = std::collections::BTreeSet::new();
        for (task, worker) in &placed {
            prop_assert!(seen.insert(*task));
            let held = left.get_mut(worker).unwrap();
            prop_assert!(*held >= cores[*task as usize]);
            *held -= cores[*task as usize];
        }
        // At most one worker is held for a task that waits.
        let smallest = cores.iter().enumerate().filter(|(i, _)| !seen.contains(&(*i as u32))).map(|(_, c)| *c).min();
        if let Some(smallest) = smallest {
            prop_assert!(left.values().filter(|cores| **cores >= smallest).count() <= 1);
        }
    }
}

#[test]
fn a_worker_that_has_the_reference_goes_before_a_better_fit() {
    let pool = pool(&[(2, 2), (8, 8)]);
    let held = BTreeSet::from(["G/1".to_owned()]);
    let mut workers = pool.workers();
    workers[1].references = &held;
    for (reference, expected) in [(None, "w0"), (Some("G/1"), "w1"), (Some("G/2"), "w0")] {
        let mut wanted = candidate(0, 1);
        wanted.need.reference = reference.map(str::to_owned);
        let candidates = [wanted];
        let problem = alone(workers.clone(), &candidates);
        let placed = solve(&problem);
        assert_eq!(placed[0].worker.as_str(), expected, "{reference:?}");
    }
}
#[test]
fn a_second_attempt_gets_what_nothing_else_wants_and_never_joins_the_first() {
    let pool = pool(&[(1, 1), (2, 1)]);
    let mut second = candidate(0, 1);
    second.need.is_spare = true;
    second.need.never_on = Some(WorkerId::new("w1"));
    let tasks = [second.clone(), candidate(1, 1)];
    assert_eq!(place(&pool, &tasks), rows(&[(1, "w0")]));
    assert_eq!(
        place(&pool, std::slice::from_ref(&second)),
        rows(&[(0, "w0")])
    );
    // It holds no worker for itself.
    second.need.resources = gib(2);
    second.need.never_on = Some(WorkerId::new("w0"));
    let tasks = [second, candidate(1, 1), candidate(2, 1)];
    assert_eq!(place(&pool, &tasks), rows(&[(1, "w0"), (2, "w1")]));
}
