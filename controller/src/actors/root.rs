//! The root of all actors: starts the store and the control plane. A control plane that fails is
//! started again, a few times; a store that fails is the end.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::ids::Epoch;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::{mpsc, watch};

use super::{Handles, control_plane, store};
use crate::error::Error;
use crate::leader::StateLock;
use crate::state::{StateStore, StoreError};

/// How often a control plane is started again, and in which time.
const RESTARTS: usize = 5;
const RESTARTS_WITHIN: Duration = Duration::from_secs(30);

/// What the root starts with.
pub struct Arguments {
    /// The open store.
    pub store: Box<dyn StateStore>,
    /// Who holds it may write to the store.
    pub lock: StateLock,
    /// Where snapshots are.
    pub objects: PathBuf,
    /// Of this leadership.
    pub epoch: Epoch,
    /// What the control plane starts with, once the store is there.
    pub control_plane: control_plane::Arguments,
    /// Gets the actors of the present control plane.
    pub handles: watch::Sender<Option<Handles>>,
    /// Gets the error that is the end.
    pub failed: mpsc::UnboundedSender<Error>,
}

/// Starts the root and all below it; returns when every workflow is going on again.
///
/// # Errors
/// [`ractor::SpawnErr`] with the reason.
pub async fn start(arguments: Arguments) -> Result<ActorCell, ractor::SpawnErr> {
    let (actor, _) = Actor::spawn(None, Root, arguments).await?;
    Ok(actor.get_cell())
}

/// The root watches; it is told nothing.
enum Message {}

struct Root;

struct State {
    store: store::Handle,
    arguments: control_plane::Arguments,
    handles: watch::Sender<Option<Handles>>,
    failed: mpsc::UnboundedSender<Error>,
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
            lock,
            objects,
            epoch,
            control_plane,
            handles,
            failed,
        } = arguments;
        let store = store::Handle::start((store, lock), epoch, objects, myself.get_cell()).await?;
        let mut state = State {
            store,
            arguments: control_plane,
            handles,
            failed,
            restarts: VecDeque::new(),
        };
        state.start_control_plane(&myself).await?;
        Ok(state)
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Message>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let error = match event {
            SupervisionEvent::ActorFailed(_, error) => Some(error),
            SupervisionEvent::ActorTerminated(..) => None,
            _ => return Ok(()),
        };
        let end = match error.map(|error| error.downcast::<StoreError>()) {
            Some(Ok(store)) => Some(Error::Store(*store)),
            Some(Err(error)) if error.is::<store::Fenced>() => Some(Error::Fenced),
            _ if state.too_often() => Some(Error::ControlPlane),
            _ => None,
        };
        if let Some(end) = end {
            let _ = state.handles.send(None);
            let _ = state.failed.send(end);
            myself.stop_children(None);
            myself.stop(None);
            return Ok(());
        }
        tracing::error!("the control plane is started again");
        state.start_control_plane(&myself).await?;
        Ok(())
    }
}

impl State {
    async fn start_control_plane(
        &mut self,
        myself: &ActorRef<Message>,
    ) -> Result<(), ActorProcessingErr> {
        let _ = self.handles.send(None);
        let (arguments, store) = (self.arguments.clone(), self.store.clone());
        let started = control_plane::start(arguments, store, myself.get_cell()).await?;
        let _ = self.handles.send(Some(started));
        Ok(())
    }

    fn too_often(&mut self) -> bool {
        let now = Instant::now();
        self.restarts.push_back(now);
        self.restarts
            .retain(|at| now.duration_since(*at) < RESTARTS_WITHIN);
        self.restarts.len() > RESTARTS
    }
}
