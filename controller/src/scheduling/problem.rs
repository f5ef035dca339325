//! What the placement is computed from.
