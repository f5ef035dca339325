//! What the controller itself does for a workflow: validate, write stage manifests, publish, and
//! take away what is no longer needed. Each may be done twice without harm.
//!
//! Runs on a runtime of its own, so that no bulk copy delays a lease.

mod manifests;
mod publish;
mod snapshots;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use common::backoff::Backoff;
use common::failure::{Failure, FailureClass};
use common::ids::WorkflowId;
use common::task::{ObjectRef, Stage};
use common::workflow::{Work, WorkflowSpec};
use object_store::Key;
use tokio::runtime;
use tokio_util::task::TaskTracker;

use crate::actors::now_ms;
use crate::admission::Admission;
use crate::cache::question::Question;
use crate::cache::{Cache, Terms};
use crate::core::assignment::stage_manifest_key;
use crate::core::audit::{Pair, pairs};
use crate::core::duty::{Duty, lookups, stage_results};
use crate::core::event::Event;
use crate::core::state::{OutputFile, WorkflowState};
use crate::inputs::Inputs;
use crate::objects::Objects;
use crate::plan::dag::Findings;
use crate::publication::{Source, Stored};
use crate::references::References;

/// Between tries of a duty that met a passing fault.
const RETRY: Backoff = Backoff {
    first: Duration::from_secs(1),
    cap: Duration::from_secs(30),
};

/// What duties need.
#[derive(Debug)]
pub struct Services {
    /// What submissions may name.
    pub inputs: Arc<Inputs>,
    /// The objects.
    pub objects: Objects,
    /// Results of workflows that are over.
    pub cache: Cache,
    /// Where duties and bulk copies run.
    pub bulk: runtime::Handle,
    /// What is written and taken away beside the duties: an orderly end waits for it.
    pub tidying: TaskTracker,
    admission: Admission,
}

/// What a duty has to know of its workflow.
#[derive(Debug, Clone)]
struct Job {
    duty: Duty,
    workflow: WorkflowId,
    spec: Arc<WorkflowSpec>,
    /// The manifests of a stage's tasks, and the key of the stage manifest.
    results: Vec<ObjectRef>,
    stage_manifest: String,
    /// What is to be compared first.
    audits: Vec<Pair>,
    /// The stage manifest of `gather`.
    gathered: Option<ObjectRef>,
    targets: Vec<OutputFile>,
    /// The tasks whose results are looked for, and by what.
    lookups: Range<u32>,
    question: Option<Question>,
}

/// Why a duty cannot be done now.
#[derive(Debug)]
enum Obstacle {
    /// An object is gone or corrupt.
    Lost { key: String, reason: String },
    /// Storage answered with a fault; the duty is tried again.
    Passing(String),
}

impl Services {
    /// Makes the services over these inputs and objects; what blocks runs on `bulk`.
    pub fn new(inputs: Arc<Inputs>, objects: Objects, kept: Terms, bulk: runtime::Handle) -> Self {
        let admission = Admission::new(inputs.clone());
        Self {
            cache: Cache::new(objects.clone(), kept),
            inputs,
            objects,
            bulk,
            tidying: TaskTracker::new(),
            admission,
        }
    }

