//! The controller over gRPC, with workers that do what the tests say.

mod access;
mod garbage;
mod genome;
mod identity;
mod probes;
mod security;
mod snapshots;
mod support;
mod tls;
mod workers;
