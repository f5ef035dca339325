//! A leader: the shell of the core, as the actors are, in one loop. Facts, then effects.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::failure::{Failure, FailureClass};
use common::ids::{Epoch, Sha256, WorkerId, WorkflowId};
use common::task::{AttemptId, Stage};

use super::controller::Office;
use super::net::{Answer, Letter, MAIL, Question};
use super::pool::Pool;
use super::store::LEADER_LEASE;
use super::world::{collect, elapsed, may_crash, millis, now, with};
use crate::actors::collector::grace;
use crate::core::assignment::{assignment, output_prefix};
use crate::core::event::Event;
use crate::core::fact::{Change, Fact};
use crate::core::ready::candidates;
use crate::core::state::{TaskKey, WorkflowState};
use crate::core::{advance, verdict};
use crate::scheduling::problem::Candidate;
use crate::state::fold::{Fold, Folded};
use crate::state::{Outcome, journal};

/// Time after which a silent worker is given up.
pub(super) const WORKER_LEASE: Duration = Duration::from_secs(2);

/// How often it looks around, and for new workflows.
const TICK: Duration = Duration::from_millis(50);
const LIST_EVERY: Duration = Duration::from_millis(300);

/// It no longer leads, or is in doubt.
pub(super) struct Deposed;

/// A letter that waits until facts are durable.
pub(super) struct Draft {
    pub(super) host: String,
    pub(super) letter: Letter,
    /// The result that it acknowledges.
    pub(super) promise: Option<(AttemptId, Option<Sha256>)>,
}

pub(super) struct Leader<'a> {
    pub(super) office: &'a mut Office,
    pub(super) epoch: Epoch,
    /// By its own clock.
    until: Duration,
    renew_at: Duration,
    list_at: Duration,
    pub(super) states: BTreeMap<WorkflowId, WorkflowState>,
    pub(super) pool: Pool,
    /// Facts that are not durable, by workflow: the number of the first, and all.
    facts: BTreeMap<WorkflowId, (u64, Vec<Fact>)>,
    /// What waits for them.
    pub(super) drafts: Vec<Draft>,
    garbage: Vec<(Duration, String)>,
    over: BTreeSet<WorkflowId>,
}

impl<'a> Leader<'a> {
    pub(super) fn new(office: &'a mut Office, epoch: Epoch, fold: Fold) -> Self {
        let now = elapsed();
        let mut leader = Self {
            office,
            epoch,
            until: now + LEADER_LEASE * 2 / 3,
            renew_at: now,
            list_at: now,
            states: BTreeMap::new(),
            pool: Pool::default(),
            facts: BTreeMap::new(),
            drafts: Vec::new(),
            garbage: Vec::new(),
            over: BTreeSet::new(),
        };
        leader.open(fold);
        leader
    }

    /// Leads until it must not.
    pub(super) async fn lead(mut self) {
        while self.turn().await.is_ok() {}
    }

    async fn turn(&mut self) -> Result<(), Deposed> {
        self.listen().await;
        self.renew().await?;
        self.look_for_new().await?;
        self.give_up_silent();
        self.commit().await?;
        self.do_duties().await;
        self.place();
        self.commit().await?;
        self.tell_workers().await;
        let due = |(at, _): &mut (Duration, String)| *at <= elapsed();
        let garbage: Vec<_> = self.garbage.extract_if(.., due).collect();
        garbage.iter().for_each(|(_, prefix)| collect(prefix));
        Ok(())
    }

    async fn listen(&mut self) {
        let mut patience = TICK;
        for _ in 0..64 {
            let next = tokio::time::timeout(patience, self.office.post.receive());
            let Ok((host, _, letter)) = next.await else {
                return;
            };
            match letter {
                Letter::Submit(token, spec) => self.office.submit(&host, token, *spec).await,
                letter => self.hear(host, letter),
            }
            patience = Duration::ZERO;
        }
    }

    /// Renews its lease in time. At times it stands still for so long that another one leads, and does not
    /// notice before it writes.
    async fn renew(&mut self) -> Result<(), Deposed> {
        if elapsed() >= self.renew_at {
            let asked = elapsed();
            match self.office.store.ask(Question::Renew(self.epoch)).await {
                Some(Answer::Renewed(true)) => {
                    self.until = asked + LEADER_LEASE * 2 / 3;
                    self.renew_at = asked + LEADER_LEASE / 3;
                }
                Some(_) => return Err(Deposed),
                None => {}
            }
        }
        if elapsed() >= self.until {
            return Err(Deposed);
        }
        if with(|world| world.faults) && super::world::chance(0.01) {
            tokio::time::sleep(millis(500..4000)).await;
        }
        Ok(())
    }

    async fn look_for_new(&mut self) -> Result<(), Deposed> {
        if elapsed() < self.list_at {
            return Ok(());
        }
        self.list_at = elapsed() + LIST_EVERY;
        let Some(Answer::Records(records)) = self.office.store.ask(Question::List).await else {
            return Ok(());
        };
        let no_snapshot = |_: &_| unreachable!("there are no snapshots");
        let fold = Fold::of(&records, &no_snapshot).expect("the records are whole");
        self.open(fold);
        Ok(())
    }

    /// Takes in workflows that it does not know; those that are over leave nothing behind.
    fn open(&mut self, fold: Fold) {
        for (workflow, folded) in fold.workflows {
            let Folded::Open(state) = folded else {
                continue;
            };
            if self.states.contains_key(&workflow) || self.over.contains(&workflow) {
                continue;
            }
            if state.is_ended() {
                self.forget(workflow);
                continue;
            }
            for (_, lease) in state.live_attempts() {
                self.pool.expect(&lease.worker);
            }
            self.states.insert(workflow, *state);
        }
    }

