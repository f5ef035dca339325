//! The agent: keeps the worker attached, starts what it is given, reports what ended.
//!
//! While the controller is away tasks go on, and what they report is kept.

mod credit;
mod drain;
mod link;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use common::ids::WorkerId;
use common::servers::Present;
use common::task::{
    Assignment, AttemptId, Counters, Outcome, ReadBatchCommit, Report, Resources, Stage,
};
use proto::worker::v1 as wire;
use proto::worker::v1::attach_request::Message as Say;
use proto::worker::v1::attach_response::Message as Hear;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior};

use self::credit::Credit;
use self::drain::Drain;
use self::link::Link;
use crate::cache::Cache;
use crate::config::Config;
use crate::error::Error;
use crate::executor::{self, Event, Idle, Job, Running, Settle};
use crate::heartbeat::Heartbeat;
use crate::metrics;
use crate::scratch::Scratch;
use crate::session::{Admission, Session};
use crate::slots::Slots;
use crate::storage::{Reach, Storage};

/// How often progress is sent.
const PROGRESS: Duration = Duration::from_secs(1);

/// Runs a worker until `shutdown`, and then until what runs has ended or was handed back.
///
/// # Errors
/// [`Error`] if it can't start, or the controller refuses it for good.
pub async fn run_until(config: Config, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
    config.validate()?;
    let worker = WorkerId::from(ulid::Ulid::new());
    let page = (
        config.metrics,
        Cache::new(config.cache.clone(), config.cache_bytes),
    );
    let (mut agent, mut events) = Agent::new(config, worker)?;
    let _page = match page {
        (Some(address), cache) => Some(metrics::serve(address, cache).await?),
        (None, _) => None,
    };
    let mut progress = tokio::time::interval(PROGRESS);
    progress.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut shutdown = pin!(shutdown);
    while !agent.drain.is_over() {
        agent
            .step(&mut events, &mut progress, shutdown.as_mut())
            .await?;
    }
    agent.link.close().await;
    agent.idle.close().await;
    Ok(())
}

struct Agent {
    config: Arc<Config>,
    session: Session,
    link: Link,
    slots: Slots<Assignment>,
    running: BTreeMap<AttemptId, (Running, Resources)>,
    idle: Idle,
    settles: BTreeMap<(AttemptId, u32), Settle>,
    storage: Option<(Reach, Storage)>,
    scratch: Scratch,
    heartbeat: Heartbeat,
    drain: Drain,
    credit: Credit,
    events: mpsc::UnboundedSender<Event>,
}

impl Agent {
    fn new(
        config: Config,
        worker: WorkerId,
    ) -> Result<(Self, mpsc::UnboundedReceiver<Event>), Error> {
        let (events, received) = mpsc::unbounded_channel();
        let total = Resources {
            cores: config.cores,
            memory_bytes: config.memory_bytes,
        };
        // The heartbeat goes where the stream goes.
        let present = Present::default();
        let controller = (config.controller.clone(), present.clone());
        let heartbeat = Heartbeat::start(worker.clone(), controller, config.bearer()?)?;
        let scratch = Scratch::open(&config.scratch, &worker)?;
        let credit = Credit::new(&config, scratch.free_bytes());
        let config = Arc::new(config);
        let agent = Self {
            session: Session::default(),
            link: Link::new(Arc::clone(&config), worker, present)?,
            slots: Slots::new(total),
            running: BTreeMap::new(),
            idle: Idle::default(),
            settles: BTreeMap::new(),
            storage: None,
            scratch,
            heartbeat,
            drain: Drain::default(),
            credit,
            events,
            config,
        };
        Ok((agent, received))
    }

