//! The controller over gRPC, with workers that do what the tests say.

mod access;
mod garbage;
mod genome;
mod probes;
mod snapshots;
mod support;
mod workers;
