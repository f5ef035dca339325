//! Laws of the core, over made-up worlds.

mod audits;
mod laws;
mod policy;
mod stragglers;
pub(crate) mod world;
