//! The root of all actors: starts store and leadership, in a cluster a replica, and a control plane
//! while this controller leads. A control plane that fails is started again, a few times.
//!
//! On one machine a store that fails, or a leadership that is lost, is the end. In a cluster another
//! controller leads then, and this one goes on as its follower.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::ids::Epoch;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use tokio::sync::{mpsc, oneshot, watch};

use super::control_plane::{self, Reign};
use super::store::{OnFailure, Open};
use super::{Handles, NoAnswer, leadership, replica, store};
use crate::error::Error;
use crate::leader::Election;
use crate::metrics::LEADERSHIPS;
use crate::objects::Fetcher;
use crate::state::etcd::Connection;
use crate::state::{StateStore, StoreError};

/// How often a control plane is started again, and in which time.
const RESTARTS: usize = 5;
const RESTARTS_WITHIN: Duration = Duration::from_secs(30);

/// What the root starts with.
pub struct Arguments {
    /// The open store.
    pub store: Box<dyn StateStore>,
    /// How this controller may come to lead.
    pub election: Election,
    /// What a replica folds, in a cluster.
    pub cluster: Option<Connection>,
    /// Where others reach this controller.
    pub address: String,
    /// Where snapshots are.
    pub objects: Fetcher,
    /// What a control plane starts with, once this controller leads.
    pub control_plane: control_plane::Arguments,
    /// Gets what is there whoever leads.
    pub standing: oneshot::Sender<Standing>,
    /// Gets the actors of the present control plane.
    pub handles: watch::Sender<Option<Handles>>,
    /// Gets the error that is the end.
    pub failed: mpsc::UnboundedSender<Error>,
}

/// What is there whoever leads.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The only writer.
    pub store: store::Handle,
    /// The state as it follows from what all write, in a cluster.
    pub replica: Option<replica::Handle>,
    /// Knows who leads, in a cluster.
    pub cluster: Option<Connection>,
    /// Where others reach this controller.
    pub address: String,
}

/// Starts the root and all below it. While this controller leads and every workflow is going on
/// again, the handles are there.
///
/// # Errors
/// [`SpawnErr`] with the reason.
pub async fn start(arguments: Arguments) -> Result<ActorCell, SpawnErr> {
    let (actor, _) = Actor::spawn(None, Root, arguments).await?;
    Ok(actor.get_cell())
}

/// What the root may be told.
enum Message {
    /// This controller leads in an epoch, or no longer.
    Leads(Option<Epoch>),
    /// It is in doubt what became of a leader's facts.
    InDoubt,
}

struct Root;

struct State {
    standing: Standing,
    leadership: leadership::Handle,
    arguments: control_plane::Arguments,
    handles: watch::Sender<Option<Handles>>,
    failed: mpsc::UnboundedSender<Error>,
    epoch: Option<Epoch>,
    control_plane: Option<ActorCell>,
    restarts: VecDeque<Instant>,
}

