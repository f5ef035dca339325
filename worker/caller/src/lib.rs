//! See the workspace description.
