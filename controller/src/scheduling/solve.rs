//! Placement by priority, age and best fit; see `README.md` beside this file.

use std::cmp::Reverse;

use common::ids::WorkflowId;
use common::task::Resources;
use common::workflow::Priority;

use super::problem::{Candidate, Hindrance, Placement, Problem, Waiting, Worker, covers};

/// Gives ready tasks to workers; in the order in which they are to be started.
pub fn solve<'a>(problem: &Problem<'a>) -> Vec<Placement<'a>> {
    let mut room = Room::new(&problem.workers);
    let mut workflows: Vec<&Waiting<'a>> = problem.workflows.iter().collect();
    workflows.sort_by_key(|waiting| rank(waiting));
    let mut placements = Vec::new();
    for waiting in workflows {
        for candidate in waiting.candidates {
            if room.is_exhausted() {
                return placements;
            }
            if let Some(worker) = room.take(candidate) {
                placements.push(Placement {
                    workflow: waiting.workflow,
                    task: candidate.task,
                    worker: worker.id,
                    resources: candidate.need.resources,
                });
            }
        }
    }
    placements
}

/// Says why a task that was not placed waits.
pub fn hindrance(workers: &[Worker], candidate: &Candidate) -> Hindrance {
    if !workers.iter().any(|worker| worker.takes_tasks) {
        return Hindrance::NoWorker;
    }
    let mut workers = workers.iter();
    match workers.any(|worker| worker.could_run(candidate)) {
        true => Hindrance::Busy,
        false => Hindrance::NoneFits,
    }
}

/// Who goes first.
fn rank<'a>(waiting: &Waiting<'a>) -> (Priority, &'a WorkflowId) {
    (waiting.priority, waiting.workflow)
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
            (avoided, left.cores, left.memory_bytes, worker.id)
        });
        let Some((index, _)) = best else {
            self.refused.push(candidate);
            self.reserve(candidate);
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
        && one.need.output_version == other.need.output_version
        && covers(other.need.resources, one.need.resources)
}

fn less(whole: Resources, part: Resources) -> Resources {
    Resources {
        cores: whole.cores.saturating_sub(part.cores),
        memory_bytes: whole.memory_bytes.saturating_sub(part.memory_bytes),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use common::ids::WorkerId;
    use common::task::Stage;
    use proptest::prelude::*;

    use super::*;
    use crate::core::ready::Need;
    use crate::core::state::TaskKey;

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
                avoid: None,
            },
        }
    }

    /// Places one workflow's tasks; returns (task, worker).
    fn place(pool: &Pool, candidates: &[Candidate]) -> Vec<(u32, String)> {
        let workflow = WorkflowId::new("A");
        let problem = Problem {
            workers: pool.workers(),
            workflows: vec![Waiting {
                workflow: &workflow,
                priority: Priority(3),
                candidates,
            }],
        };
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
            candidates: &candidates,
        };
        let mut problem = Problem {
            workers: pool.workers(),
            workflows: vec![waiting(&new, 2), waiting(&old, 3)],
        };
        assert_eq!(*solve(&problem)[0].workflow, new);
        problem.workflows[0].priority = Priority(3);
        assert_eq!(*solve(&problem)[0].workflow, old);
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
        assert_eq!(hindrance(&pool.workers(), &newer), Hindrance::NoneFits);
        pool.0[0].3 = false;
        assert_eq!(place(&pool, &[candidate(0, 1)]), []);
        assert_eq!(
            hindrance(&pool.workers(), &candidate(0, 1)),
            Hindrance::NoWorker
        );
    }

    #[test]
    fn a_worker_gets_no_more_attempts_than_it_has_credits() {
        let pool = pool(&[(8, 8), (4, 4)]);
        let mut workers = pool.workers();
        workers[0].credits = 2;
        workers[1].credits = 0;
        let candidates: Vec<_> = (0..4).map(|index| candidate(index, 1)).collect();
        let workflow = WorkflowId::new("A");
        let workflows = vec![Waiting {
            workflow: &workflow,
            priority: Priority(3),
            candidates: &candidates,
        }];
        let problem = Problem { workers, workflows };
        let placed = solve(&problem);
        let placed: Vec<_> = placed.iter().map(|p| p.worker.as_str()).collect();
        assert_eq!(placed, ["w0", "w0"]);
        assert_eq!(hindrance(&problem.workers, &candidates[2]), Hindrance::Busy);
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
        assert_eq!(hindrance(&pool.workers(), &tasks[0]), Hindrance::Busy);
    }

    #[test]
    fn a_task_that_fits_nowhere_holds_nothing() {
        let pool = pool(&[(4, 2)]);
        let tasks = [candidate(0, 9), candidate(1, 1)];
        assert_eq!(place(&pool, &tasks), rows(&[(1, "w0")]));
        assert_eq!(hindrance(&pool.workers(), &tasks[0]), Hindrance::NoneFits);
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
}
