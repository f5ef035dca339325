//! The placement.
