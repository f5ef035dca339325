//! How a file's blocks were deflated, from its reader to what notes it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use reads::deflate::Tokens;

/// Blocks that were read and not yet noted; clones are the same trail.
#[derive(Debug, Clone, Default)]
pub struct Trail(Arc<Mutex<Steps>>);

#[derive(Debug, Default)]
struct Steps {
    waiting: VecDeque<Step>,
    /// How many blocks, those without data among them, the file has before the trail.
    blocks_before: u64,
    is_given_up: bool,
    /// Memory of tokens that nobody needs any more.
    spare: Vec<Tokens>,
}

/// The data of a block, or what is left of some.
#[derive(Debug)]
pub(super) struct Step {
    /// How many bytes of data it has.
    pub(super) bytes: usize,
    /// By what the block is known again.
    pub(super) print: Print,
    /// What is kept of it.
    pub(super) kept: Kept,
}

/// By what a block is known again: its CRC-32, and the length of the stream in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Print {
    pub(super) checksum: u32,
    pub(super) packed_bytes: u32,
}

/// What is kept of a block.
#[derive(Debug)]
pub(super) enum Kept {
    /// Data whose block is among those before the trail.
    Data(Vec<u8>),
    /// Its tokens.
    Tokens(Tokens),
    /// Nothing: its tokens are not known.
    Nothing,
}

impl Trail {
    /// Starts with data that was read already, out of so many blocks.
    pub(super) fn start(blocks_before: u64, data: &[u8]) -> Self {
        let trail = Self::default();
        trail.with(|steps| steps.blocks_before = blocks_before);
        for data in data.chunks(super::blocks::BLOCK_BYTES) {
            trail.push(Step {
                bytes: data.len(),
                print: Print::default(),
                kept: Kept::Data(data.to_vec()),
            });
        }
        trail
    }

    /// Appends a block; one without data is passed over.
    pub(super) fn push(&self, step: Step) {
        self.with(|steps| {
            let is_wanted = step.bytes > 0 && !steps.is_given_up;
            steps.waiting.extend(is_wanted.then_some(step));
        });
    }

    /// Takes the next block.
    pub(super) fn pop(&self) -> Option<Step> {
        self.with(|steps| steps.waiting.pop_front())
    }

    /// Returns memory for tokens.
    pub(super) fn spare(&self) -> Tokens {
        self.with(|steps| steps.spare.pop()).unwrap_or_default()
    }

    /// Takes tokens that nobody needs any more.
    pub(super) fn forget(&self, kept: Kept) {
        if let Kept::Tokens(tokens) = kept {
            self.with(|steps| steps.spare.push(tokens));
        }
    }

    /// Returns how many blocks the file has before the trail.
    pub(super) fn blocks_before(&self) -> u64 {
        self.with(|steps| steps.blocks_before)
    }

    /// Says that it is not worth to go along this trail.
    pub(super) fn give_up(&self) {
        self.with(|steps| {
            steps.is_given_up = true;
            steps.waiting.clear();
        });
    }

    /// Says whether it was given up.
    pub(super) fn is_given_up(&self) -> bool {
        self.with(|steps| steps.is_given_up)
    }

    /// Says whether nobody else follows.
    pub(super) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    fn with<T>(&self, act: impl FnOnce(&mut Steps) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
