//! What happens to a workflow: events in, facts and effects out.

use std::collections::BTreeSet;
use std::sync::Arc;

use common::ids::{AttemptNumber, WorkerId};
use common::task::{AttemptId, ReadBatchCommit, Report, Stage};

use super::effects::{Effect, acknowledge, acknowledge_batch};
use super::{Said, State};
use crate::actors::scheduler::{Ended, Offer, Running};
use crate::actors::worker::ToWorker;
use crate::actors::{now, now_ms};
use crate::core::assignment::{assignment, output_prefix};
use crate::core::duty::{Duty, duties};
use crate::core::event::Event;
use crate::core::fact::{Change, Fact};
use crate::core::ready::{candidates, need, next_deadline_ms};
use crate::core::state::{Lease, TaskKey};
use crate::core::{advance, verdict};
use crate::scheduling::cordon::speaks_against_worker;
use crate::scheduling::problem::Candidate;

/// How many ready tasks the scheduler is shown at a time.
const OFFERED_TASKS: usize = 512;

impl State {
    /// Finds again what should be going on.
    pub(super) fn start(&mut self) {
        let workers: BTreeSet<WorkerId> = self
            .state
            .live_attempts()
            .map(|(_, lease)| lease.worker.clone())
            .collect();
        let handles = self.peers.get().clone();
        if !workers.is_empty() {
            handles.workers.expect(workers);
        }
        let running = self.state.live_attempts().filter_map(|(task, lease)| {
            let resources = need(&self.state, task)?.resources;
            Some(Running {
                task,
                attempt: lease.attempt,
                worker: lease.worker.clone(),
                resources,
            })
        });
        let running = running.collect();
        handles
            .scheduler
            .restored(self.state.workflow.clone(), running);
        self.step(vec![Event::TimePassed], Vec::new());
    }

    /// One event, with what follows from it.
    pub(super) fn happen(&mut self, event: Event) {
        self.step(vec![event], Vec::new());
    }

    pub(super) fn place(&mut self, placements: Vec<(TaskKey, WorkerId)>) {
        self.placements += 1;
        let epoch = self.peers.get().epoch;
        let mut facts = Vec::new();
        let mut unused = Vec::new();
        for (task, worker) in placements {
            let event = Event::Placed {
                task,
                worker,
                epoch,
            };
            let decided = advance(&mut self.state, event, now());
            if decided.is_empty() {
                unused.push(task);
            }
            facts.extend(decided);
        }
        if !unused.is_empty() {
            let scheduler = &self.peers.get().scheduler;
            scheduler.released(self.state.workflow.clone(), unused);
        }
        self.record(facts, Vec::new());
    }

    pub(super) fn hear(&mut self, worker: WorkerId, said: Vec<Said>) {
        let mut answers = Vec::with_capacity(said.len());
        let mut events = Vec::with_capacity(said.len());
        let mut facts = Vec::new();
        let mut effects = Vec::new();
        for what in said {
            match what {
                Said::Report(report) => {
                    let (accepted, event) = self.judge_report(report, &mut answers);
                    events.extend(accepted.then_some(event));
                }
                Said::ReadBatch(commit) => events.push(self.judge_batch(commit, &mut answers)),
                Said::Progress {
                    attempt,
                    reads,
                    bases,
                } => {
                    let key = key(&attempt);
                    if self.state.lease(key.0, key.1).is_some() {
                        self.progress.insert(key, (reads, bases));
                        self.show_work_later();
                    }
                }
            }
            // Each is judged by what those before it changed.
            for event in events.drain(..) {
                let rival = self.rival(&event);
                facts.extend(advance(&mut self.state, event, now()));
                effects.extend(rival.and_then(|(task, lease)| self.overtaken(task, lease)));
            }
        }
        if !answers.is_empty() {
            effects.push(Effect::Post(worker, answers));
        }
        self.record(facts, effects);
    }

    /// Returns the other live attempt of the task of which one reports.
    fn rival(&self, event: &Event) -> Option<(TaskKey, Lease)> {
        let Event::Reported { task, attempt, .. } = event else {
            return None;
        };
        let other = self.state.leases(*task)?.beside(*attempt)?;
        Some((*task, other.clone()))
    }

    /// Tells the worker of an attempt to end it if it no longer counts.
    fn overtaken(&self, task: TaskKey, lease: Lease) -> Option<Effect> {
        if self.state.lease(task, lease.attempt).is_some() {
            return None;
        }
        let cancel = ToWorker::Cancel(self.state.attempt_id(task, lease.attempt));
        Some(Effect::Post(lease.worker, vec![cancel]))
    }

    fn judge_report(&mut self, report: Report, answers: &mut Vec<ToWorker>) -> (bool, Event) {
        let Report {
            attempt,
            epoch: _,
            counters,
            outcome,
        } = report;
        let (task, number) = key(&attempt);
        let judged = verdict::report(&self.state, task, number, &outcome);
        answers.push(acknowledge(&attempt, judged.accepted()));
        let event = Event::Reported {
            task,
            attempt: number,
            counters,
            outcome,
        };
        (judged != verdict::Verdict::Known, event)
    }

    fn judge_batch(&mut self, commit: ReadBatchCommit, answers: &mut Vec<ToWorker>) -> Event {
        let number = commit.attempt.number;
        let judged = verdict::read_batch(&self.state, number, &commit.read_batch);
        answers.push(acknowledge_batch(&commit, judged.accepted()));
        Event::ReadBatchCommitted {
            attempt: number,
            read_batch: commit.read_batch,
            cursor: commit.cursor,
        }
    }

