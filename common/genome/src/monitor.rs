//! What a running computation and its owner tell each other: progress one way, cancellation the
//! other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Shared counters of one task; pure crates add to them and poll [`Monitor::is_cancelled`].
#[derive(Debug, Default)]
pub struct Monitor {
    cancelled: AtomicBool,
    reads: AtomicU64,
    bases: AtomicU64,
}

impl Monitor {
    /// Asks the computation to stop soon.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Says whether the computation should stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Counts finished work.
    pub fn add(&self, reads: u64, bases: u64) {
        self.reads.fetch_add(reads, Ordering::Relaxed);
        self.bases.fetch_add(bases, Ordering::Relaxed);
    }

    /// Returns the reads done so far.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Returns the bases done so far.
    pub fn bases(&self) -> u64 {
        self.bases.load(Ordering::Relaxed)
    }
}
