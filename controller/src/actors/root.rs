//! The root of all actors: starts store and leadership, and a control plane while this controller
//! leads. A control plane that fails is started again, a few times; a store that fails, or a
//! leadership that is lost, is the end.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::ids::Epoch;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use tokio::sync::{mpsc, watch};

use super::{Handles, NoAnswer, control_plane, leadership, store};
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
    pub lock: Arc<StateLock>,
    /// Where snapshots are.
    pub objects: PathBuf,
    /// What a control plane starts with, once this controller leads.
    pub control_plane: control_plane::Arguments,
    /// Gets the actors of the present control plane.
    pub handles: watch::Sender<Option<Handles>>,
    /// Gets the error that is the end.
    pub failed: mpsc::UnboundedSender<Error>,
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
}

struct Root;

struct State {
    store: store::Handle,
    arguments: control_plane::Arguments,
    handles: watch::Sender<Option<Handles>>,
    failed: mpsc::UnboundedSender<Error>,
    epoch: Option<Epoch>,
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
            control_plane,
            handles,
            failed,
        } = arguments;
        let cell = myself.get_cell();
        let store = store::Handle::start(store, lock.clone(), objects, cell.clone()).await?;
        let told = Box::new(move |epoch| {
            let _ = myself.cast(Message::Leads(epoch));
        });
        let campaign = leadership::Arguments {
            lock,
            store: store.clone(),
            told,
        };
        leadership::start(campaign, cell).await?;
        Ok(State {
            store,
            arguments: control_plane,
            handles,
            failed,
            epoch: None,
            restarts: VecDeque::new(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let Message::Leads(epoch) = message;
        state.epoch = epoch;
        match epoch {
            Some(_) => state.start_control_plane(&myself).await,
            None => state.end(&myself, Error::Deposed),
        }
        Ok(())
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
        match error.map(|error| error.downcast::<StoreError>()) {
            Some(Ok(store)) => state.end(&myself, Error::Store(*store)),
            Some(Err(error)) if error.is::<store::Fenced>() => state.end(&myself, Error::Fenced),
            _ if state.too_often() => state.end(&myself, Error::ControlPlane),
            _ => {
                tracing::error!("the control plane is started again");
                state.start_control_plane(&myself).await;
            }
        }
        Ok(())
    }
}

impl State {
    async fn start_control_plane(&mut self, myself: &ActorRef<Message>) {
        let _ = self.handles.send(None);
        let Some(epoch) = self.epoch else { return };
        let (arguments, store) = (self.arguments.clone(), self.store.clone());
        match control_plane::start(arguments, (store, epoch), myself.get_cell()).await {
            Ok(started) => {
                let _ = self.handles.send(Some(started));
            }
            // The store says by itself why it ended.
            Err(SpawnErr::StartupFailed(error)) if error.is::<NoAnswer>() => {}
            Err(error) => self.end(myself, Error::Start(error)),
        }
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
