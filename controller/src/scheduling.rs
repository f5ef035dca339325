//! Placement of ready tasks onto workers. See `scheduling/README.md`.

pub mod problem;
pub mod solve;
