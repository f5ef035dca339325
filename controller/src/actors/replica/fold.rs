//! The state of a replica: a fold while it follows, a way to the control plane while it leads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::ids::{Epoch, WorkflowId};
use common::task::ObjectRef;
use ractor::ActorRef;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use super::{Arguments, Message};
use crate::actors::workflow::{Moment, Snapshot};
use crate::actors::workflows::{self, Filter, Opened};
use crate::core::state::WorkflowState;
use crate::core::view::{self, Status};
use crate::objects::Fetcher;
use crate::state::StoreError;
use crate::state::etcd::Connection;
use crate::state::etcd::watch::{Change, News, follow};
use crate::state::fold::{Fold, Folded};
use crate::state::journal::accepted_state;
use crate::state::keys::{self, Meaning};
use crate::state::records::Accepted;

/// News that may wait.
const NEWS_WAITING: usize = 8;

/// Pause before the state is listed again after it could not be folded.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) struct State {
    myself: ActorRef<Message>,
    connection: Connection,
    objects: Fetcher,
    folded: watch::Sender<i64>,
    role: Role,
    /// Number of the listing whose news count.
    listing: u64,
    /// Up to which the state is folded.
    revision: i64,
    watchers: BTreeMap<WorkflowId, watch::Sender<Moment>>,
    /// Who waits to be handed the workflows.
    heir: Option<Heir>,
}

enum Role {
    /// The state has been asked for.
    Blank,
    Following(Fold),
    Leading(workflows::Handle),
}

struct Heir {
    epoch: Epoch,
    workflows: workflows::Handle,
    reply: oneshot::Sender<()>,
}

impl State {
    pub(super) fn new(
        myself: ActorRef<Message>,
        arguments: Arguments,
        folded: watch::Sender<i64>,
    ) -> Self {
        let Arguments {
            connection,
            objects,
        } = arguments;
        let mut state = Self {
            myself,
            connection,
            objects,
            folded,
            role: Role::Blank,
            listing: 0,
            revision: 0,
            watchers: BTreeMap::new(),
            heir: None,
        };
        state.follow();
        state
    }

    /// Lists the state, and folds it from there.
    pub(super) fn follow(&mut self) {
        self.role = Role::Blank;
        self.revision = 0;
        self.listing += 1;
        let (listing, actor) = (self.listing, self.myself.clone());
        let (sender, mut news) = mpsc::channel(1);
        let runtime = self.connection.runtime();
        runtime.spawn(follow(self.connection.clone(), Vec::new(), sender));
        runtime.spawn(async move {
            let room = Arc::new(Semaphore::new(NEWS_WAITING));
            while let Some(news) = news.recv().await {
                let Ok(permit) = room.clone().acquire_owned().await else {
                    return;
                };
                let message = Message::News {
                    news,
                    listing,
                    permit,
                };
                if actor.cast(message).is_err() {
                    return;
                }
            }
        });
    }

    /// This controller leads no longer.
    pub(super) fn step_down(&mut self) {
        self.heir = None;
        self.follow();
    }

    /// Lists the state again, unless that has been done since.
    pub(super) fn refresh(&mut self, listing: u64) {
        if listing == self.listing && !matches!(self.role, Role::Leading(_)) {
            self.follow();
        }
    }

    pub(super) fn hear(&mut self, news: News, listing: u64) {
        if listing != self.listing {
            return;
        }
        if let Err(error) = self.fold(news) {
            tracing::warn!(%error, "the state cannot be folded");
            if matches!(self.role, Role::Leading(_)) {
                return;
            }
            self.role = Role::Blank;
            let actor = self.myself.clone();
            actor.send_after(PAUSE, move || Message::Refresh { listing });
            return;
        }
        self.folded.send_replace(self.revision);
        self.hand_over();
    }