    /// Waits for the next thing to happen, and handles it.
    async fn step(
        &mut self,
        events: &mut mpsc::UnboundedReceiver<Event>,
        progress: &mut Interval,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let was_asked = self.drain.was_asked();
        tokio::select! {
            Some(event) = events.recv() => self.on_event(event),
            heard = self.link.next(&mut self.session, &self.credit) => match heard? {
                link::Heard::Welcome(welcome) => self.on_welcome(&welcome).await,
                link::Heard::Message(message) => self.on_message(*message),
                link::Heard::Broken => {}
            },
            _ = progress.tick() => {
                self.tell_progress();
                self.tell_credits();
            }
            () = shutdown, if !was_asked => self.drain.ask(self.config.drain_grace),
            () = self.drain.deadline() => self.hand_back(),
        }
        self.start_waiting();
        self.go_on_draining();
        self.measure();
        Ok(())
    }

    async fn on_welcome(&mut self, welcome: &wire::Welcome) {
        let lease = Duration::from_millis(welcome.lease_ms);
        self.heartbeat.pulse.set(self.session.epoch(), lease);
        if self.storage.is_none() {
            match self.link.open_storage(welcome).await {
                Ok(storage) => self.storage = Some(storage),
                Err(error) => tracing::error!(%error, "objects can't be reached"),
            }
        }
        // It may have changed since Hello was made.
        let attempts = self.credit.told();
        self.link.say(Say::Credits(wire::Credits { attempts }));
        for message in self.session.owed() {
            self.link.say(message);
        }
        if self.drain.is_told() {
            self.link.say(Say::Drained(wire::Drained {}));
        }
    }

    fn on_message(&mut self, message: Hear) {
        match message {
            Hear::Assignment(assignment) => match Assignment::try_from(assignment) {
                Ok(assignment) => self.on_assignment(assignment),
                Err(error) => tracing::error!(%error, "an assignment is not understood"),
            },
            Hear::Cancel(wire::Cancel { attempt }) => {
                if let Some(attempt) = attempt_of(attempt) {
                    self.cancel(&attempt);
                }
            }
            Hear::Drain(wire::Drain {}) => self.drain.command(),
            Hear::Ack(wire::Ack {
                attempt,
                accepted: _,
            }) => {
                if let Some(attempt) = attempt_of(attempt) {
                    self.session.report_settled(&attempt);
                }
            }
            Hear::ReadBatchAck(ack) => {
                let wire::ReadBatchAck {
                    attempt,
                    index,
                    accepted,
                } = ack;
                if let Some(attempt) = attempt_of(attempt) {
                    self.session.batch_settled(&attempt, index);
                    if let Some(settle) = self.settles.remove(&(attempt, index)) {
                        settle(accepted);
                    }
                }
            }
            Hear::Welcome(_) => tracing::warn!("a second Welcome on one stream"),
        }
    }

    fn on_assignment(&mut self, assignment: Assignment) {
        match self.session.admit(&assignment.attempt, assignment.epoch) {
            Err(stale) => {
                tracing::warn!(attempt = %assignment.attempt, %stale, "assignment refused")
            }
            Ok(Admission::Running) => {}
            Ok(Admission::Ended(report)) => self.link.say(Say::Result((&*report).into())),
            Ok(Admission::Run) if self.drain.is_draining() => {
                self.end(&assignment, Outcome::HandedBack);
            }
            Ok(Admission::Run) if assignment.attempt.task.stage == Stage::Probe => {
                self.end(&assignment, Outcome::Completed(None));
            }
            Ok(Admission::Run) => self.slots.wait(assignment.resources, assignment),
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::ReadBatch { commit, settle } => {
                let ReadBatchCommit {
                    attempt,
                    read_batch,
                    ..
                } = &commit;
                self.settles
                    .insert((attempt.clone(), read_batch.index), settle);
                let message = self.session.wrote(commit);
                self.link.say(message);
            }
            Event::Ended(report) => {
                let ended = self.running.remove(&report.attempt);
                if let Some((_, granted)) = &ended {
                    self.slots.give_back(*granted);
                }
                metrics::ended(&report, ended.map(|(running, _)| running.begun.elapsed()));
                self.settles
                    .retain(|(attempt, _), _| *attempt != report.attempt);
                if let Outcome::Failed(failure) = &report.outcome {
                    // Its words may name files and reads: they are for who submitted it.
                    let class = failure.class.name();
                    tracing::warn!(attempt = %report.attempt, class, "attempt failed");
                }
                self.report(report);
            }
        }
    }

