//! Runs stages: attaches to a controller, fetches inputs, computes with the pure crates, commits
//! outputs.
#![forbid(unsafe_code)]

pub mod formats;
