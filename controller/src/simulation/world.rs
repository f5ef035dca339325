//! What all hosts of a simulation share and no crash takes away: chance, objects, published files, and
//! what was promised.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::ids::{Sha256, WorkflowId};
use common::task::{AttemptId, ObjectRef};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::memory::Memory;
use crate::core::event::Now;
use crate::state::journal;

/// Milliseconds since 1970 at which simulations begin.
const BEGIN_MS: u64 = 1_700_000_000_000;

/// One simulation's world.
pub(super) struct World {
    pub(super) chance: StdRng,
    pub(super) store: Memory,
    /// The lease of the leader: of which epoch, until when.
    pub(super) leader: Option<(u64, Duration)>,
    pub(super) objects: BTreeMap<String, Vec<u8>>,
    /// Files by workflow and name.
    pub(super) published: BTreeMap<(String, String), String>,
    /// Results that were acknowledged.
    pub(super) acknowledged: BTreeSet<(AttemptId, Option<Sha256>)>,
    /// Submissions that were acknowledged.
    pub(super) submitted: BTreeSet<String>,
    /// The highest epoch of which an attempt was journaled.
    pub(super) highest: u64,
    /// Whether anything goes wrong now.
    pub(super) faults: bool,
    /// Hosts that are to crash where they stand.
    pub(super) crashing: Vec<String>,
    pub(super) violations: BTreeSet<String>,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Begins a new world.
pub(super) fn begin(seed: u64) {
    WORLD.set(Some(World {
        chance: StdRng::seed_from_u64(seed),
        store: Memory::default(),
        leader: None,
        objects: BTreeMap::new(),
        published: BTreeMap::new(),
        acknowledged: BTreeSet::new(),
        submitted: BTreeSet::new(),
        highest: 0,
        faults: true,
        crashing: Vec::new(),
        violations: BTreeSet::new(),
    }));
}

/// Looks at the world, or changes it.
pub(super) fn with<T>(what: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(|world| what(world.as_mut().expect("a simulation runs")))
}

/// Notes that a promise was broken.
pub(super) fn violated(what: String) {
    with(|world| world.violations.insert(what));
}

/// Says yes with this probability.
pub(super) fn chance(probability: f64) -> bool {
    with(|world| world.chance.random_bool(probability))
}

/// Draws a time.
pub(super) fn millis(range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(with(|world| world.chance.random_range(range)))
}

/// Returns the time since the beginning.
pub(super) fn elapsed() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}

/// Draws the moment of a decision.
pub(super) fn now() -> Now {
    Now {
        at_ms: BEGIN_MS + elapsed().as_millis() as u64,
        jitter: with(|world| world.chance.random_range(0.0..1.0)),
    }
}

/// May crash the host that comes here.
pub(super) async fn may_crash(host: &str, probability: f64) {
    let crashes = with(|world| world.faults && world.chance.random_bool(probability));
    if crashes {
        with(|world| world.crashing.push(host.to_owned()));
        std::future::pending::<()>().await;
    }
}

/// Writes an object: what is in it depends on the task alone.
pub(super) fn write(key: &str, content: &str) -> ObjectRef {
    let bytes = content.as_bytes().to_vec();
    let object = ObjectRef {
        key: key.to_owned(),
        size_bytes: bytes.len() as u64,
        sha256: Sha256::of(&bytes),
    };
    with(|world| world.objects.insert(key.to_owned(), bytes));
    object
}

/// Looks at an object that counts: it must be there.
pub(super) fn read(object: &ObjectRef) -> Vec<u8> {
    let bytes = with(|world| world.objects.get(&object.key).cloned());
    match &bytes {
        // Whoever has not yet heard that a workflow is over may look for what it left.
        None if is_over(&object.key) => {}
        None => violated(format!("{} counts and is gone", object.key)),
        Some(bytes) if Sha256::of(bytes) != object.sha256 => {
            violated(format!("{} is not what it was", object.key));
        }
        Some(_) => {}
    }
    bytes.unwrap_or_default()
}

fn is_over(key: &str) -> bool {
    let workflow = key.split('/').nth(1).map(WorkflowId::new);
    let no_snapshot = |_: &ObjectRef| unreachable!("there are no snapshots");
    let state = with(|world| journal::load(&world.store, &workflow?, no_snapshot).ok()?);
    state.is_some_and(|state| state.is_ended())
}

/// Takes away all objects under a prefix of whole parts.
pub(super) fn collect(prefix: &str) {
    let prefix = format!("{prefix}/");
    with(|world| world.objects.retain(|key, _| !key.starts_with(&prefix)));
}
