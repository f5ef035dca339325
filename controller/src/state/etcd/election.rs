//! Who leads: one key, made by the winner under its lease. The revision of its making is the epoch.
//!
//! A leader that cannot renew its lease stops by its own clock at two thirds of it, before etcd lets
//! another one win; and whatever it still writes is refused, for its key is gone.
//! Nobody waits for the lease of a leader whose process is gone: who notices that takes it away.

mod vigil;

use std::time::{Duration, Instant};

use common::ids::Epoch;
use etcd_client::{
    Client, Compare, CompareOp, Error, EventType, KeyValue, PutOptions, Txn, TxnOp, TxnOpResponse,
    WatchOptions,
};
use tokio::sync::watch;

use super::connection::{Connection, once, tried};
use crate::state::{StoreError, keys};

/// The key of the leader; its value is the leader's address.
pub const LEADER: &[u8] = b"leader";

/// First word of the keys of all controllers that are alive; their values are their addresses.
pub const REPLICAS: &[u8] = b"replica/";

/// Controllers that are listed at most.
const MEMBERS: usize = 1000;

/// A lease is renewed so often while it lasts.
const RENEWALS: u32 = 3;

/// A renewal may take this part of the lease before it is tried over another member.
const TRIES: u32 = 8;

/// Pause before something is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// Who stands for election.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Different for each process.
    pub id: String,
    /// Where clients, workers and other controllers reach it.
    pub address: String,
    /// The time after which it may be replaced when it is silent.
    pub lease: Duration,
}

/// A candidacy that goes on; it ends when this is dropped.
#[derive(Debug)]
pub struct Candidacy {
    epochs: watch::Receiver<Option<Epoch>>,
    resign: watch::Sender<Option<Epoch>>,
    running: tokio::task::JoinHandle<()>,
}

impl Candidacy {
    /// Stands for election, again and again.
    pub fn start(connection: Connection, candidate: Candidate) -> Self {
        let (told, epochs) = watch::channel(None);
        let (resign, resigned) = watch::channel(None);
        let runtime = connection.runtime();
        let stand = Stand {
            client: connection.client(),
            connection,
            candidate,
            told,
            resigned,
        };
        Self {
            epochs,
            resign,
            running: runtime.spawn(stand.run()),
        }
    }

    /// Returns the epoch as it comes and goes.
    pub fn epochs(&self) -> watch::Receiver<Option<Epoch>> {
        self.epochs.clone()
    }

    /// Gives the present leadership up: another one may win at once.
    pub fn resign(&self) {
        let present = *self.epochs.borrow();
        self.resign.send_replace(present);
    }
}

impl Drop for Candidacy {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// Who is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Members {
    /// Address and epoch of the leader.
    pub leader: Option<(String, Epoch)>,
    /// Addresses of all controllers that are alive.
    pub replicas: Vec<String>,
}

/// Returns who is there now.
///
/// # Errors
/// [`StoreError`] if etcd does not answer.
pub async fn members(connection: &Connection) -> Result<Members, StoreError> {
    let text = |kv: &KeyValue| String::from_utf8_lossy(kv.value()).into_owned();
    let doing = "reading who leads";
    let key = connection.full(LEADER);
    let found = tried(doing, || {
        let (mut kv, key) = (connection.kv(), key.clone());
        async move { kv.get(key, None).await }
    });
    let found = found.await?;
    let leader = found.kvs().first();
    let leader = leader.map(|kv| (text(kv), Epoch(kv.create_revision().cast_unsigned())));
    let range = REPLICAS.to_vec()..keys::after(REPLICAS);
    let page = connection.range(range, MEMBERS, None).await?;
    let replicas = page.records.into_iter().map(|(_, value)| value);
    let mut replicas: Vec<_> = replicas
        .map(|value| String::from_utf8_lossy(&value).into_owned())
        .collect();
    replicas.sort();
    Ok(Members { leader, replicas })
}

struct Stand {
    connection: Connection,
    client: Client,
    candidate: Candidate,
    told: watch::Sender<Option<Epoch>>,
    /// The last leadership that was given up.
    resigned: watch::Receiver<Option<Epoch>>,
}

