//! What a tenant is entitled to, what it holds of it, and how priority grows with waiting.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

use common::ids::TenantId;
use common::task::Resources;
use common::workflow::Priority;
use serde::Deserialize;

/// The largest weight; shares are compared without rounding, and this keeps the products small.
pub const MOST_WEIGHT: u32 = 1000;

/// After each such time a genome's priority is better by one, if nothing else is said: the last
/// ones are among the first within a day.
pub const AGEING: Duration = Duration::from_secs(4 * 60 * 60);

/// Bases of a gigabase.
const GIGABASE: u64 = 1_000_000_000;

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// What a tenant is entitled to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entitlement {
    /// Its part of the cluster beside those of others: 1 to [`MOST_WEIGHT`].
    pub weight: u32,
    /// What it may have at most.
    pub quota: Quota,
}

impl Default for Entitlement {
    fn default() -> Self {
        Self {
            weight: 1,
            quota: Quota::default(),
        }
    }
}

/// What a tenant may have at most; `None`: no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Genomes that have begun and are not over.
    pub running_genomes: Option<u32>,
    /// Cores that its attempts hold at the same time.
    pub cores: Option<u32>,
    /// Gigabases of reads taken in on one day (UTC). A genome that has begun goes on.
    pub gigabases_per_day: Option<u64>,
}

/// The terms on which tenants share a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// What each is entitled to; those that are not in it have one share and no quota.
    pub tenants: BTreeMap<TenantId, Entitlement>,
    /// After each such time since it was accepted a genome's priority is better by one.
    pub ageing: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            tenants: BTreeMap::new(),
            ageing: AGEING,
        }
    }
}

/// A tenant as placement sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tenant {
    /// What it is entitled to.
    pub entitlement: Entitlement,
    /// What its attempts hold.
    pub held: Resources,
    /// Its genomes that have begun and are not over.
    pub running: u32,
    /// Bases of the reads that it took in today.
    pub bases_today: u64,
}

/// The quota that keeps a task from being placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// So many genomes may run at the same time.
    Genomes(u32),
    /// So many cores may be held.
    Cores(u32),
    /// So many gigabases may be taken in on a day.
    Gigabases(u64),
}

impl Tenant {
    /// Says which quota keeps a task from being placed, if one does.
    pub fn denies(&self, has_begun: bool, need: Resources) -> Option<Denial> {
        let Quota {
            running_genomes,
            cores,
            gigabases_per_day,
        } = self.entitlement.quota;
        let genomes = running_genomes.filter(|most| !has_begun && self.running >= *most);
        let full = |most: &u64| self.bases_today >= most.saturating_mul(GIGABASE);
        let gigabases = gigabases_per_day.filter(|most| !has_begun && full(most));
        let wanted = self.held.cores.saturating_add(need.cores);
        let cores = cores.filter(|most| wanted > *most);
        genomes
            .map(Denial::Genomes)
            .or(gigabases.map(Denial::Gigabases))
            .or(cores.map(Denial::Cores))
    }

    /// Compares what two tenants hold of `total`, each by the resource of which it holds most, in
    /// relation to their weights.
    pub fn compare(&self, other: &Self, total: Resources) -> Ordering {
        let mine = self.dominant(total) * u128::from(other.entitlement.weight);
        let theirs = other.dominant(total) * u128::from(self.entitlement.weight);
        mine.cmp(&theirs)
    }

    /// The larger of its parts of cores and memory, in units that depend on `total` alone.
    fn dominant(&self, total: Resources) -> u128 {
        let all_cores = u128::from(total.cores.max(1));
        let all_memory = u128::from(total.memory_bytes.max(1));
        let cores = u128::from(self.held.cores) * all_memory;
        let memory = u128::from(self.held.memory_bytes) * all_cores;
        cores.max(memory)
    }
}

/// Returns the priority of a genome that was accepted a while ago: one better for each `step`, so
/// that nothing waits for ever behind what came later.
pub fn aged(priority: Priority, waited: Duration, step: Duration) -> Priority {
    let steps = waited.as_millis() / step.as_millis().max(1);
    let better = u8::try_from(steps).unwrap_or(u8::MAX);
    Priority(priority.0.saturating_sub(better).max(1))
}

/// Returns the number of the day since 1970 (UTC).
pub fn day_of(at_ms: u64) -> u32 {
    u32::try_from(at_ms / DAY_MS).unwrap_or(u32::MAX)
}

/// Returns when the next day begins.
pub fn next_day_ms(at_ms: u64) -> u64 {
    (at_ms / DAY_MS + 1) * DAY_MS
}