impl Actor for Root {
    type Msg = Message;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        arguments: Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let Arguments {
            store,
            election,
            cluster,
            address,
            objects,
            control_plane,
            standing: announce,
            handles,
            failed,
        } = arguments;
        let cell = myself.get_cell();
        let open = open(store, &election, &myself);
        let store = store::Handle::start(open, objects.clone(), cell.clone()).await?;
        let replica = match cluster.clone() {
            Some(connection) => {
                let follows = replica::Arguments {
                    connection,
                    objects,
                };
                Some(replica::Handle::start(follows, cell.clone()).await?)
            }
            None => None,
        };
        let told = Box::new(move |epoch| {
            let _ = myself.cast(Message::Leads(epoch));
        });
        let campaign = leadership::Arguments {
            election,
            store: store.clone(),
            told,
        };
        let leadership = leadership::Handle::start(campaign, cell).await?;
        let standing = Standing {
            store,
            replica,
            cluster,
            address,
        };
        let _ = announce.send(standing.clone());
        Ok(State {
            standing,
            leadership,
            arguments: control_plane,
            handles,
            failed,
            epoch: None,
            control_plane: None,
            restarts: VecDeque::new(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Leads(Some(epoch)) => {
                state.epoch = Some(epoch);
                LEADERSHIPS.inc();
                state.start_control_plane(&myself).await;
            }
            Message::Leads(None) if state.standing.replica.is_none() => {
                state.end(&myself, Error::Deposed);
            }
            Message::Leads(None) => state.step_down(),
            Message::InDoubt => {
                state.step_down();
                state.leadership.resign();
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Message>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let (who, error) = match event {
            SupervisionEvent::ActorFailed(who, error) => (who, Some(error)),
            SupervisionEvent::ActorTerminated(who, ..) => (who, None),
            _ => return Ok(()),
        };
        let is_control_plane = state.is_control_plane(&who);
        match error.map(|error| error.downcast::<StoreError>()) {
            Some(Ok(store)) => state.end(&myself, Error::Store(*store)),
            Some(Err(error)) if error.is::<store::Fenced>() => state.end(&myself, Error::Fenced),
            // One that was stopped on purpose.
            None if !is_control_plane => {}
            _ if state.too_often() => state.end(&myself, Error::ControlPlane),
            _ => {
                tracing::error!("the control plane is started again");
                state.start_control_plane(&myself).await;
            }
        }
        Ok(())
    }
}

/// Says what becomes of the store when it fails.
fn open(store: Box<dyn StateStore>, election: &Election, root: &ActorRef<Message>) -> Open {
    let root = root.clone();
    let (lock, on_failure) = match election {
        Election::Lock(lock) => (Some(Arc::clone(lock)), OnFailure::End),
        Election::Etcd(_) => {
            let tell = move || {
                let _ = root.cast(Message::InDoubt);
            };
            (None, OnFailure::Tell(Box::new(tell)))
        }
    };
    Open {
        store,
        lock,
        on_failure,
    }
}

impl State {
    async fn start_control_plane(&mut self, myself: &ActorRef<Message>) {
        let _ = self.handles.send(None);
        self.control_plane = None;
        let Some(epoch) = self.epoch else { return };
        let Standing { store, replica, .. } = self.standing.clone();
        let reign = Reign {
            epoch,
            store,
            replica,
        };
        match control_plane::start(self.arguments.clone(), reign, myself.get_cell()).await {
            Ok((actor, handles)) => {
                self.control_plane = Some(actor);
                let _ = self.handles.send(Some(handles));
            }
            // The store says by itself why it ended.
            Err(SpawnErr::StartupFailed(error)) if error.is::<NoAnswer>() => {}
            Err(error) => self.end(myself, Error::Start(error)),
        }
    }

    /// Ends the control plane; all that it was told and did not make durable is told again to the
    /// next leader.
    fn step_down(&mut self) {
        let led = self.epoch.take().is_some();
        let _ = self.handles.send(None);
        if let Some(actor) = self.control_plane.take() {
            actor.stop_children(None);
            actor.stop(None);
        }
        if let (true, Some(replica)) = (led, &self.standing.replica) {
            replica.follow();
        }
    }

    fn is_control_plane(&self, who: &ActorCell) -> bool {
        let present = self.control_plane.as_ref();
        present.is_some_and(|present| present.get_id() == who.get_id())
    }

    fn end(&self, myself: &ActorRef<Message>, error: Error) {
        let _ = self.handles.send(None);
        let _ = self.failed.send(error);
        myself.stop_children(None);
        myself.stop(None);
    }

    fn too_often(&mut self) -> bool {
        let now = Instant::now();
        self.restarts.push_back(now);
        self.restarts
            .retain(|at| now.duration_since(*at) < RESTARTS_WITHIN);
        self.restarts.len() > RESTARTS
    }
}
