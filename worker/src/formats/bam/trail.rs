//! How a file's blocks were deflated, from its reader to the writer of one that differs little.
//!
//! Blocks of the output then end where those of the input do, and the search for matches is spared.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use reads::deflate::Tokens;

use super::blocks::BLOCK_BYTES;

/// Longer blocks might not fit into 64 KiB when their data cannot be deflated.
const MAX_STEP_BYTES: usize = 65_498;

/// The blocks that were read and not yet written; clones are the same trail.
#[derive(Debug, Clone, Default)]
pub struct Trail(Arc<Mutex<VecDeque<Step>>>);

/// The data of one block.
#[derive(Debug)]
pub(super) struct Step {
    /// How many bytes it has.
    pub(super) bytes: usize,
    /// How they were deflated.
    pub(super) tokens: Option<Tokens>,
}

impl Trail {
    /// Appends a block.
    pub(super) fn push(&self, bytes: usize, tokens: Option<Tokens>) {
        let mut steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes <= MAX_STEP_BYTES {
            steps.extend((bytes > 0).then_some(Step { bytes, tokens }));
            return;
        }
        let parts = (0..bytes).step_by(BLOCK_BYTES);
        steps.extend(parts.map(|start| Step {
            bytes: BLOCK_BYTES.min(bytes - start),
            tokens: None,
        }));
    }

    /// Takes the next block.
    pub(super) fn pop(&self) -> Option<Step> {
        let mut steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        steps.pop_front()
    }

    /// Says whether nobody else follows.
    pub(super) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}