    /// Returns the references among the objects.
    pub fn references(&self) -> References<'_> {
        References::new(&self.inputs, &self.admission)
    }

    /// Validates what is asked for. Blocks.
    ///
    /// # Errors
    /// A [`Failure`] that names file, record and reason.
    pub fn validate(&self, spec: &WorkflowSpec) -> Result<Findings, Failure> {
        match &spec.work {
            Work::Genome(genome) => {
                let digests = self.cache.is_on() && !spec.no_cache;
                self.admission.validate(genome, digests)
            }
            Work::Probe { .. } => Ok(Findings {
                partitions: 1,
                ..Findings::default()
            }),
        }
    }

    /// Starts a duty; `done` is told what follows from it. Passing faults are waited out.
    pub fn start(
        self: &Arc<Self>,
        duty: Duty,
        state: &WorkflowState,
        done: impl FnOnce(Duty, Event) + Send + 'static,
    ) {
        let job = Job::new(duty.clone(), state);
        let services = self.clone();
        self.bulk.spawn(async move {
            let event = services.finish(job).await;
            done(duty, event);
        });
    }

    /// Looks for results of other workflows. What cannot be looked up is not there.
    fn look_up(&self, stage: Stage, job: &Job) -> Event {
        let asked = job.question.as_ref();
        let found = asked.map(|question| self.bulk.block_on(self.cache.find(question, now_ms())));
        let found = found.transpose().unwrap_or_else(|error| {
            let workflow = &job.workflow;
            tracing::warn!(%workflow, %stage, %error, "results are not looked for");
            None
        });
        Event::ResultsLookedUp {
            stage,
            tasks: job.lookups.clone(),
            found: found.unwrap_or_default(),
        }
    }

    /// Keeps results of a workflow that is over, then takes away what else it wrote; `done` is called
    /// after that.
    pub fn over(
        self: &Arc<Self>,
        workflow: WorkflowId,
        last: Option<Box<WorkflowState>>,
        done: impl FnOnce() + Send + 'static,
    ) {
        let services = self.clone();
        let tidy = async move {
            let cache = &services.cache;
            if let Some(last) = last {
                match cache.keep(&last, now_ms()).await {
                    Ok(0) => {}
                    Ok(results) => tracing::info!(%workflow, results, "results are kept"),
                    Err(error) => tracing::warn!(%workflow, %error, "results are not kept"),
                }
            }
            if let Err(error) = cache.collect(&workflow).await {
                tracing::warn!(%workflow, %error, "garbage stays");
            }
            done();
        };
        self.tidying.spawn_on(tidy, &self.bulk);
    }

    /// Takes away what is kept no longer, and uploads that nobody finished.
    pub fn sweep(self: &Arc<Self>) {
        let services = self.clone();
        let tidy = async move {
            if let Err(error) = services.cache.sweep(now_ms()).await {
                tracing::warn!(%error, "kept results were not swept");
            }
            match services.objects.sweep().await {
                Ok(0) => {}
                Ok(uploads) => tracing::info!(uploads, "old uploads are given up"),
                Err(error) => tracing::debug!(%error, "old uploads cannot be listed here"),
            }
        };
        self.tidying.spawn_on(tidy, &self.bulk);
    }

    /// Takes away all objects under a prefix of whole parts.
    pub fn collect(self: &Arc<Self>, prefix: String) {
        let objects = self.objects.clone();
        let tidy = async move {
            if let Err(error) = objects.store().delete_all(&format!("{prefix}/")).await {
                tracing::warn!(prefix, %error, "garbage stays");
            }
        };
        self.tidying.spawn_on(tidy, &self.bulk);
    }

    async fn finish(self: &Arc<Self>, job: Job) -> Event {
        let mut tries = 0;
        loop {
            let (services, job) = (self.clone(), job.clone());
            let workflow = job.workflow.clone();
            let done = tokio::task::spawn_blocking(move || services.attempt(&job)).await;
            let obstacle = match done {
                Ok(Ok(event)) => return event,
                Ok(Err(Obstacle::Lost { key, reason })) => {
                    tracing::warn!(%workflow, key, reason, "an intermediate object is lost");
                    return Event::IntermediateLost { key };
                }
                Ok(Err(Obstacle::Passing(reason))) => reason,
                Err(panic) => panic.to_string(),
            };
            tracing::warn!(%workflow, tries, "a duty is tried again");
            tracing::debug!(%workflow, obstacle, "this was in its way");
            tokio::time::sleep(RETRY.wait(tries, rand::random())).await;
            tries += 1;
        }
    }

    fn attempt(&self, job: &Job) -> Result<Event, Obstacle> {
        match &job.duty {
            Duty::WriteStageManifest { stage, round } => {
                let manifest = self.write_stage_manifest(*stage, job)?;
                let (stage, round) = (*stage, *round);
                if let Some(differ) = self.audit(&job.audits)? {
                    return Ok(differ);
                }
                Ok(Event::StageManifestWritten {
                    stage,
                    round,
                    manifest,
                })
            }
            Duty::LookUp { stage, .. } => Ok(self.look_up(*stage, job)),
            Duty::PlanPublication => self.plan_publication(job),
            Duty::Publish => self.publish(job),
            Duty::Validate | Duty::EndAttempt { .. } => Ok(Event::TimePassed),
        }
    }

    /// Returns where the bytes of an object are to be had.
    fn source(&self, key: &str) -> Result<Source, Obstacle> {
        let parsed: Key =
            key.parse()
                .map_err(|error: object_store::InvalidKey| Obstacle::Lost {
                    key: key.to_owned(),
                    reason: error.to_string(),
                })?;
        Ok(match &self.objects {
            Objects::Folder(local) => Source::Object(local.root().join(parsed.as_str())),
            Objects::S3(store) => Source::Stored(Stored {
                store: store.clone(),
                key: parsed,
                runtime: self.bulk.clone(),
            }),
        })
    }
}

impl Job {
    fn new(duty: Duty, state: &WorkflowState) -> Self {
        let (results, stage_manifest) = match &duty {
            Duty::WriteStageManifest { stage, round } => {
                let results = stage_results(state, *stage).into_iter();
                let key = stage_manifest_key(state, *stage, *round);
                (results.map(|(_, object)| object.clone()).collect(), key)
            }
            _ => (Vec::new(), String::new()),
        };
        let audits = match &duty {
            Duty::WriteStageManifest { stage, .. } => pairs(state, *stage),
            _ => Vec::new(),
        };
        let (lookups, question) = match &duty {
            Duty::LookUp { stage, .. } => {
                let tasks = lookups(state, *stage);
                (tasks.clone(), Question::of(state, *stage, tasks))
            }
            _ => (0..0, None),
        };
        let publication = state.publication.as_ref();
        Self {
            lookups,
            question,
            audits,
            duty,
            workflow: state.workflow.clone(),
            spec: state.spec.clone(),
            results,
            stage_manifest,
            gathered: state.stage(Stage::Gather).manifest.clone(),
            targets: publication.map_or_else(Vec::new, |known| known.targets.clone()),
        }
    }
}

impl From<Obstacle> for Failure {
    fn from(obstacle: Obstacle) -> Self {
        match obstacle {
            Obstacle::Lost { key, reason } => {
                Self::new(FailureClass::IntermediateLost, format!("{key}: {reason}"))
            }
            Obstacle::Passing(reason) => Self::new(FailureClass::StorageTransient, reason),
        }
    }
}
