//! What a leader makes of what workers say, and what it does itself.

use std::collections::BTreeMap;

use common::ids::{Sha256, WorkflowId};
use common::task::{Outcome as Ended, Stage};

use super::leader::{Draft, Leader};
use super::net::Letter;
use super::world::{may_crash, read, with, write};
use crate::core::assignment::stage_manifest_key;
use crate::core::duty::{Duty, duties, stage_results};
use crate::core::event::Event;
use crate::core::state::{OutputFile, TaskKey, WorkflowState};
use crate::core::verdict;
use crate::plan::dag::{Findings, plan};
use crate::publication::{Source, Target, in_order};

impl Leader<'_> {
    pub(super) fn hear(&mut self, host: String, letter: Letter) {
        match letter {
            Letter::Alive(worker, holding) => {
                let strays = holding.iter().filter(|held| !self.may_hold(held, &worker));
                let strays: Vec<_> = strays.cloned().collect();
                for attempt in strays {
                    self.draft(&host, Letter::Cancel(attempt, self.epoch));
                }
                if self.pool.alive(worker.clone(), host, &holding) {
                    self.lose(&worker, |attempt| !holding.contains(attempt));
                }
            }
            Letter::Report(report) => {
                let (workflow, task) = key(&report.attempt);
                let number = report.attempt.number;
                let state = self.states.get(&workflow);
                let judged = state.map_or(verdict::Verdict::Refused, |state| {
                    verdict::report(state, task, number, &report.outcome)
                });
                let promise = match &report.outcome {
                    Ended::Completed(made) if judged.accepted() => {
                        let digest = made.as_ref().map(|object| object.sha256);
                        Some((report.attempt.clone(), digest))
                    }
                    _ => None,
                };
                let letter = Letter::Ack(report.attempt, self.epoch);
                self.drafts.push(Draft {
                    host,
                    letter,
                    promise,
                });
                if judged != verdict::Verdict::Known {
                    let event = Event::Reported {
                        task,
                        attempt: number,
                        counters: report.counters,
                        outcome: report.outcome,
                    };
                    self.happen(&workflow, event);
                }
            }
            Letter::ReadBatch(commit) => {
                let (workflow, _) = key(&commit.attempt);
                let (attempt, index) = (commit.attempt.clone(), commit.read_batch.index);
                let state = self.states.get(&workflow);
                let judged = state.map_or(verdict::Verdict::Refused, |state| {
                    verdict::read_batch(state, attempt.number, &commit.read_batch)
                });
                let ack = Letter::BatchAck(attempt.clone(), index, judged.accepted(), self.epoch);
                self.draft(&host, ack);
                let event = Event::ReadBatchCommitted {
                    attempt: attempt.number,
                    read_batch: commit.read_batch,
                    cursor: commit.cursor,
                };
                self.happen(&workflow, event);
            }
            _ => {}
        }
    }

    fn draft(&mut self, host: &str, letter: Letter) {
        self.drafts.push(Draft {
            host: host.to_owned(),
            letter,
            promise: None,
        });
    }

    /// Does what the controller has to do, by durable state alone.
    pub(super) async fn do_duties(&mut self) {
        let mut events: Vec<(WorkflowId, Event)> = Vec::new();
        let now_ms = super::world::now().at_ms;
        for (workflow, state) in &self.states {
            for duty in duties(state, now_ms) {
                let event = match duty {
                    Duty::Validate => {
                        let findings = Findings {
                            partitions: 3,
                            index_missing: true,
                            ..Findings::default()
                        };
                        Event::Validated(plan(&state.spec.work, findings))
                    }
                    Duty::WriteStageManifest { stage, round } => Event::StageManifestWritten {
                        stage,
                        round,
                        manifest: stage_manifest(state, stage, round),
                    },
                    Duty::PlanPublication => Event::PublicationStarted {
                        targets: targets(state)
                            .into_iter()
                            .map(|target| target.file)
                            .collect(),
                    },
                    Duty::Publish => {
                        publish(&self.office.host, state).await;
                        Event::PublicationDone
                    }
                    // Nothing is cancelled here, and nothing looked up.
                    Duty::EndAttempt { .. } | Duty::LookUp { .. } => continue,
                };
                events.push((workflow.clone(), event));
            }
        }
        for (workflow, event) in events {
            self.happen(&workflow, event);
        }
    }
}

fn key(attempt: &common::task::AttemptId) -> (WorkflowId, TaskKey) {
    let (stage, index) = (attempt.task.stage, attempt.task.index);
    (attempt.task.workflow.clone(), TaskKey { stage, index })
}

/// Writes a stage manifest: what all results of the stage hold.
fn stage_manifest(state: &WorkflowState, stage: Stage, round: u32) -> common::task::ObjectRef {
    let results = stage_results(state, stage).into_iter();
    let contents = results.map(|(_, object)| String::from_utf8_lossy(&read(object)).into_owned());
    let contents: Vec<String> = contents.collect();
    write(
        &stage_manifest_key(state, stage, round),
        &contents.join("\n"),
    )
}

/// The files of a genome, in the order in which they appear.
pub(super) fn targets(state: &WorkflowState) -> Vec<Target> {
    let gathered = state.stage(Stage::Gather).manifest.as_ref();
    let bytes = gathered.map(read).unwrap_or_default();
    let target = |name: &str| {
        let content = [name.as_bytes(), &bytes].concat();
        Target {
            file: OutputFile {
                name: name.to_owned(),
                uri: String::new(),
                size_bytes: content.len() as u64,
                sha256: Sha256::of(&content).to_string(),
            },
            source: Source::Bytes(content),
        }
    };
    let files = ["S.bam", "S.bam.bai", "S.vcf.gz", "S.vcf.gz.tbi"].map(target);
    in_order(files.into(), "S.manifest.json".to_owned(), String::new())
}

/// Makes the files appear, one after the other; may crash between any two.
async fn publish(host: &str, state: &WorkflowState) {
    let journaled = state.publication.as_ref().map(|known| &known.targets);
    for Target { file, .. } in targets(state) {
        if !journaled.is_some_and(|journaled| journaled.contains(&file)) {
            continue;
        }
        may_crash(host, 0.05).await;
        tokio::time::sleep(super::world::millis(1..30)).await;
        let place = (state.workflow.to_string(), file.name);
        let before = with(|world| world.published.insert(place.clone(), file.sha256.clone()));
        if before.is_some_and(|before| before != file.sha256) {
            super::world::violated(format!("{place:?} changed after it was published"));
        }
    }
}

/// A genome whose manifest is there is complete.
pub(super) fn check_published() {
    let missing = with(|world| {
        let mut files: BTreeMap<&str, usize> = BTreeMap::new();
        for (workflow, _) in world.published.keys() {
            *files.entry(workflow).or_default() += 1;
        }
        let manifests = world
            .published
            .keys()
            .filter(|(_, name)| name.ends_with("manifest.json"));
        let incomplete = manifests.filter(|(workflow, _)| files[workflow.as_str()] < 5);
        incomplete.map(|(workflow, _)| workflow.clone()).next()
    });
    if let Some(workflow) = missing {
        super::world::violated(format!("{workflow} has a manifest before its files"));
    }
}
