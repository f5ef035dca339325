//! The controller over gRPC, with workers that do what the tests say.

mod access;
mod genome;
mod probes;
mod support;
mod workers;