impl Stand {
    async fn run(self) {
        while !self.told.is_closed() {
            let granted = Instant::now();
            match self.register().await {
                Ok(lease) => {
                    tokio::select! {
                        () = self.keep(lease, granted) => {}
                        () = self.lead_again_and_again(lease) => {}
                    }
                    if self.told.send_replace(None).is_some() {
                        tracing::warn!(
                            "the lease could not be renewed: this controller stops leading"
                        );
                    }
                    let _gone_anyway = once(self.client.clone().lease_revoke(lease)).await;
                }
                Err(error) => tracing::warn!(%error, "etcd grants no lease"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Takes a lease and shows that this controller is alive.
    async fn register(&self) -> Result<i64, Error> {
        let mut client = self.client.clone();
        let seconds = self.candidate.lease.as_millis().div_ceil(1000);
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        let lease = once(client.lease_grant(seconds, None)).await?.id();
        let key = [REPLICAS, self.candidate.id.as_bytes()].concat();
        let options = PutOptions::new().with_lease(lease);
        let (key, value) = (self.connection.full(&key), self.candidate.address.clone());
        once(client.put(key, value, Some(options))).await?;
        Ok(lease)
    }

    /// Renews the lease; returns when that did not succeed for two thirds of it.
    async fn keep(&self, lease: i64, granted: Instant) {
        let whole = self.candidate.lease;
        let mut renewed = granted;
        loop {
            let stop = renewed + whole * 2 / 3;
            let due = renewed + whole / RENEWALS;
            tokio::time::sleep(due.saturating_duration_since(Instant::now())).await;
            loop {
                let asked = Instant::now();
                let mut client = self.client.clone();
                let renewal = client.lease_keep_alive(lease);
                // Each renewal has a stream of its own, so that none can go silent unnoticed.
                match tokio::time::timeout(whole / TRIES, renewal).await {
                    Ok(Ok(_)) => {
                        renewed = asked;
                        break;
                    }
                    Ok(Err(Error::LeaseKeepAliveError(_))) => return,
                    Ok(Err(error)) => tracing::debug!(%error, "the lease is not renewed yet"),
                    Err(_) => tracing::debug!("the lease is not renewed in time"),
                }
                if Instant::now() >= stop {
                    return;
                }
                tokio::time::sleep(PAUSE / 2).await;
            }
        }
    }

    async fn lead_again_and_again(&self, lease: i64) {
        let mut stood = self.win(lease).await;
        loop {
            stood = match stood {
                Ok(Won::Now(epoch)) => {
                    self.lead(epoch).await;
                    self.win(lease).await
                }
                Ok(Won::ByAnother(leader)) => self.succeed(&leader, lease).await,
                Err(error) => {
                    tracing::debug!(%error, "the election is tried again");
                    tokio::time::sleep(PAUSE / 2).await;
                    self.win(lease).await
                }
            };
        }
    }

    /// Leads until this epoch is given up.
    async fn lead(&self, epoch: Epoch) {
        self.told.send_replace(Some(epoch));
        let mut resigned = self.resigned.clone();
        let _ = resigned.wait_for(|given_up| *given_up == Some(epoch)).await;
        self.told.send_replace(None);
        self.give_up(epoch).await;
        tokio::time::sleep(PAUSE).await;
    }

    /// Stands again when a leader is over: its key is gone, or its process.
    async fn succeed(&self, leader: &Leader, lease: i64) -> Result<Won, Error> {
        let key_is_gone = async {
            let mut revision = leader.seen;
            loop {
                self.wait(revision).await;
                match self.win(lease).await {
                    Ok(Won::ByAnother(same)) if same.epoch == leader.epoch => revision = same.seen,
                    other => return other,
                }
            }
        };
        tokio::select! {
            stood = key_is_gone => stood,
            () = vigil::gone(&leader.address) => {
                tracing::info!(epoch = leader.epoch.0, "the leader's process is gone");
                let revoked = tried("taking a lease away", || {
                    let mut client = self.client.clone();
                    async move { client.lease_revoke(leader.lease).await }
                });
                if let Err(error) = revoked.await {
                    tracing::debug!(%error, "the leader's lease ends by itself");
                }
                self.win(lease).await
            }
        }
    }

    /// Makes the leader's key if there is none.
    async fn win(&self, lease: i64) -> Result<Won, Error> {
        let key = self.connection.full(LEADER);
        let options = PutOptions::new().with_lease(lease);
        let put = TxnOp::put(
            key.as_slice(),
            self.candidate.address.as_str(),
            Some(options),
        );
        let txn = Txn::new()
            .when([Compare::create_revision(
                key.as_slice(),
                CompareOp::Equal,
                0,
            )])
            .and_then([put])
            .or_else([TxnOp::get(key, None)]);
        let answer = once(self.client.clone().txn(txn)).await?;
        let revision = answer.header().map_or(0, |header| header.revision());
        if answer.succeeded() {
            return Ok(Won::Now(Epoch(revision.cast_unsigned())));
        }
        let leader = answer
            .op_responses()
            .into_iter()
            .find_map(|response| match response {
                TxnOpResponse::Get(found) => found.kvs().first().map(Leader::from),
                _ => None,
            });
        let leader = leader.ok_or_else(|| Error::Internal("no leader and no election".into()))?;
        if leader.lease == lease {
            // It was won before; the answer got lost.
            return Ok(Won::Now(leader.epoch));
        }
        let seen = revision;
        Ok(Won::ByAnother(Leader { seen, ..leader }))
    }

    /// Waits until the leader's key is gone, or for a while.
    async fn wait(&self, revision: i64) {
        let options = WatchOptions::new().with_start_revision(revision + 1);
        let key = self.connection.full(LEADER);
        let mut client = self.client.clone();
        let gone = async {
            let mut stream = client.watch(key, Some(options)).await?;
            while let Some(response) = stream.message().await? {
                let mut events = response.events().iter();
                if response.canceled() || events.any(|e| e.event_type() == EventType::Delete) {
                    break;
                }
            }
            Ok::<_, Error>(())
        };
        if let Ok(Err(error)) = tokio::time::timeout(self.candidate.lease, gone).await {
            tracing::debug!(%error, "the leader cannot be watched");
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn give_up(&self, epoch: Epoch) {
        let key = self.connection.full(LEADER);
        let mine =
            Compare::create_revision(key.as_slice(), CompareOp::Equal, epoch.0.cast_signed());
        let delete = TxnOp::delete(key, None);
        let txn = Txn::new().when([mine]).and_then([delete]);
        if let Err(error) = once(self.client.clone().txn(txn)).await {
            tracing::debug!(%error, "the leadership ends with its lease");
        }
    }
}

enum Won {
    Now(Epoch),
    ByAnother(Leader),
}

/// Who leads instead.
struct Leader {
    epoch: Epoch,
    address: String,
    lease: i64,
    /// The revision at which its key was there.
    seen: i64,
}

impl From<&KeyValue> for Leader {
    fn from(kv: &KeyValue) -> Self {
        Self {
            epoch: Epoch(kv.create_revision().cast_unsigned()),
            address: String::from_utf8_lossy(kv.value()).into_owned(),
            lease: kv.lease(),
            seen: kv.mod_revision(),
        }
    }
}
