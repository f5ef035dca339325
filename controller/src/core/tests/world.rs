//! A made-up world around one workflow: it places, works, fails and loses as it is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::failure::{Failure, FailureClass};
use common::ids::{AttemptNumber, BatchId, Epoch, Sha256, WorkerId, WorkflowId};
use common::location::Location;
use common::s3_login::S3Access;
use common::task::{Counters, ObjectRef, Outcome, ReadBatch, ReadSource, SplitCursor, Stage};
use common::workflow::{GenomeSpec, Lane, LaneReads, Outputs, Priority, Work, WorkflowSpec};
use genome::read_group::ReadGroup;

use crate::core::duty::{Duty, duties, lookups};
use crate::core::event::{Event, Now};
use crate::core::fact::{Change, Fact, FoundResult};
use crate::core::ready::{next_deadline_ms, ready_tasks};
use crate::core::state::{OutputFile, TaskKey, TaskStatus, WorkflowState};
use crate::core::straggler::stragglers;
use crate::core::{advance, assignment};
use crate::plan::dag::{Findings, InputDigests, Plan, plan};

/// Read batches of each lane.
pub(crate) const LANE_BATCHES: u32 = 3;

/// The world.
pub(crate) struct World {
    pub(crate) state: WorkflowState,
    pub(crate) now_ms: u64,
    pub(crate) jitter: f64,
    /// Of a million tasks so many run twice.
    pub(crate) audited_ppm: u32,
    /// Whether another workflow left results: of every second task.
    pub(crate) cached: bool,
    /// Whether it leaves results itself, and finds none.
    pub(crate) keeps: bool,
    /// Whether the reference has an index.
    pub(crate) indexed: bool,
    pub(crate) journal: Vec<Fact>,
    /// All attempts ever.
    pub(crate) attempts: Vec<(TaskKey, AttemptNumber)>,
    /// The result of each task, since its stage was last opened again for it.
    pub(crate) winners: BTreeMap<TaskKey, AttemptNumber>,
}

pub(crate) fn genome_spec() -> WorkflowSpec {
    let location = |text: &str| -> Location { text.parse().unwrap() };
    let lane = |index: u32| Lane {
        read_group: ReadGroup::parse(&format!("@RG\tID:L{index}\tSM:S")).unwrap(),
        reads: LaneReads::SingleEnd(location(&format!("root:data/l{index}.fq"))),
    };
    WorkflowSpec {
        priority: Priority::default(),
        description: "a genome".to_owned(),
        work: Work::Genome(Box::new(GenomeSpec {
            sample: "S".to_owned(),
            lanes: vec![lane(0), lane(1)],
            reference: location("root:data/ref.fa"),
            known_sites: vec![location("root:data/known.vcf")],
            outputs: Outputs {
                bam: true,
                vcf: true,
                gvcf: false,
            },
            intervals: vec![],
            interval_padding_bp: 0,
            output_prefix: Some(location("root:data/out")),
            overwrite: false,
            recalibrated_qualities: false,
            read_batch_bp: 1000,
            partition_bp: 1000,
            s3: S3Access::Own,
        })),
        no_cache: false,
    }
}

pub(crate) fn probe_spec(tasks: u32) -> WorkflowSpec {
    WorkflowSpec {
        priority: Priority(2),
        description: String::new(),
        work: Work::Probe { tasks },
        no_cache: false,
    }
}

pub(crate) fn object(key: &str) -> ObjectRef {
    ObjectRef {
        key: key.to_owned(),
        size_bytes: key.len() as u64,
        sha256: Sha256::of(key.as_bytes()),
    }
}

impl World {
    /// A world around a workflow that was just accepted.
    pub(crate) fn accepted(spec: WorkflowSpec) -> Self {
        let (workflow, batch) = (WorkflowId::new("W"), BatchId::new("B"));
        Self {
            state: WorkflowState::accepted(workflow, batch, Arc::new(spec), 1000),
            now_ms: 2000,
            jitter: 0.5,
            audited_ppm: 0,
            cached: false,
            keeps: false,
            indexed: false,
            journal: Vec::new(),
            attempts: Vec::new(),
            winners: BTreeMap::new(),
        }
    }

    /// A world around a workflow that was validated.
    pub(crate) fn validated(spec: WorkflowSpec) -> Self {
        let mut world = Self::accepted(spec);
        world.perform(&Duty::Validate);
        world
    }

