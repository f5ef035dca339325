//! Real processes on free ports of loopback, real reads, faults; used by `tests/`.
#![forbid(unsafe_code)]

pub mod cluster;
pub mod compare;
#[path = "../../controller/tests/etcd/server.rs"]
pub mod etcd;
pub mod fixtures;
pub mod hosts;
pub mod process;
pub mod random_sam;
pub mod replicas;