    fn fold(&mut self, news: News) -> Result<(), StoreError> {
        match news {
            News::All { records, revision } => {
                self.revision = revision;
                if let Role::Leading(workflows) = &self.role {
                    let puts = records.iter().map(|(key, value)| (&key[..], &value[..]));
                    return puts.into_iter().try_for_each(|put| pass_on(workflows, put));
                }
                let fetch = |object: &ObjectRef| fetch(&self.objects, object);
                let fold = Fold::of(&records, &fetch)?;
                for (workflow, folded) in &fold.workflows {
                    match folded.open() {
                        Some(state) => tell(&mut self.watchers, workflow, state),
                        // Who watches it looks again, and sees that it is over.
                        None => drop(self.watchers.remove(workflow)),
                    }
                }
                self.role = Role::Following(fold);
            }
            News::Changes { changes, revision } => {
                for change in &changes {
                    self.change(change)?;
                }
                self.revision = revision;
            }
        }
        Ok(())
    }

    fn change(&mut self, change: &Change) -> Result<(), StoreError> {
        match (&mut self.role, change) {
            (Role::Following(fold), Change::Put(key, value)) => {
                if let Some(workflow) = fold.put(key, value)?
                    && let Some(state) = fold.workflows.get(&workflow).and_then(Folded::open)
                {
                    tell(&mut self.watchers, &workflow, state);
                }
            }
            (Role::Following(fold), Change::Deleted(key)) => fold.deleted(key),
            (Role::Leading(workflows), Change::Put(key, value)) => {
                pass_on(workflows, (key, value))?;
            }
            (Role::Leading(_), Change::Deleted(_)) | (Role::Blank, _) => {}
        }
        Ok(())
    }

    pub(super) fn accepted(&mut self, accepted: Vec<Accepted>) {
        match &mut self.role {
            Role::Following(fold) => {
                for one in accepted {
                    fold.accept(one);
                }
            }
            Role::Leading(workflows) => {
                let states = accepted.into_iter().map(accepted_state);
                workflows.open(states.map(Opened::of).collect());
            }
            Role::Blank => {}
        }
    }

    pub(super) fn lead(
        &mut self,
        epoch: Epoch,
        workflows: workflows::Handle,
        reply: oneshot::Sender<()>,
    ) {
        self.heir = Some(Heir {
            epoch,
            workflows,
            reply,
        });
        if matches!(self.role, Role::Leading(_)) {
            self.follow();
        }
        self.hand_over();
    }

    /// Hands the workflows over once all that was written before the epoch is folded: the leader's
    /// key was made at the revision that is the epoch.
    fn hand_over(&mut self) {
        let caught_up = |heir: &Heir| self.revision >= heir.epoch.0.cast_signed();
        if !self.heir.as_ref().is_some_and(caught_up) {
            return;
        }
        let fold = match &mut self.role {
            Role::Following(fold) => std::mem::take(fold),
            Role::Blank | Role::Leading(_) => return,
        };
        let Some(heir) = self.heir.take() else { return };
        let Heir {
            workflows, reply, ..
        } = heir;
        let Fold {
            workflows: states,
            cancels,
            ..
        } = fold;
        let opened = states.into_values().map(|folded| match folded {
            Folded::Open(state) => Opened::of(*state),
            Folded::Archived(left) => Opened::over(&left.accepted, left.status),
        });
        workflows.open(opened.collect());
        for workflow in cancels {
            workflows.cancel(workflow);
        }
        self.role = Role::Leading(workflows);
        // Watchers go to the control plane.
        self.watchers.clear();
        let _ = reply.send(());
    }

    /// `None`: there is no fold.
    pub(super) fn view(&self, workflow: &WorkflowId) -> Option<Option<Arc<Snapshot>>> {
        let fold = self.present()?;
        let state = match fold.workflows.get(workflow) {
            None => return Some(None),
            Some(Folded::Open(state)) => state,
            Some(Folded::Archived(archived)) => {
                let loaded = archived.load(&|object| fetch(&self.objects, object));
                let state = loaded.inspect_err(|error| tracing::warn!(%workflow, %error, "lost"));
                return Some(Some(Arc::new(Snapshot::of(&state.ok()?))));
            }
        };
        let mut snapshot = Snapshot::of(state);
        if fold.cancels.contains(workflow) && !state.is_ended() {
            snapshot.view.status = Status::Cancelling;
        }
        Some(Some(Arc::new(snapshot)))
    }

