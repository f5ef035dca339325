//! Laws of the core, over made-up worlds.

mod laws;
mod policy;
pub(crate) mod world;
