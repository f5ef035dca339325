//! A worker: runs what it is given, writes objects, and reports until somebody hears.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::ids::{Epoch, WorkerId};
use common::task::{
    Assignment, AttemptId, Counters, Detail, Outcome, ReadBatch, ReadBatchCommit, ReadSource,
    Report, SplitCursor, Stage,
};

use super::net::{Letter, MAIL, Post, passing};
use super::world::{chance, elapsed, millis, read, with, write};
use super::{CONTROLLERS, LANE_BATCHES};

/// How often it looks at its attempts, and says that it is alive.
const TICK: Duration = Duration::from_millis(50);
const ALIVE_EVERY: Duration = Duration::from_millis(250);

/// One process of a worker; the next on the same host has another id.
struct Worker {
    id: WorkerId,
    /// How many times longer than others it takes.
    slow: u32,
    post: Post,
    running: BTreeMap<AttemptId, Running>,
    /// Reports that nobody has acknowledged.
    reports: BTreeMap<AttemptId, Report>,
    /// All that it was ever given.
    known: BTreeSet<AttemptId>,
    epoch: Epoch,
    alive_at: Duration,
}

struct Running {
    assignment: Assignment,
    /// When its next step is done.
    due: Duration,
    steps: u32,
    /// The next read batch, until it is acknowledged.
    commit: Option<ReadBatchCommit>,
    cursor: SplitCursor,
}

/// Works until the end.
pub(super) async fn run(host: String, slow: u32) -> turmoil::Result {
    let mut worker = Worker {
        id: WorkerId::new(format!("{host}.{}", elapsed().as_millis())),
        slow,
        post: Post::open(MAIL).await?,
        running: BTreeMap::new(),
        reports: BTreeMap::new(),
        known: BTreeSet::new(),
        epoch: Epoch::default(),
        alive_at: Duration::ZERO,
    };
    loop {
        let heard = tokio::time::timeout(TICK, worker.post.receive()).await;
        if let Ok((_, _, letter)) = heard {
            worker.hear(letter);
        }
        worker.work().await;
    }
}

impl Worker {
    fn hear(&mut self, letter: Letter) {
        match letter {
            Letter::Assign(assignment) => {
                let fresh = assignment.epoch >= self.epoch;
                if fresh && self.known.insert(assignment.attempt.clone()) {
                    self.epoch = assignment.epoch;
                    self.start(*assignment);
                }
            }
            Letter::Cancel(attempt, epoch) if epoch >= self.epoch => {
                self.epoch = epoch;
                if self.running.remove(&attempt).is_some() {
                    self.report(&attempt, Counters::default(), Outcome::HandedBack);
                }
            }
            Letter::Ack(attempt, epoch) if epoch >= self.epoch => {
                self.reports.remove(&attempt);
            }
            Letter::BatchAck(attempt, index, accepted, epoch) if epoch >= self.epoch => {
                self.batch_ack(&attempt, index, accepted);
            }
            _ => {}
        }
    }

    fn start(&mut self, assignment: Assignment) {
        for (_, manifest) in &assignment.upstream {
            read(manifest);
        }
        if let Detail::Align(ReadBatch {
            source: ReadSource::Object(reads),
            ..
        }) = &assignment.detail
        {
            read(reads);
        }
        let cursor = match assignment.detail {
            Detail::Split(cursor) => cursor,
            Detail::None | Detail::Align(_) => SplitCursor::default(),
        };
        let running = Running {
            due: elapsed() + self.step(),
            steps: 0,
            commit: None,
            cursor,
            assignment,
        };
        let attempt = running.assignment.attempt.clone();
        self.running.insert(attempt, running);
    }

    /// Returns how long a third of a task takes: some take so long that others overtake them.
    fn step(&self) -> Duration {
        let drawn = match chance(0.15) {
            true => millis(500..2500),
            false => millis(20..100),
        };
        drawn * self.slow
    }

