//! Whether this controller leads: takes an epoch when it may, and says when that is over.
//!
//! On one machine the lock of the state folder is the election. A lock file that was taken away or
//! replaced no longer keeps another controller out: then this one stops leading.

use std::sync::Arc;
use std::time::Duration;

use common::ids::Epoch;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::store;
use crate::leader::StateLock;

/// How often the lock is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What leadership may be told.
enum Message {
    /// Take part in the election.
    Campaign,
    /// Look whether this controller still leads.
    Look,
}

/// Told the epoch of each leadership won, and `None` when it is over.
pub type Told = Box<dyn Fn(Option<Epoch>) + Send + Sync>;

/// What leadership starts with.
pub struct Arguments {
    /// Who holds it may lead.
    pub lock: Arc<StateLock>,
    /// Numbers the leaderships.
    pub store: store::Handle,
    /// Told of each change.
    pub told: Told,
}

/// Starts the actor; it takes part in the election from now on.
pub async fn start(
    arguments: Arguments,
    supervisor: ractor::ActorCell,
) -> Result<(), ractor::SpawnErr> {
    Actor::spawn_linked(None, Leadership, arguments, supervisor).await?;
    Ok(())
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
        match message {
            Message::Campaign => {
                // A store that failed ends the controller by itself.
                if let Ok(epoch) = state.store.next_epoch().await {
                    tracing::info!(epoch = epoch.0, "this controller leads");
                    (state.told)(Some(epoch));
                    myself.send_after(LOOK_EVERY, || Message::Look);
                }
            }
            Message::Look if state.lock.is_held() => {
                myself.send_after(LOOK_EVERY, || Message::Look);
            }
            Message::Look => {
                tracing::error!("the lock of the state is gone: this controller leads no longer");
                (state.told)(None);
            }
        }
        Ok(())
    }
}
