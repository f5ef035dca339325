//! Base recalibration's counting, as GATK 4.6 `BaseRecalibrator`: which bases of which records
//! count, under which covariates.
//!
//! Main path: [`Counter::count`] filters a record, clips it (`clip`), skips known sites, compares
//! with the reference and adds to [`Counts`]. Counts are integers: partitions add up in any order.

mod clip;
mod context;
mod counter;
mod counts;
mod filter;
mod known_sites;
mod read_groups;

pub use clip::Clipped;
pub use context::{CONTEXTS, NO_CONTEXT, context, context_letters};
pub use counter::{CountOptions, Counter, Error, Scope};
pub use counts::{Counts, Row, Tally};
pub use filter::is_well_formed;
pub use known_sites::KnownSites;
pub use read_groups::ReadGroupKeys;

pub(crate) use counter::{check, original_qualities};
pub(crate) use counts::{Slots, slot};

/// Longer reads are refused, unless the user allows more: GATK's `--maximum-cycle-value`.
pub const MAX_CYCLE: usize = 500;

/// Bases of lower quality neither count nor change: GATK's `--preserve-qscores-less-than`.
pub const MIN_QUALITY: u8 = 6;

/// Runs of such qualities at a read's ends give no context: GATK's `--low-quality-tail`.
pub const LOW_QUALITY_TAIL: u8 = 2;

/// Qualities run from 0 to here.
pub const MAX_QUALITY: u8 = 93;