    /// Takes away what a workflow that is over left behind, twice.
    fn forget(&mut self, workflow: WorkflowId) {
        let prefix = format!("work/{workflow}");
        collect(&prefix);
        self.garbage.push((elapsed() + grace(WORKER_LEASE), prefix));
        self.over.insert(workflow);
    }

    fn give_up_silent(&mut self) {
        for worker in self.pool.silent() {
            self.lose(&worker, |_| true);
        }
    }

    /// Attempts of a worker that went down with it, or never reached it.
    pub(super) fn lose(&mut self, worker: &WorkerId, lost: impl Fn(&AttemptId) -> bool) {
        let mut parts = Vec::new();
        for (workflow, state) in &self.states {
            let live = state.live_attempts();
            let of_worker = live.filter(|(_, lease)| lease.worker == *worker);
            let attempts = of_worker.map(|(task, lease)| (task, lease.attempt));
            let attempts =
                attempts.filter(|(task, number)| lost(&state.attempt_id(*task, *number)));
            parts.push((workflow.clone(), attempts.collect()));
        }
        for (workflow, attempts) in parts {
            let failure = Failure::new(FailureClass::WorkerLost, "gone");
            self.happen(&workflow, Event::AttemptsLost { attempts, failure });
        }
    }

    /// Lets an event happen; its facts wait for the next commit.
    pub(super) fn happen(&mut self, workflow: &WorkflowId, event: Event) {
        let Some(state) = self.states.get_mut(workflow) else {
            return;
        };
        let first = state.revision + 1;
        let facts = advance(state, event, now());
        let waiting = self.facts.entry(workflow.clone());
        waiting.or_insert((first, Vec::new())).1.extend(facts);
    }

    /// Writes what has gathered, and lets out what waits for it. It may crash before and after.
    async fn commit(&mut self) -> Result<(), Deposed> {
        let facts = std::mem::take(&mut self.facts);
        let facts = facts
            .into_iter()
            .filter(|(_, (_, facts))| !facts.is_empty());
        let facts: Vec<_> = facts.collect();
        let transactions: Vec<_> = facts
            .iter()
            .flat_map(|(id, (first, facts))| journal::append(self.epoch, id, *first, facts))
            .collect();
        if !transactions.is_empty() {
            may_crash(&self.office.host, 0.004).await;
            let answer = self.office.store.ask(Question::Commit(transactions)).await;
            may_crash(&self.office.host, 0.004).await;
            let committed = |outcomes: &[Outcome]| {
                let mut outcomes = outcomes.iter();
                outcomes.all(|outcome| *outcome == Outcome::Committed)
            };
            match answer {
                Some(Answer::Outcomes(outcomes)) if committed(&outcomes) => {}
                _ => return Err(Deposed),
            }
        }
        for (workflow, (_, facts)) in facts {
            self.take_effect(&workflow, &facts).await;
        }
        for draft in std::mem::take(&mut self.drafts) {
            if let Some(promise) = draft.promise {
                with(|world| world.acknowledged.insert(promise));
            }
            self.office.post.send(&draft.host, MAIL, draft.letter).await;
        }
        Ok(())
    }

    /// What follows from durable facts.
    async fn take_effect(&mut self, workflow: &WorkflowId, facts: &[Fact]) {
        let state = &self.states[workflow];
        for fact in facts {
            match &fact.change {
                Change::AttemptFailed { task, attempt, .. } if task.stage != Stage::Split => {
                    let due = elapsed() + grace(WORKER_LEASE);
                    let prefix = output_prefix(state, *task, *attempt);
                    self.garbage.push((due, prefix));
                }
                Change::Ended { .. } | Change::Rejected(_) => {
                    let over = self.states.remove(workflow);
                    return self.forget(over.expect("it was there").workflow);
                }
                _ => {}
            }
        }
    }

    /// Sends assignments until their workers hold them, and ends what no longer counts.
    async fn tell_workers(&mut self) {
        for state in self.states.values() {
            for (task, lease) in state.live_attempts() {
                let attempt = state.attempt_id(task, lease.attempt);
                let host = self.pool.lacks(&lease.worker, &attempt);
                let made = assignment(state, task, lease.attempt);
                if let (Some(host), Some(made)) = (host, made) {
                    let letter = Letter::Assign(Box::new(made));
                    self.office.post.send(&host, MAIL, letter).await;
                }
            }
        }
    }

    fn place(&mut self) {
        let now_ms = now().at_ms;
        let offers: BTreeMap<WorkflowId, Vec<Candidate>> = self
            .states
            .iter()
            .map(|(id, state)| {
                let offered = candidates(state, now_ms, 64);
                let offered = offered.map(|(task, need)| Candidate { task, need });
                (id.clone(), offered.collect())
            })
            .collect();
        for (workflow, task, worker) in self.pool.solve(&self.states, &offers) {
            let epoch = self.epoch;
            let event = Event::Placed {
                task,
                worker,
                epoch,
            };
            self.happen(&workflow, event);
        }
    }

    /// Says whether a worker may go on with an attempt, or has yet to be told that it counted.
    pub(super) fn may_hold(&self, attempt: &AttemptId, worker: &WorkerId) -> bool {
        let task = TaskKey {
            stage: attempt.task.stage,
            index: attempt.task.index,
        };
        let state = self.states.get(&attempt.task.workflow);
        state.is_some_and(|state| verdict::may_hold(state, (task, attempt.number), worker))
    }
}
