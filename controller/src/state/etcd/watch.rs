//! What changes in the state, without a gap: a listing first, then each change in order.
//!
//! A broken stream is resumed after the last change that was seen. When etcd has forgotten what came
//! next, everything is listed again.

use std::time::Duration;

use etcd_client::{Error, EventType, WatchOptions, WatchResponse, WatchStream};
use tokio::sync::mpsc;

use super::connection::{Connection, failed, once};
use crate::state::{Record, StoreError, keys};

/// Pause before a stream is opened again.
const PAUSE: Duration = Duration::from_millis(100);

/// Records that are listed at once.
const PAGE: usize = 512;

/// What followers are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// All records there are: the first news, and the first after a gap.
    All {
        /// In order of key.
        records: Vec<Record>,
        /// Of the cluster.
        revision: i64,
    },
    /// What changed since the news before.
    Changes {
        /// In order.
        changes: Vec<Change>,
        /// Of the last of them.
        revision: i64,
    },
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A key has this value now.
    Put(Vec<u8>, Vec<u8>),
    /// A key is gone.
    Deleted(Vec<u8>),
}

/// Follows all keys with a first word until nobody listens.
pub async fn follow(connection: Connection, prefix: Vec<u8>, news: mpsc::Sender<News>) {
    while !news.is_closed() {
        let (records, revision) = match list(&connection, &prefix).await {
            Ok(listed) => listed,
            Err(error) => {
                tracing::warn!(%error, "the state cannot be listed");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        if news.send(News::All { records, revision }).await.is_err() {
            return;
        }
        let mut follower = Follower {
            connection: &connection,
            prefix: &prefix,
            news: &news,
            next: revision + 1,
        };
        while follower.resume().await == Ended::Broken {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Lists all records as they are at one revision.
async fn list(connection: &Connection, prefix: &[u8]) -> Result<(Vec<Record>, i64), StoreError> {
    let end = keys::after(prefix);
    let mut start = prefix.to_vec();
    let (mut all, mut revision) = (Vec::new(), None);
    loop {
        let range = start.clone()..end.clone();
        let page = connection.range(range, PAGE, revision).await?;
        revision = Some(page.revision);
        if let Some((last, _)) = page.records.last() {
            start = [last.as_slice(), &[0]].concat();
        }
        all.extend(page.records);
        if !page.more {
            return Ok((all, page.revision));
        }
    }
}

/// Why a stream is not read any more.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    /// It may be resumed.
    Broken,
    /// What comes next is forgotten.
    Compacted,
    /// Nobody listens.
    Unheard,
}

struct Follower<'a> {
    connection: &'a Connection,
    prefix: &'a [u8],
    news: &'a mpsc::Sender<News>,
    /// The first revision that was not seen.
    next: i64,
}

impl Follower<'_> {
    async fn resume(&mut self) -> Ended {
        let mut stream = match self.open().await {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(%error, "the state cannot be watched");
                return Ended::Broken;
            }
        };
        loop {
            let heard = tokio::select! {
                heard = stream.message() => heard,
                () = self.news.closed() => return Ended::Unheard,
            };
            let ended = match heard {
                Ok(Some(response)) => self.hear(&response).await,
                Ok(None) => Some(Ended::Broken),
                Err(error) => {
                    tracing::debug!(%error, "the watch of the state broke");
                    Some(Ended::Broken)
                }
            };
            if let Some(ended) = ended {
                return ended;
            }
        }
    }

    async fn open(&self) -> Result<WatchStream, StoreError> {
        let key = self.connection.full(self.prefix);
        let end = self.connection.full(&keys::after(self.prefix));
        let options = WatchOptions::new()
            .with_range(end)
            .with_start_revision(self.next)
            .with_progress_notify();
        let mut client = self
            .connection
            .client()
            .watch_client()
            .max_decoding_message_size(super::connection::ANSWER_BYTES);
        let opened = once(client.watch(key, Some(options))).await;
        opened.map_err(failed::<Error>("opening a watch"))
    }

    async fn hear(&mut self, response: &WatchResponse) -> Option<Ended> {
        if response.compact_revision() > 0 {
            tracing::info!(next = self.next, "the state is listed again");
            return Some(Ended::Compacted);
        }
        if response.canceled() {
            return Some(Ended::Broken);
        }
        let events = response.events().iter().filter_map(|event| {
            let kv = event.kv()?;
            Some((kv.mod_revision(), event.event_type(), kv))
        });
        let mut changes = Vec::new();
        let mut last = self.next - 1;
        for (revision, kind, kv) in events {
            last = last.max(revision);
            let Some(key) = self.connection.short(kv.key()) else {
                continue;
            };
            changes.push(match kind {
                EventType::Put => Change::Put(key.to_vec(), kv.value().to_vec()),
                EventType::Delete => Change::Deleted(key.to_vec()),
            });
        }
        self.next = last + 1;
        if changes.is_empty() {
            return None;
        }
        let revision = last;
        let sent = self.news.send(News::Changes { changes, revision }).await;
        sent.is_err().then_some(Ended::Unheard)
    }
}