    /// Lets an event happen; keeps the journal and the winners.
    pub(crate) fn happen(&mut self, event: Event) -> Vec<Fact> {
        let now = Now {
            at_ms: self.now_ms,
            jitter: self.jitter,
        };
        let facts = advance(&mut self.state, event, now);
        for fact in &facts {
            self.note(&fact.change);
        }
        self.journal.extend(facts.iter().cloned());
        facts
    }

    /// Never two winners of a task, and no number twice.
    fn note(&mut self, change: &Change) {
        match change {
            Change::AttemptStarted { task, attempt, .. } => {
                assert!(
                    !self.attempts.contains(&(*task, *attempt)),
                    "number used again"
                );
                self.attempts.push((*task, *attempt));
            }
            Change::AttemptCompleted { task, attempt, .. } => {
                let before = self.winners.insert(*task, *attempt);
                assert_eq!(before, None, "two winners of {task}");
            }
            Change::ResultsFound { stage, found, .. } => {
                for &FoundResult { index, .. } in found {
                    let task = TaskKey {
                        stage: *stage,
                        index,
                    };
                    let before = self.winners.insert(task, AttemptNumber(0));
                    assert_eq!(before, None, "two winners of {task}");
                }
            }
            Change::StageReopened { stage, indices } | Change::AuditOpened { stage, indices } => {
                for &index in indices {
                    let stage = *stage;
                    let lost = self.winners.remove(&TaskKey { stage, index });
                    assert!(lost.is_some(), "{stage}/{index} had no result to lose");
                }
            }
            _ => {}
        }
    }

    pub(crate) fn ready(&self) -> Vec<TaskKey> {
        ready_tasks(&self.state, self.now_ms).collect()
    }

    pub(crate) fn live(&self) -> Vec<(TaskKey, AttemptNumber)> {
        let live = self.state.live_attempts();
        live.map(|(task, lease)| (task, lease.attempt)).collect()
    }

    pub(crate) fn place(&mut self, task: TaskKey) -> Vec<Fact> {
        self.place_on(task, &format!("w{}", task.index % 3))
    }

    /// Tasks that may have a second attempt.
    pub(crate) fn stragglers(&self) -> Vec<TaskKey> {
        let all = stragglers(&self.state, self.now_ms);
        all.map(|(task, _)| task).collect()
    }

    pub(crate) fn place_on(&mut self, task: TaskKey, worker: &str) -> Vec<Fact> {
        let worker = WorkerId::new(worker);
        let epoch = Epoch(1);
        self.happen(Event::Placed {
            task,
            worker,
            epoch,
        })
    }

    /// Works on an attempt: `split` writes its next read batch until there are all, others complete.
    pub(crate) fn work(&mut self, task: TaskKey, attempt: AttemptNumber) -> Vec<Fact> {
        let lane = self.state.lanes.get(task.index as usize);
        let next = lane.map_or(0, |lane| lane.cursor.next_batch);
        if task.stage == Stage::Split && next < LANE_BATCHES {
            return self.write_batch(task, attempt, next);
        }
        let prefix = assignment::output_prefix(&self.state, task, attempt);
        let manifest = (task.stage != Stage::Probe).then(|| object(&format!("{prefix}/manifest")));
        self.report(task, attempt, Outcome::Completed(manifest))
    }

    fn write_batch(&mut self, task: TaskKey, attempt: AttemptNumber, index: u32) -> Vec<Fact> {
        let prefix = assignment::output_prefix(&self.state, task, attempt);
        let read_batch = ReadBatch {
            lane: task.index,
            index,
            first_ordinal: u64::from(index) * 10,
            reads: 10,
            bases: 1000,
            paired: false,
            source: ReadSource::Object(object(&format!("{prefix}/batch-{index}"))),
        };
        let cursor = SplitCursor {
            next_batch: index + 1,
            next_ordinal: u64::from(index + 1) * 10,
            offsets: [u64::from(index + 1) * 2000, 0],
        };
        self.happen(Event::ReadBatchCommitted {
            attempt,
            read_batch,
            cursor,
        })
    }