    pub(super) fn step(&mut self, events: Vec<Event>, effects: Vec<Effect>) {
        let mut facts = Vec::new();
        for event in events {
            facts.extend(advance(&mut self.state, event, now()));
        }
        self.record(facts, effects);
    }

    /// Sends facts to the store and keeps their effects, and what is to be done now, until they are
    /// durable.
    fn record(&mut self, facts: Vec<Fact>, effects: Vec<Effect>) {
        let duties = self.new_duties().into_iter().map(Effect::Start);
        self.journal(facts, effects, duties.collect());
    }

    /// Sends facts to the store and keeps until they are durable: effects, what follows from the facts,
    /// and more effects.
    pub(super) fn journal(
        &mut self,
        facts: Vec<Fact>,
        mut effects: Vec<Effect>,
        later: Vec<Effect>,
    ) {
        self.forget_ended(&facts);
        self.observed.show(&self.state);
        let told = self.observed.tell(&self.state, &facts);
        effects.extend((!told.is_empty()).then_some(Effect::Tell(told)));
        effects.extend(self.consequences(&facts));
        effects.extend(later);
        self.tell_scheduler(&facts);
        let last = self.state.revision;
        if !effects.is_empty() {
            self.pending.push_back((last, effects));
        }
        if !facts.is_empty() {
            let first = last + 1 - facts.len() as u64;
            let handles = self.peers.get();
            let myself = self.myself.clone();
            let workflow = self.state.workflow.clone();
            let durable = Box::new(move || myself.durable(last));
            handles.journal.append(&workflow, first, &facts, durable);
            self.snapshot_if_due();
        }
        self.release();
        if let Some(at_ms) = next_deadline_ms(&self.state, now_ms()) {
            let timers = &self.peers.get().timers;
            timers.wake(self.state.workflow.clone(), at_ms);
        }
    }

    /// The work of an attempt that ended is counted by its facts, or not at all.
    fn forget_ended(&mut self, facts: &[Fact]) {
        for fact in facts {
            if let Change::AttemptCompleted { task, attempt, .. }
            | Change::AttemptFailed { task, attempt, .. } = &fact.change
            {
                self.progress.remove(&(*task, *attempt));
            }
        }
    }

    /// Returns what is to be done once the facts are durable.
    fn consequences(&self, facts: &[Fact]) -> Vec<Effect> {
        let mut effects = Vec::new();
        for fact in facts {
            match &fact.change {
                Change::AttemptStarted {
                    task,
                    attempt,
                    worker,
                    ..
                } => {
                    let assignment = assignment(&self.state, *task, *attempt);
                    effects.extend(assignment.map(|made| Effect::assign(worker.clone(), made)));
                }
                // Read batches count, whatever became of the attempt that wrote them.
                Change::AttemptFailed { task, attempt, .. } if task.stage != Stage::Split => {
                    let prefix = output_prefix(&self.state, *task, *attempt);
                    effects.push(Effect::Garbage(prefix));
                }
                Change::Ended { .. } | Change::Rejected(_) => {
                    effects.push(Effect::End(Arc::new(self.snapshot())));
                }
                _ => {}
            }
        }
        effects
    }

    fn new_duties(&mut self) -> Vec<Duty> {
        let due = duties(&self.state, now_ms());
        let ends: BTreeSet<&Duty> = due.iter().collect();
        // An attempt that ended needs no one to end it.
        self.under_way
            .retain(|duty| !matches!(duty, Duty::EndAttempt { .. }) || ends.contains(duty));
        let fresh: Vec<Duty> = due
            .into_iter()
            .filter(|duty| !self.under_way.contains(duty))
            .collect();
        self.under_way.extend(fresh.iter().cloned());
        fresh
    }

    /// Tells which attempts ended, and which tasks may start.
    fn tell_scheduler(&self, facts: &[Fact]) {
        let scheduler = &self.peers.get().scheduler;
        let workflow = &self.state.workflow;
        let ended = facts.iter().filter_map(|fact| ended(&fact.change));
        let started = facts
            .iter()
            .filter_map(|fact| match &fact.change {
                Change::AttemptStarted { task, attempt, .. } => Some((*task, *attempt)),
                _ => None,
            })
            .collect();
        let candidates = candidates(&self.state, now_ms(), OFFERED_TASKS)
            .map(|(task, need)| Candidate { task, need })
            .collect();
        let bases = self.state.bases_by_day.last_key_value();
        scheduler.offer(Offer {
            workflow: workflow.clone(),
            tenant: self.state.tenant.clone(),
            priority: self.state.spec.priority,
            accepted_at_ms: self.state.accepted_at_ms,
            has_begun: self.state.started_at_ms.is_some(),
            bases: bases.map(|(day, bases)| (*day, *bases)),
            placements: self.placements,
            over: self.state.is_ended(),
            started,
            ended: ended.collect(),
            candidates,
        });
    }
}

fn ended(change: &Change) -> Option<Ended> {
    let (task, attempt, failure) = match change {
        Change::AttemptCompleted { task, attempt, .. } => (task, attempt, None),
        Change::AttemptFailed {
            task,
            attempt,
            failure,
            ..
        } => (task, attempt, Some(failure)),
        _ => return None,
    };
    Some(Ended {
        task: *task,
        attempt: *attempt,
        against_worker: failure.is_some_and(|failure| speaks_against_worker(failure.class)),
    })
}

pub(super) fn key(attempt: &AttemptId) -> (TaskKey, AttemptNumber) {
    let task = TaskKey {
        stage: attempt.task.stage,
        index: attempt.task.index,
    };
    (task, attempt.number)
}
