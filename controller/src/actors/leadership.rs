//! Whether this controller leads: takes an epoch when it may, and says when that is over.
//!
//! On one machine the lock of the state folder is the election. A lock file that was taken away or
//! replaced no longer keeps another controller out: then this one stops leading. In a cluster it may
//! win and lose again and again.

use std::time::Duration;

use common::ids::Epoch;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::store;
use crate::leader::Election;

/// How often the lock is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What leadership may be told.
enum Message {
    /// Take part in the election.
    Campaign,
    /// Look whether this controller still leads.
    Look,
    /// An election was won or lost.
    Leads(Option<Epoch>),
    /// This controller cannot go on leading.
    Resign,
}

/// Told the epoch of each leadership won, and `None` when it is over.
pub type Told = Box<dyn Fn(Option<Epoch>) + Send + Sync>;

/// What leadership starts with.
pub struct Arguments {
    /// How this controller may come to lead.
    pub election: Election,
    /// Numbers the leaderships that a lock decides.
    pub store: store::Handle,
    /// Told of each change.
    pub told: Told,
}

/// The way to the leadership.
#[derive(Debug, Clone)]
pub struct Handle(ActorRef<Message>);

impl Handle {
    /// Starts the actor; it takes part in the election from now on.
    pub async fn start(
        arguments: Arguments,
        supervisor: ractor::ActorCell,
    ) -> Result<Self, ractor::SpawnErr> {
        let (actor, _) = Actor::spawn_linked(None, Leadership, arguments, supervisor).await?;
        Ok(Self(actor))
    }

    /// Gives the present leadership up.
    pub fn resign(&self) {
        let _ = self.0.cast(Message::Resign);
    }
}

struct Leadership;

impl Actor for Leadership {
    type Msg = Message;
    type State = Arguments;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        arguments: Arguments,
    ) -> Result<Arguments, ActorProcessingErr> {
        myself.cast(Message::Campaign)?;
        Ok(arguments)
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut Arguments,
    ) -> Result<(), ActorProcessingErr> {
        match (message, &state.election) {
            (Message::Campaign, Election::Lock(_)) => {
                // A store that failed ends the controller by itself.
                if let Ok(epoch) = state.store.next_epoch().await {
                    tracing::info!(epoch = epoch.0, "this controller leads");
                    (state.told)(Some(epoch));
                    myself.send_after(LOOK_EVERY, || Message::Look);
                }
            }
            (Message::Campaign, Election::Etcd(candidacy)) => {
                let mut epochs = candidacy.epochs();
                tokio::spawn(async move {
                    loop {
                        let leads = *epochs.borrow_and_update();
                        let told = myself.cast(Message::Leads(leads));
                        if told.is_err() || epochs.changed().await.is_err() {
                            return;
                        }
                    }
                });
            }
            (Message::Leads(epoch), _) => {
                match epoch {
                    Some(epoch) => tracing::info!(epoch = epoch.0, "this controller leads"),
                    None => tracing::info!("this controller follows"),
                }
                (state.told)(epoch);
            }
            (Message::Look, Election::Lock(lock)) if lock.is_held() => {
                myself.send_after(LOOK_EVERY, || Message::Look);
            }
            (Message::Look, _) => {
                tracing::error!("the lock of the state is gone: this controller leads no longer");
                (state.told)(None);
            }
            (Message::Resign, Election::Etcd(candidacy)) => candidacy.resign(),
            (Message::Resign, Election::Lock(_)) => (state.told)(None),
        }
        Ok(())
    }
}
