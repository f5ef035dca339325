//! The page of a controller's metrics.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use common::metrics::{Endpoint, Exposed};
use common::task::Resources;
use common::telemetry::EXPORTED;
use tokio::sync::watch;

use super::{CLUSTER_CORES, CLUSTER_MEMORY, EPOCH, LEADER, WORKERS};
use crate::actors::root::Standing;
use crate::actors::scheduler::{Availability, Seat};
use crate::actors::{Handles, now_ms};
use crate::error::Error;

/// Serves the page until what this returns is dropped.
///
/// # Errors
/// [`Error::Metrics`] if the port cannot be opened.
pub async fn serve(
    address: SocketAddr,
    standing: Standing,
    handles: watch::Receiver<Option<Handles>>,
) -> Result<Page, Error> {
    super::prepare();
    object_store::metrics::register();
    std::sync::LazyLock::force(&EXPORTED);
    let endpoint = Endpoint::open(address).await?;
    let shown = Arc::new(Shown { standing, handles });
    tracing::info!(address = %endpoint.address(), "metrics are served");
    Ok(Page(tokio::spawn(endpoint.serve(shown))))
}

/// The page; it closes when this is dropped.
#[derive(Debug)]
pub struct Page(tokio::task::JoinHandle<()>);

impl Drop for Page {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Shown {
    standing: Standing,
    handles: watch::Receiver<Option<Handles>>,
}

impl Exposed for Shown {
    fn look(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let handles = self.handles.borrow().clone();
        Box::pin(async move {
            LEADER.set(i64::from(handles.is_some()));
            EPOCH.set(
                handles
                    .as_ref()
                    .map_or(0, |handles| signed(handles.epoch.0)),
            );
            let seats = match handles {
                Some(handles) => handles.scheduler.observe().await.unwrap_or_default(),
                None => Vec::new(),
            };
            show(&seats);
        })
    }

    /// A follower answers from what it has folded; one that stands alone has to lead.
    fn is_ready(&self) -> bool {
        self.standing.replica.is_some() || self.handles.borrow().is_some()
    }
}

fn show(seats: &[Seat]) {
    let at_ms = now_ms();
    let (cordoned, others): (Vec<_>, Vec<_>) = seats
        .iter()
        .partition(|seat| seat.cordoned_until_ms > at_ms);
    let count = |name, found: usize| {
        let gauge = WORKERS.with_label_values(&[name]);
        gauge.set(signed(found as u64));
    };
    count("cordoned", cordoned.len());
    for (state, name) in AVAILABILITIES {
        let found = others.iter().filter(|seat| seat.availability == state);
        count(name, found.count());
    }
    let total = sum(seats.iter().map(|seat| seat.info.resources));
    let used = sum(seats.iter().map(|seat| seat.used));
    for (kind, of) in [("total", total), ("used", used)] {
        CLUSTER_CORES
            .with_label_values(&[kind])
            .set(i64::from(of.cores));
        let memory = CLUSTER_MEMORY.with_label_values(&[kind]);
        memory.set(signed(of.memory_bytes));
    }
}

/// What a worker may be, in a word.
const AVAILABILITIES: [(Availability, &str); 3] = [
    (Availability::Ready, "ready"),
    (Availability::Suspect, "suspect"),
    (Availability::Draining, "draining"),
];

fn sum(all: impl Iterator<Item = Resources>) -> Resources {
    all.fold(Resources::default(), |sum, one| Resources {
        cores: sum.cores.saturating_add(one.cores),
        memory_bytes: sum.memory_bytes.saturating_add(one.memory_bytes),
    })
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
