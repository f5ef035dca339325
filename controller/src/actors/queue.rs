//! Admission: validates what was accepted, by priority and with tenants in turn, and keeps the names of
//! outputs apart. Nothing is lost with it: each workflow asks again when it starts.

mod line;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use common::failure::{Failure, FailureClass};
use common::ids::{TenantId, WorkflowId};
use common::workflow::{Work, WorkflowSpec};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use line::Line;

use super::{Peers, workflow};
use crate::core::duty::Duty;
use crate::core::event::Event;
use crate::plan::dag::{Findings, Plan, plan};

/// What the queue may be told.
enum Message {
    /// A workflow is to be validated.
    Validate {
        workflow: WorkflowId,
        tenant: TenantId,
        spec: Arc<WorkflowSpec>,
        whom: workflow::Handle,
    },
    /// A workflow that was validated before this controller started still holds its names.
    Reserve {
        workflow: WorkflowId,
        spec: Arc<WorkflowSpec>,
    },
    /// A validation ended.
    Validated {
        workflow: WorkflowId,
        result: Result<Findings, Failure>,
    },
    /// A workflow is over: its names are free again.
    Ended(WorkflowId),
}

/// The way to the queue.
#[derive(Debug, Clone)]
pub struct Handle(ActorRef<Message>);

impl Handle {
    /// Starts the actor; at most `limit` validations run at the same time, and of a million tasks
    /// `audited_ppm` run twice.
    pub async fn start(
        (limit, audited_ppm): (usize, u32),
        peers: Peers,
        supervisor: ractor::ActorCell,
    ) -> Result<Self, ractor::SpawnErr> {
        let arguments = (limit, audited_ppm, peers);
        let (actor, _) = Actor::spawn_linked(None, Queue, arguments, supervisor).await?;
        Ok(Self(actor))
    }

    /// Asks for the validation of a tenant's workflow, which is told the result.
    pub fn validate(
        &self,
        (workflow, tenant): (WorkflowId, TenantId),
        spec: Arc<WorkflowSpec>,
        whom: workflow::Handle,
    ) {
        let _ = self.0.cast(Message::Validate {
            workflow,
            tenant,
            spec,
            whom,
        });
    }

    /// Keeps the names of a workflow that was validated before.
    pub fn reserve(&self, workflow: WorkflowId, spec: Arc<WorkflowSpec>) {
        let _ = self.0.cast(Message::Reserve { workflow, spec });
    }

    /// Frees the names of a workflow that is over.
    pub fn ended(&self, workflow: WorkflowId) {
        let _ = self.0.cast(Message::Ended(workflow));
    }
}

struct Queue;

struct State {
    limit: usize,
    audited_ppm: u32,
    peers: Peers,
    waiting: Line<(Arc<WorkflowSpec>, workflow::Handle)>,
    running: BTreeMap<WorkflowId, (Arc<WorkflowSpec>, workflow::Handle)>,
    /// Who will write the outputs of a sample into a folder.
    reserved: BTreeMap<OutputName, WorkflowId>,
    /// Cancelled while they were validated.
    ended: BTreeSet<WorkflowId>,
}

/// Folder and sample.
type OutputName = (PathBuf, String);

impl Actor for Queue {
    type Msg = Message;
    type State = State;
    type Arguments = (usize, u32, Peers);

    async fn pre_start(
        &self,
        _: ActorRef<Message>,
        (limit, audited_ppm, peers): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State {
            limit,
            audited_ppm,
            peers,
            waiting: Line::default(),
            running: BTreeMap::new(),
            reserved: BTreeMap::new(),
            ended: BTreeSet::new(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Validate {
                workflow,
                tenant,
                spec,
                whom,
            } => {
                let place = (spec.priority, tenant);
                state.waiting.push(place, workflow, (spec, whom));
            }
            Message::Reserve { workflow, spec } => {
                if let Some(name) = state.output_name(&spec) {
                    state.reserved.insert(name, workflow);
                }
            }
            Message::Validated { workflow, result } => state.validated(&workflow, result),
            Message::Ended(workflow) => state.forget(&workflow),
        }
        state.start_some(&myself);
        Ok(())
    }
}

impl State {
    fn start_some(&mut self, myself: &ActorRef<Message>) {
        while self.running.len() < self.limit {
            let Some((workflow, (spec, whom))) = self.waiting.pop() else {
                return;
            };
            self.running.insert(workflow.clone(), (spec.clone(), whom));
            let services = self.peers.get().services.clone();
            let myself = myself.clone();
            let id = workflow.clone();
            let validation = tokio::task::spawn_blocking(move || services.validate(&spec.work));
            tokio::spawn(async move {
                let panicked =
                    |_| Failure::new(FailureClass::Internal, "the validation broke down");
                let result = validation.await.map_err(panicked).and_then(|result| result);
                let _ = myself.cast(Message::Validated {
                    workflow: id,
                    result,
                });
            });
        }
    }

    fn validated(&mut self, workflow: &WorkflowId, result: Result<Findings, Failure>) {
        let Some((spec, whom)) = self.running.remove(workflow) else {
            return;
        };
        if self.ended.remove(workflow) {
            return;
        }
        let event = match result.and_then(|found| self.reserve(workflow, &spec).map(|()| found)) {
            Ok(findings) => Event::Validated(Plan {
                audited_ppm: self.audited_ppm,
                ..plan(&spec.work, findings)
            }),
            Err(failure) => Event::Rejected(failure),
        };
        whom.duty_done(Duty::Validate, Some(event));
    }

    fn reserve(&mut self, workflow: &WorkflowId, spec: &WorkflowSpec) -> Result<(), Failure> {
        let Some(name) = self.output_name(spec) else {
            return Ok(());
        };
        match self.reserved.get(&name) {
            Some(other) if other != workflow => {
                let message = format!(
                    "workflow {other} is about to write the outputs of sample {} there",
                    name.1
                );
                let folder = name.0.to_string_lossy();
                Err(Failure::input(folder, message))
            }
            _ => {
                self.reserved.insert(name, workflow.clone());
                Ok(())
            }
        }
    }

    fn output_name(&self, spec: &WorkflowSpec) -> Option<OutputName> {
        let Work::Genome(genome) = &spec.work else {
            return None;
        };
        let prefix = genome.output_prefix.as_ref()?;
        let folder = self.peers.get().services.inputs.output_name(prefix)?;
        Some((folder, genome.sample.clone()))
    }

    fn forget(&mut self, workflow: &WorkflowId) {
        self.waiting.remove(workflow);
        self.reserved.retain(|_, holder| holder != workflow);
        if self.running.contains_key(workflow) {
            self.ended.insert(workflow.clone());
        }
    }
}
