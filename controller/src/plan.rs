//! From what is asked for to stages and tasks.

pub mod dag;
pub mod resources;