    fn start_waiting(&mut self) {
        let Some((reach, storage)) = self.storage.clone() else {
            return;
        };
        while let Some((granted, mut assignment)) = self.slots.start() {
            assignment.resources = granted;
            let attempt = assignment.attempt.clone();
            let scratch = match self.scratch.attempt(&attempt) {
                Ok(scratch) => scratch,
                Err(fault) => {
                    self.slots.give_back(granted);
                    self.end(&assignment, Outcome::Failed(crate::error::storage(&fault)));
                    continue;
                }
            };
            tracing::debug!(%attempt, "attempt starts");
            let job = Job {
                assignment,
                scratch,
                reach: reach.clone(),
                storage: storage.clone(),
                events: self.events.clone(),
            };
            let running = executor::start(&self.config, &self.idle, job);
            self.running.insert(attempt, (running, granted));
        }
        let (_, free) = self.slots.room();
        self.idle.fit(free.memory_bytes);
    }

    fn cancel(&mut self, attempt: &AttemptId) {
        if let Some((running, _)) = self.running.get(attempt) {
            running.cancel();
        }
        for assignment in self.slots.withdraw(|waiting| waiting.attempt == *attempt) {
            self.end(&assignment, Outcome::HandedBack);
        }
    }

    /// Reports an attempt that did not run.
    fn end(&mut self, assignment: &Assignment, outcome: Outcome) {
        self.report(Report {
            attempt: assignment.attempt.clone(),
            epoch: assignment.epoch,
            counters: Counters::default(),
            outcome,
        });
    }

    fn report(&mut self, report: Report) {
        let message = self.session.ended(report);
        self.link.say(message);
    }

    fn tell_progress(&mut self) {
        for (attempt, (running, _)) in &self.running {
            self.link.say(Say::Progress(wire::Progress {
                attempt: Some(attempt.into()),
                reads: running.monitor.reads(),
                bases: running.monitor.bases(),
            }));
        }
    }

    fn measure(&self) {
        let (total, free) = self.slots.room();
        metrics::slots(total, free);
        metrics::RUNNING.set(metrics::signed(self.running.len() as u64));
        metrics::ATTACHED.set(i64::from(self.link.is_attached()));
        metrics::EPOCH.set(metrics::signed(self.session.epoch().0));
    }

    /// Tells how much is taken from now on, if that changed. Hello says it after a break.
    fn tell_credits(&mut self) {
        let (is_draining, free) = (self.drain.is_draining(), self.scratch.free_bytes());
        metrics::SCRATCH.set(metrics::signed(free.unwrap_or(0)));
        if let Some(attempts) = self.credit.change(is_draining, free) {
            self.link.say(Say::Credits(wire::Credits { attempts }));
        }
    }

    /// Ends what still runs when the grace of a drain is over.
    fn hand_back(&mut self) {
        self.drain.pass_deadline();
        let held: BTreeSet<AttemptId> = self.session.holding().into_iter().collect();
        for attempt in &held {
            self.cancel(attempt);
        }
    }

    fn go_on_draining(&mut self) {
        if !self.drain.is_draining() {
            return;
        }
        // Told before anything is handed back, so that nothing handed back comes again.
        if self.drain.tell() && self.link.is_attached() {
            self.tell_credits();
            self.link.say(Say::Drained(wire::Drained {}));
        }
        for assignment in self.slots.withdraw(|_| true) {
            self.end(&assignment, Outcome::HandedBack);
        }
        self.drain
            .go_on(self.session.is_idle(), self.session.is_settled());
    }
}

fn attempt_of(wire: Option<wire::AttemptId>) -> Option<AttemptId> {
    match wire.map(AttemptId::try_from) {
        Some(Ok(attempt)) => Some(attempt),
        Some(Err(error)) => {
            tracing::error!(%error, "an attempt is not understood");
            None
        }
        None => None,
    }
}

#[cfg(test)]
mod tests;