    pub(crate) fn report(
        &mut self,
        task: TaskKey,
        attempt: AttemptNumber,
        outcome: Outcome,
    ) -> Vec<Fact> {
        let counters = Counters {
            reads: 10,
            bases: 1000,
            cpu_ms: 5,
            peak_memory_bytes: 1,
        };
        self.happen(Event::Reported {
            task,
            attempt,
            counters,
            outcome,
        })
    }

    pub(crate) fn fail(
        &mut self,
        task: TaskKey,
        attempt: AttemptNumber,
        class: FailureClass,
    ) -> Vec<Fact> {
        let failure = Failure::new(class, "made to fail");
        self.report(task, attempt, Outcome::Failed(failure))
    }

    pub(crate) fn duties(&self) -> Vec<Duty> {
        duties(&self.state, self.now_ms)
    }

    /// Does what the controller has to do.
    pub(crate) fn perform(&mut self, duty: &Duty) -> Vec<Fact> {
        let event = match duty {
            Duty::Validate => {
                let findings = Findings {
                    partitions: 3,
                    index_missing: !self.indexed,
                    input_digests: (self.cached || self.keeps).then(|| InputDigests {
                        index: self.indexed.then(|| Sha256::of(b"index")),
                        ..InputDigests::default()
                    }),
                    ..Findings::default()
                };
                Event::Validated(Plan {
                    audited_ppm: self.audited_ppm,
                    ..plan(&self.state.spec.work, findings)
                })
            }
            Duty::EndAttempt { task, attempt, .. } => {
                return self.report(*task, *attempt, Outcome::HandedBack);
            }
            Duty::LookUp { stage, .. } => {
                let tasks = lookups(&self.state, *stage);
                let kept = tasks
                    .clone()
                    .filter(|index| self.cached && index.is_multiple_of(2));
                let found = kept.map(|index| FoundResult {
                    index,
                    manifest: object(&format!("work/V/{stage}/{index}/1/manifest")),
                    bytes: 7,
                });
                Event::ResultsLookedUp {
                    stage: *stage,
                    tasks,
                    found: found.collect(),
                }
            }
            Duty::WriteStageManifest { stage, round } => Event::StageManifestWritten {
                stage: *stage,
                round: *round,
                manifest: object(&assignment::stage_manifest_key(&self.state, *stage, *round)),
            },
            Duty::PlanPublication => Event::PublicationStarted {
                targets: vec![OutputFile {
                    name: "S.bam".to_owned(),
                    uri: "root:data/out/S.bam".to_owned(),
                    size_bytes: 7,
                    sha256: Sha256::of(b"bam").to_string(),
                }],
            },
            Duty::Publish => Event::PublicationDone,
        };
        self.happen(event)
    }

    /// Keys of objects that count now.
    pub(crate) fn objects(&self) -> Vec<String> {
        let mut keys = Vec::new();
        for stage in Stage::ALL {
            let progress = self.state.stage(stage);
            keys.extend(
                progress
                    .manifest
                    .iter()
                    .map(|manifest| manifest.key.clone()),
            );
            for task in &progress.tasks {
                if let TaskStatus::Done {
                    manifest: Some(manifest),
                    ..
                } = &task.status
                {
                    keys.push(manifest.key.clone());
                }
            }
        }
        keys.extend(self.state.read_batches.iter().map(|batch| {
            let ReadSource::Object(object) = &batch.source;
            object.key.clone()
        }));
        keys
    }

    /// Says whether something will move it on.
    pub(crate) fn has_owner(&self) -> bool {
        self.state.is_ended()
            || !self.live().is_empty()
            || !self.duties().is_empty()
            || !self.ready().is_empty()
            || next_deadline_ms(&self.state, self.now_ms).is_some()
    }

    /// Lets the next thing go well.
    pub(crate) fn step(&mut self) {
        if let Some(duty) = self.duties().first() {
            self.perform(duty);
        } else if let Some((task, attempt)) = self.live().first() {
            self.work(*task, *attempt);
        } else if let Some(task) = self.ready().first() {
            self.place(*task);
        } else {
            let due = next_deadline_ms(&self.state, self.now_ms);
            self.now_ms = due.expect("something moves it on");
            self.happen(Event::TimePassed);
        }
    }

    /// Lets everything go well until it is over.
    pub(crate) fn finish(&mut self) {
        for _ in 0..2000 {
            if self.state.is_ended() {
                return;
            }
            self.step();
        }
        panic!("it does not end: {:?}", self.state.phase);
    }
}
