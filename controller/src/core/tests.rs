//! Laws of the core, over made-up worlds.

mod audits;
mod cached;
mod laws;
mod logins;
mod policy;
mod stragglers;
pub(crate) mod world;
