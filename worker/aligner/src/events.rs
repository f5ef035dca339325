//! How often the steps happened that most reads do without: tests ask, so that they know what
//! they have tested.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of rare steps; see [`crate::align_counting`].
#[derive(Debug, Default)]
pub struct Events {
    /// Alignments found near a mate.
    rescued: AtomicU64,
    /// Alignments joined over a gap.
    joined: AtomicU64,
    /// Seeds found within longer ones.
    reseeded: AtomicU64,
}

impl Events {
    /// Returns the number of alignments that were found near a mate.
    pub fn rescued(&self) -> u64 {
        self.rescued.load(Ordering::Relaxed)
    }

    /// Returns the number of alignments that were joined over a gap.
    pub fn joined(&self) -> u64 {
        self.joined.load(Ordering::Relaxed)
    }

    /// Returns the number of seeds that were found within longer ones.
    pub fn reseeded(&self) -> u64 {
        self.reseeded.load(Ordering::Relaxed)
    }

    pub(crate) fn count_rescued(&self) {
        self.rescued.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_joined(&self) {
        self.joined.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_reseeded(&self, seeds: u64) {
        self.reseeded.fetch_add(seeds, Ordering::Relaxed);
    }
}
