//! Workers on which attempts fail again and again get nothing for a while, each time for longer.
//!
//! A failure speaks against its worker if it is neither the input's fault nor that of storage: the
//! worker was silent, or the attempt broke down. A genome that breaks down everywhere must not
//! cordon everything: half of the workers stay.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use common::failure::FailureClass;
use common::ids::{WorkerId, WorkflowId};

use crate::core::state::TaskKey;

/// So many tasks that failed on a worker within this time cordon it.
const FAILURES: usize = 3;
const WITHIN: Duration = Duration::from_secs(10 * 60);

/// The first cordon, and the longest; each is twice as long as the one before.
const FIRST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// After such a time without a failure a worker is as good as new.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60 * 60);

/// A task that failed on a worker.
type FailedTask = (WorkflowId, TaskKey);

/// What is held against workers.
#[derive(Debug, Default)]
pub struct Cordons {
    records: BTreeMap<WorkerId, Record>,
}

#[derive(Debug, Default)]
struct Record {
    /// When which task failed; none: the worker was silent.
    failures: VecDeque<(u64, Option<FailedTask>)>,
    last_failure_ms: u64,
    /// Cordons so far.
    cordons: u32,
    until_ms: u64,
}

/// Says whether the failure of an attempt speaks against the worker on which it happened.
pub const fn speaks_against_worker(class: FailureClass) -> bool {
    match class {
        FailureClass::Internal | FailureClass::Nondeterminism => true,
        // That it was lost counts once, not for each of its attempts.
        FailureClass::WorkerLost
        | FailureClass::InputInvalid
        | FailureClass::CredentialsExpired
        | FailureClass::StorageTransient
        | FailureClass::Preempted
        | FailureClass::OutOfResources
        | FailureClass::IntermediateLost
        | FailureClass::Cancelled => false,
    }
}

impl Cordons {
    /// Takes in that a task failed on a worker, or that the worker was silent; says until when it is
    /// cordoned by that. So many workers are attached.
    pub fn failed(
        &mut self,
        worker: &WorkerId,
        task: Option<FailedTask>,
        now_ms: u64,
        attached: usize,
    ) -> Option<u64> {
        let others = self.cordoned(now_ms).filter(|other| *other != worker);
        let may_cordon = (others.count() + 1) * 2 <= attached;
        let record = self.records.entry(worker.clone()).or_default();
        record.note(task, now_ms);
        let due = record.failures.len() >= FAILURES && record.until_ms <= now_ms;
        (due && may_cordon).then(|| record.cordon(now_ms))
    }

    /// Returns until when a worker is cordoned, if it is.
    pub fn until_ms(&self, worker: &WorkerId, now_ms: u64) -> Option<u64> {
        let until_ms = self.records.get(worker)?.until_ms;
        (until_ms > now_ms).then_some(until_ms)
    }

    /// Drops what is too old to matter.
    pub fn forget(&mut self, now_ms: u64) {
        self.records
            .retain(|_, record| !record.is_forgotten(now_ms));
    }

    fn cordoned(&self, now_ms: u64) -> impl Iterator<Item = &WorkerId> {
        let records = self.records.iter();
        let cordoned = records.filter(move |(_, record)| record.until_ms > now_ms);
        cordoned.map(|(worker, _)| worker)
    }
}

impl Record {
    fn note(&mut self, task: Option<FailedTask>, now_ms: u64) {
        if self.is_forgotten(now_ms) {
            *self = Self::default();
        }
        self.last_failure_ms = now_ms;
        let oldest_ms = now_ms.saturating_sub(WITHIN.as_millis() as u64);
        // The same task again says more about the task than about the worker.
        let is_again = |failed: &Option<FailedTask>| failed.is_some() && *failed == task;
        self.failures
            .retain(|(at_ms, failed)| *at_ms >= oldest_ms && !is_again(failed));
        self.failures.push_back((now_ms, task));
    }

    fn cordon(&mut self, now_ms: u64) -> u64 {
        let factor = 1_u32.checked_shl(self.cordons).unwrap_or(u32::MAX);
        let time = FIRST.saturating_mul(factor).min(LONGEST);
        self.cordons += 1;
        self.failures.clear();
        self.until_ms = now_ms + time.as_millis() as u64;
        self.until_ms
    }

    fn is_forgotten(&self, now_ms: u64) -> bool {
        let since_ms = self.last_failure_ms.max(self.until_ms);
        now_ms >= since_ms.saturating_add(FORGOTTEN_AFTER.as_millis() as u64)
    }
}

#[cfg(test)]
mod tests {
    use common::task::Stage;

    use super::*;

    fn task(index: u32) -> Option<FailedTask> {
        let stage = Stage::Call;
        Some((WorkflowId::new("W"), TaskKey { stage, index }))
    }

    /// Fails three tasks; returns for how long the worker is cordoned by it.
    fn fail_three(
        cordons: &mut Cordons,
        worker: &str,
        now_ms: u64,
        attached: usize,
    ) -> Option<u64> {
        let worker = WorkerId::new(worker);
        let until = (0..3).map(|n| cordons.failed(&worker, task(n), now_ms, attached));
        until.last().flatten().map(|until_ms| until_ms - now_ms)
    }

    #[test]
    fn three_failed_tasks_cordon_a_worker_each_time_for_longer() {
        let mut cordons = Cordons::default();
        let mut now_ms = 1_000_000;
        let mut times = Vec::new();
        for _ in 0..8 {
            let time = fail_three(&mut cordons, "bad", now_ms, 4).unwrap();
            times.push(time / 60_000);
            let worker = WorkerId::new("bad");
            assert_eq!(cordons.until_ms(&worker, now_ms), Some(now_ms + time));
            now_ms += time;
            assert_eq!(cordons.until_ms(&worker, now_ms), None);
        }
        assert_eq!(times, [1, 2, 4, 8, 16, 32, 60, 60]);
        now_ms += 60 * 60_000;
        cordons.forget(now_ms);
        assert_eq!(fail_three(&mut cordons, "bad", now_ms, 4), Some(60_000));
    }

    #[test]
    fn one_task_that_fails_again_and_again_cordons_nobody() {
        let mut cordons = Cordons::default();
        let worker = WorkerId::new("w");
        for n in 0..10 {
            assert_eq!(cordons.failed(&worker, task(7), n, 4), None);
        }
    }

    #[test]
    fn a_worker_that_is_lost_three_times_is_cordoned_when_it_comes_back() {
        let mut cordons = Cordons::default();
        let worker = WorkerId::new("w");
        let mut lost = |n| cordons.failed(&worker, None, n, 4);
        assert_eq!([lost(1), lost(2), lost(3)], [None, None, Some(60_003)]);
    }

    #[test]
    fn failures_far_apart_cordon_nobody() {
        let mut cordons = Cordons::default();
        let worker = WorkerId::new("w");
        for n in 0..10 {
            let at_ms = u64::from(n) * 301_000;
            assert_eq!(cordons.failed(&worker, task(n), at_ms, 4), None);
        }
    }

    #[test]
    fn half_of_the_workers_stay() {
        let mut cordons = Cordons::default();
        assert_eq!(fail_three(&mut cordons, "only", 0, 1), None);
        let cordoned = ["a", "b", "c", "d"].map(|worker| fail_three(&mut cordons, worker, 0, 4));
        assert_eq!(
            cordoned.map(|time| time.is_some()),
            [true, true, false, false]
        );
    }
}