    fn batch_ack(&mut self, attempt: &AttemptId, index: u32, accepted: bool) {
        let Some(running) = self.running.get_mut(attempt) else {
            return;
        };
        if !accepted {
            return self.report(attempt, Counters::default(), Outcome::HandedBack);
        }
        let commit = running
            .commit
            .take_if(|commit| commit.read_batch.index == index);
        if let Some(commit) = commit {
            running.cursor = commit.cursor;
        }
    }

    async fn work(&mut self) {
        let now = elapsed();
        let due: Vec<_> = self
            .running
            .iter()
            .filter(|(_, running)| running.due <= now)
            .map(|(attempt, _)| attempt.clone())
            .collect();
        for attempt in due {
            self.go_on(&attempt);
        }
        if now >= self.alive_at {
            self.alive_at = now + ALIVE_EVERY;
            self.speak().await;
        }
    }

    /// One step of an attempt: every step writes something.
    fn go_on(&mut self, attempt: &AttemptId) {
        let step = self.step();
        let fails = with(|world| world.faults) && chance(0.01);
        let Some(running) = self.running.get_mut(attempt) else {
            return;
        };
        running.due = elapsed() + step;
        running.steps += 1;
        if fails {
            let failure = passing();
            return self.report(attempt, Counters::default(), Outcome::Failed(failure));
        }
        let (task, prefix) = (&attempt.task, &running.assignment.output_prefix);
        if task.stage == Stage::Split && running.cursor.next_batch < LANE_BATCHES {
            running
                .commit
                .get_or_insert_with(|| next_batch(attempt, running.cursor));
            return;
        }
        write(&format!("{prefix}/part-{}", running.steps), "part");
        if running.steps < 3 {
            return;
        }
        let content = format!("{}/{}", task.stage, task.index);
        let manifest =
            (task.stage != Stage::Probe).then(|| write(&format!("{prefix}/manifest"), &content));
        let counters = Counters::default();
        self.report(attempt, counters, Outcome::Completed(manifest));
    }

    fn report(&mut self, attempt: &AttemptId, counters: Counters, outcome: Outcome) {
        self.running.remove(attempt);
        let report = Report {
            attempt: attempt.clone(),
            epoch: self.epoch,
            counters,
            outcome,
        };
        self.reports.insert(attempt.clone(), report);
    }

    /// Tells every controller that it is alive, what it holds, and what was not acknowledged.
    async fn speak(&self) {
        let holding = self.running.keys().chain(self.reports.keys()).cloned();
        let holding: Vec<_> = holding.collect();
        let commits = self
            .running
            .values()
            .filter_map(|running| running.commit.clone());
        let commits: Vec<_> = commits.collect();
        for controller in CONTROLLERS {
            let alive = Letter::Alive(self.id.clone(), holding.clone());
            self.post.send(controller, MAIL, alive).await;
            for report in self.reports.values() {
                let letter = Letter::Report(report.clone());
                self.post.send(controller, MAIL, letter).await;
            }
            for commit in &commits {
                let letter = Letter::ReadBatch(commit.clone());
                self.post.send(controller, MAIL, letter).await;
            }
        }
    }
}

/// Writes the next read batch of a lane.
fn next_batch(attempt: &AttemptId, cursor: SplitCursor) -> ReadBatchCommit {
    let (lane, index) = (attempt.task.index, cursor.next_batch);
    let key = format!("work/{attempt}/batch-{index}");
    let object = write(&key, &format!("lane {lane} batch {index}"));
    let next_ordinal = cursor.next_ordinal + 10;
    ReadBatchCommit {
        attempt: attempt.clone(),
        epoch: Epoch::default(),
        read_batch: ReadBatch {
            lane,
            index,
            first_ordinal: cursor.next_ordinal,
            reads: 10,
            bases: 1000,
            paired: false,
            source: ReadSource::Object(object),
        },
        cursor: SplitCursor {
            next_batch: index + 1,
            next_ordinal,
            offsets: [next_ordinal, 0],
        },
    }
}
