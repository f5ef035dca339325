//! What the controller itself does for a workflow: validate, write stage manifests, publish, and
//! take away what is no longer needed. Each may be done twice without harm.
//!
//! Runs on a runtime of its own, so that no bulk copy delays a lease.

mod manifests;
mod publish;
mod snapshots;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use common::backoff::Backoff;
use common::failure::{Failure, FailureClass};
use common::ids::WorkflowId;
use common::task::{ObjectRef, Stage};
use common::workflow::{Work, WorkflowSpec};
use object_store::{Key, Local, ObjectStore};
use tokio::runtime;

use crate::admission::Admission;
use crate::core::assignment::stage_manifest_key;
use crate::core::duty::{Duty, stage_results};
use crate::core::event::Event;
use crate::core::state::{OutputFile, WorkflowState};
use crate::plan::dag::Findings;
use crate::roots::Roots;

/// Between tries of a duty that met a passing fault.
const RETRY: Backoff = Backoff {
    first: Duration::from_secs(1),
    cap: Duration::from_secs(30),
};

/// What duties need.
#[derive(Debug)]
pub struct Services {
    /// The files of this machine that submissions may name.
    pub roots: Arc<Roots>,
    /// The objects.
    pub objects: Local,
    /// Where duties and bulk copies run.
    pub bulk: runtime::Handle,
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
    /// The stage manifest of `gather`.
    gathered: Option<ObjectRef>,
    targets: Vec<OutputFile>,
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
    /// Makes the services over these files; what blocks runs on `bulk`.
    pub fn new(roots: Arc<Roots>, objects: Local, bulk: runtime::Handle) -> Self {
        let admission = Admission::new(roots.clone());
        Self {
            roots,
            objects,
            bulk,
            admission,
        }
    }

    /// Validates what is asked for. Blocks.
    ///
    /// # Errors
    /// A [`Failure`] that names file, record and reason.
    pub fn validate(&self, work: &Work) -> Result<Findings, Failure> {
        match work {
            Work::Genome(genome) => self.admission.validate(genome),
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

    /// Takes away all objects under a prefix of whole parts.
    pub fn collect(self: &Arc<Self>, prefix: String) {
        let services = self.clone();
        self.bulk.spawn(async move {
            if let Err(error) = services.delete_all(&format!("{prefix}/")).await {
                tracing::warn!(prefix, %error, "garbage stays");
            }
        });
    }

    async fn delete_all(&self, prefix: &str) -> Result<(), object_store::Error> {
        for object in self.objects.list(prefix).await? {
            self.objects.delete(&object.key).await?;
        }
        Ok(())
    }

    /// Returns the folder of the outputs of a workflow: the client's, or the server's own.
    pub fn output_folder(
        &self,
        workflow: &WorkflowId,
        spec: &WorkflowSpec,
    ) -> Result<PathBuf, crate::roots::RootError> {
        match &spec.work {
            Work::Genome(genome) if genome.output_prefix.is_some() => {
                let prefix = genome.output_prefix.as_ref();
                self.roots.folder(prefix.expect("it is some"))
            }
            _ => Ok(self.objects.root().join("outputs").join(workflow.as_str())),
        }
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
            tracing::warn!(%workflow, obstacle, tries, "a duty is tried again");
            tokio::time::sleep(RETRY.wait(tries, rand::random())).await;
            tries += 1;
        }
    }

    fn attempt(&self, job: &Job) -> Result<Event, Obstacle> {
        match &job.duty {
            Duty::WriteStageManifest { stage, round } => {
                let manifest = self.write_stage_manifest(*stage, job)?;
                let (stage, round) = (*stage, *round);
                Ok(Event::StageManifestWritten {
                    stage,
                    round,
                    manifest,
                })
            }
            Duty::PlanPublication => self.plan_publication(job),
            Duty::Publish => self.publish(job),
            Duty::Validate | Duty::EndAttempt { .. } => Ok(Event::TimePassed),
        }
    }

    fn path(&self, key: &str) -> Result<PathBuf, Obstacle> {
        let lost = |reason: &dyn std::fmt::Display| Obstacle::Lost {
            key: key.to_owned(),
            reason: reason.to_string(),
        };
        let parsed: Key = key.parse().map_err(|error| lost(&error))?;
        let path = self.objects.path(&parsed);
        path.ok_or_else(|| lost(&"the object has no path"))
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
        let publication = state.publication.as_ref();
        Self {
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
