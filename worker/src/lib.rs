//! Runs stages: attaches to a controller, fetches inputs, computes with the pure crates, commits
//! outputs.
#![forbid(unsafe_code)]

mod cache;
mod error;
pub mod formats;
mod inputs;
mod objects;
pub mod stage;

pub use error::Error;