    pub(super) fn list(&self, filter: &Filter) -> Option<(Vec<WorkflowId>, bool)> {
        let workflows = &self.present()?.workflows;
        let older = match &filter.before {
            Some(before) => workflows.range(..before.clone()),
            None => workflows.range::<WorkflowId, _>(..),
        };
        let fitting = older.rev().filter(|(_, folded)| fits(filter, folded));
        let mut ids: Vec<_> = fitting
            .take(filter.limit + 1)
            .map(|(id, _)| id.clone())
            .collect();
        let more = ids.len() > filter.limit;
        ids.truncate(filter.limit);
        Some((ids, more))
    }

    pub(super) fn watch(&mut self, workflow: WorkflowId) -> Option<watch::Receiver<Moment>> {
        let state = self.present()?.workflows.get(&workflow)?.open()?;
        let now = moment(state);
        let sender = self.watchers.entry(workflow);
        Some(sender.or_insert_with(|| watch::channel(now).0).subscribe())
    }

    pub(super) fn unfinished(&self) -> Option<usize> {
        let workflows = self.present()?.workflows.values();
        Some(workflows.filter(|folded| !folded.is_over()).count())
    }

    fn present(&self) -> Option<&Fold> {
        match &self.role {
            Role::Following(fold) => Some(fold),
            Role::Blank | Role::Leading(_) => None,
        }
    }
}

/// Tells a leader of what another controller wrote. Its own writes it knows.
fn pass_on(workflows: &workflows::Handle, (key, value): (&[u8], &[u8])) -> Result<(), StoreError> {
    match keys::meaning(key) {
        Meaning::Spec(_) => {
            let accepted = Accepted::decode(key, value)?;
            workflows.open(vec![Opened::of(accepted_state(accepted))]);
        }
        Meaning::Cancel(workflow) => workflows.cancel(workflow),
        Meaning::Submitted => workflows.submitted(),
        Meaning::Snapshot(_) | Meaning::Journal(_) | Meaning::End(_) | Meaning::Other => {}
    }
    Ok(())
}

fn tell(
    watchers: &mut BTreeMap<WorkflowId, watch::Sender<Moment>>,
    workflow: &WorkflowId,
    state: &WorkflowState,
) {
    let Some(watcher) = watchers.get(workflow) else {
        return;
    };
    watcher.send_replace(moment(state));
    if state.is_ended() || watcher.is_closed() {
        watchers.remove(workflow);
    }
}

fn moment(state: &WorkflowState) -> Moment {
    Moment {
        revision: state.revision,
        work: 0,
    }
}

fn fits(filter: &Filter, folded: &Folded) -> bool {
    let (spec, (of, owner), status) = match folded {
        Folded::Open(state) => {
            let owner = (&state.batch, &state.tenant);
            (&*state.spec, owner, view::status(state))
        }
        Folded::Archived(left) => {
            let owner = (&left.accepted.batch, &left.accepted.tenant);
            (&left.accepted.spec, owner, left.status)
        }
    };
    let Filter {
        before: _,
        limit: _,
        states,
        sample: wanted,
        batch,
        tenant,
    } = filter;
    (states.is_empty() || states.contains(&status))
        && wanted
            .as_ref()
            .is_none_or(|wanted| wanted == workflows::sample(spec))
        && batch.as_ref().is_none_or(|batch| batch == of)
        && tenant.as_ref().is_none_or(|tenant| tenant == owner)
}

fn fetch(objects: &Fetcher, object: &ObjectRef) -> Result<Vec<u8>, StoreError> {
    let bytes = objects.read(&object.key);
    bytes.map_err(|source| StoreError::Failed {
        doing: "reading a snapshot",
        source: Box::new(source),
    })
}
