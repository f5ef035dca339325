//! The index of all workflows: who is where.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::ids::{BatchId, TenantId, WorkerId, WorkflowId};
use common::task::AttemptId;
use ractor::ActorRef;

use super::{Filter, Found, Message, Opened, Page, Place};
use crate::actors::Peers;
use crate::actors::worker::ToWorker;
use crate::actors::workflow::{self, Said, Snapshot};
use crate::core::view::Status;

/// The index, and the way to the others.
pub(super) struct State {
    pub(super) peers: Peers,
    pub(super) index: BTreeMap<WorkflowId, Entry>,
    pub(super) unfinished: usize,
}

/// What a list of workflows needs of one.
pub(super) struct Entry {
    batch: BatchId,
    tenant: TenantId,
    sample: String,
    pub(super) status: Status,
    pub(super) place: Found,
}

impl State {
    pub(super) async fn open(
        &mut self,
        opened: Opened,
        myself: &ActorRef<Message>,
    ) -> Result<(), ractor::SpawnErr> {
        let Opened {
            workflow,
            batch,
            tenant,
            sample,
            status,
            bases,
            place,
        } = opened;
        if self.index.contains_key(&workflow) {
            return Ok(());
        }
        let handles = self.peers.get();
        let place = match place {
            Place::Over => {
                handles.collector.workflow(workflow.clone(), None);
                if let Some(bases) = bases {
                    let scheduler = &handles.scheduler;
                    scheduler.spent(tenant.clone(), workflow.clone(), bases);
                }
                Found::Stored
            }
            Place::OnItsWay(state) => {
                self.unfinished += 1;
                if state.plan.is_some() {
                    let queue = &handles.queue;
                    queue.reserve(workflow.clone(), state.spec.clone());
                }
                let (peers, supervisor) = (self.peers.clone(), myself.get_cell());
                Found::Live(workflow::Handle::start(*state, peers, supervisor).await?)
            }
        };
        let entry = Entry {
            batch,
            tenant,
            sample,
            status,
            place,
        };
        self.index.insert(workflow, entry);
        Ok(())
    }

    pub(super) fn live(&self, workflow: &WorkflowId) -> Option<&workflow::Handle> {
        match &self.index.get(workflow)?.place {
            Found::Live(live) => Some(live),
            Found::Ended(_) | Found::Stored => None,
        }
    }

    pub(super) fn all_live(&self) -> impl Iterator<Item = &workflow::Handle> {
        self.index.values().filter_map(|entry| match &entry.place {
            Found::Live(live) => Some(live),
            Found::Ended(_) | Found::Stored => None,
        })
    }

    /// Hands each workflow its part. What is said about a workflow that is over is refused.
    pub(super) fn said(&self, worker: WorkerId, said: Vec<(WorkflowId, Said)>) {
        let mut parts: BTreeMap<WorkflowId, Vec<Said>> = BTreeMap::new();
        for (workflow, what) in said {
            parts.entry(workflow).or_default().push(what);
        }
        let mut refusals = Vec::new();
        for (workflow, part) in parts {
            match self.live(&workflow) {
                Some(live) => live.said(worker.clone(), part),
                None => refusals.extend(part.iter().filter_map(Said::refusal)),
            }
        }
        if !refusals.is_empty() {
            self.peers.get().workers.send(vec![(worker, refusals)]);
        }
    }

    /// Tells every workflow which of its attempts the worker holds; ends those of the others.
    pub(super) fn attached(&self, worker: WorkerId, holding: Vec<AttemptId>) {
        let mut parts: BTreeMap<WorkflowId, Vec<AttemptId>> = BTreeMap::new();
        for attempt in holding {
            let workflow = attempt.task.workflow.clone();
            parts.entry(workflow).or_default().push(attempt);
        }
        for (id, entry) in &self.index {
            if let Found::Live(live) = &entry.place {
                live.attached(worker.clone(), parts.remove(id).unwrap_or_default());
            }
        }
        let cancels: Vec<_> = parts
            .into_values()
            .flatten()
            .map(ToWorker::Cancel)
            .collect();
        if !cancels.is_empty() {
            self.peers.get().workers.send(vec![(worker, cancels)]);
        }
    }

    /// Stops a workflow; the wish goes once that is durable.
    pub(super) fn cancel(&self, workflow: WorkflowId) {
        let live = self.live(&workflow).cloned();
        let store = self.peers.get().store.clone();
        tokio::spawn(async move {
            let done = match live {
                Some(live) => live.cancel().await.map(drop),
                None => Ok(()),
            };
            // A wish that stays is fulfilled again, which does no harm.
            if done.is_ok() && store.forget_cancel(&workflow).await.is_err() {
                tracing::warn!(%workflow, "the wish to stop it stays");
            }
        });
    }

    pub(super) fn ended(&mut self, workflow: &WorkflowId, last: Arc<Snapshot>) {
        if let Some(entry) = self.index.get_mut(workflow) {
            self.unfinished -= 1;
            entry.status = last.view.status;
            entry.place = Found::Ended(last);
        }
    }

    pub(super) fn list(&self, filter: &Filter) -> Page {
        let mut page = Page::default();
        let older = match &filter.before {
            Some(before) => self.index.range(..before.clone()),
            None => self.index.range(..),
        };
        for (id, entry) in older.rev() {
            if !entry.fits(filter) {
                continue;
            }
            if page.found.len() == filter.limit {
                page.more = true;
                break;
            }
            page.found.push((id.clone(), entry.place.clone()));
        }
        page
    }
}

impl Entry {
    fn fits(&self, filter: &Filter) -> bool {
        (filter.states.is_empty() || filter.states.contains(&self.status))
            && filter
                .sample
                .as_ref()
                .is_none_or(|sample| *sample == self.sample)
            && filter
                .batch
                .as_ref()
                .is_none_or(|batch| *batch == self.batch)
            && filter
                .tenant
                .as_ref()
                .is_none_or(|tenant| *tenant == self.tenant)
    }
}
