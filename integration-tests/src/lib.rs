//! Real processes on free ports of loopback, real reads, faults; used by `tests/`.
#![forbid(unsafe_code)]

pub mod cluster;
pub mod compare;
pub mod fixtures;
pub mod process;
