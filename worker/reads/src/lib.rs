//! Reads after alignment: runs, duplicate marking, merging, base recalibration, metrics, sorting.
//! Pure: bytes and records in, bytes and records out.
//!
//! Main path: [`batch::read`] → the aligner → [`run::write`] → [`duplicates::mark`] → [`merge::merge_records`], whose sink feeds
//! [`covariates`] and [`metrics`] → [`recalibration`].
#![forbid(unsafe_code)]

pub mod batch;
pub mod container;
pub mod covariates;
pub mod deflate;
pub mod duplicates;
mod lz4;
pub mod merge;
pub mod metrics;
pub mod qc;
pub mod recalibration;
pub mod run;
mod scratch;
pub mod sort;

pub use container::Error;

#[cfg(test)]
mod testing;
