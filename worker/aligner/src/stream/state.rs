//! What the threads of a stream share: who does what next, and what waits for whom.

use super::Block;
use super::held::Held;
use crate::Error;
use crate::batch::{Found, orientations};
use crate::context::Context;
use crate::insert_size::Orientations;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Blocks a thread that may wait to be aligned, and as many rendered ones for the one before them
/// or for the sink.
const BLOCKS_PER_THREAD: u64 = 8;
/// Bases that may be read ahead of a batch that is being reported.
const AHEAD_BASES: u64 = 4_000_000;

/// A piece of work.
pub(super) enum Job<X> {
    /// Align each read for itself.
    Find {
        /// Batch and block in it.
        place: (u64, usize),
        block: Block<X>,
    },
    /// Make records.
    Report {
        /// Among all blocks.
        sequence: u64,
        block: Held<X>,
        found: Found,
        orientations: Arc<Orientations>,
    },
}

/// Where a block is.
enum Slot<X> {
    Waiting(Block<X>),
    Found(Held<X>, Found),
    /// With a thread, or gone.
    Taken,
}

/// A batch that is not yet handed to the reporting threads as a whole.
struct Pending<X> {
    slots: Vec<Slot<X>>,
    /// Whether all its blocks are there.
    is_read: bool,
    next_find: usize,
    found: usize,
    orientations: Option<Arc<Orientations>>,
    next_report: usize,
    /// What is wrong with the first wrong block.
    wrong: Option<(usize, Error)>,
}

struct State<X, T, E> {
    /// The oldest first, and its number.
    batches: VecDeque<Pending<X>>,
    first_batch: u64,
    waiting_bases: u64,
    /// Blocks that no thread has taken yet.
    unaligned: u64,
    /// Most of these, and of rendered blocks.
    most_blocks: u64,
    is_read: bool,
    /// How the stream ends once all before is written.
    failure: Option<E>,
    /// Ends at once: nobody waits for the outcome.
    is_given_up: bool,
    rendered: BTreeMap<u64, T>,
    next_report: u64,
    next_write: u64,
}

/// The state, and the signal that it has changed.
pub(super) struct Shared<X, T, E> {
    state: Mutex<State<X, T, E>>,
    changed: Condvar,
    most_waiting: u64,
}

/// Ends the stream if its thread panics.
pub(super) struct Alarm<'a, X, T, E>(&'a Shared<X, T, E>);

impl<X, T, E> Drop for Alarm<'_, X, T, E> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().is_given_up = true;
            self.0.changed.notify_all();
        }
    }
}

impl<X, T, E: From<Error>> Shared<X, T, E> {
    pub fn new(waiting_bases: u64, threads: usize) -> Self {
        let state = State {
            batches: VecDeque::new(),
            first_batch: 0,
            waiting_bases: 0,
            unaligned: 0,
            most_blocks: BLOCKS_PER_THREAD * (threads as u64 + 1),
            is_read: false,
            failure: None,
            is_given_up: false,
            rendered: BTreeMap::new(),
            next_report: 0,
            next_write: 0,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            most_waiting: waiting_bases.saturating_add(AHEAD_BASES),
        }
    }

    /// Adds a block when there is room for it; says whether more are wanted.
    pub fn add(&self, block: Block<X>, context: &Context<'_>) -> bool {
        let mut state = self.lock();
        while !state.has_ended() && !state.has_room(self.most_waiting) {
            state = self.wait(state);
        }
        if state.has_ended() {
            return false;
        }
        state.waiting_bases += block.reads.total_bases();
        state.unaligned += 1;
        if state.batches.back().is_none_or(|batch| batch.is_read) {
            state.batches.push_back(Pending::new());
        }
        let ends_batch = block.ends_batch;
        if let Some(batch) = state.batches.back_mut() {
            batch.slots.push(Slot::Waiting(block));
        }
        if ends_batch {
            state.complete(context);
        }
        self.changed.notify_all();
        true
    }

    /// Ends the stream after the last block, or with an error instead of the batch begun.
    pub fn end(&self, failure: Option<E>, context: &Context<'_>) {
        let mut state = self.lock();
        if !state.has_ended() {
            if failure.is_some() && state.batches.back().is_some_and(|batch| !batch.is_read) {
                state.batches.pop_back();
            }
            state.complete(context);
            state.failure = state.failure.take().or(failure);
        }
        state.is_read = true;
        self.changed.notify_all();
    }

    /// Returns the next piece of work; `None` at the end.
    pub fn take(&self) -> Option<Job<X>> {
        let mut state = self.lock();
        loop {
            if state.is_given_up || (state.is_read && state.batches.is_empty()) {
                return None;
            }
            if let Some(job) = state.report_job().or_else(|| state.find_job()) {
                return Some(job);
            }
            state = self.wait(state);
        }
    }

    /// Takes back a block whose reads were aligned.
    pub fn found(
        &self,
        (batch, at): (u64, usize),
        found: Result<(Held<X>, Found), Error>,
        context: &Context<'_>,
    ) {
        let mut state = self.lock();
        let Some(index) = batch.checked_sub(state.first_batch) else {
            return;
        };
        // A batch that could not be read to its end is gone.
        let Some(pending) = state.batches.get_mut(index as usize) else {
            return;
        };
        pending.found += 1;
        match found {
            Ok((block, found)) => pending.slots[at] = Slot::Found(block, found),
            Err(error) => {
                if pending.wrong.as_ref().is_none_or(|&(first, _)| at < first) {
                    pending.wrong = Some((at, error));
                }
            }
        }
        pending.conclude(context);
        state.give_up_wrong();
        self.changed.notify_all();
    }

    /// Takes a rendered block.
    pub fn rendered(&self, sequence: u64, rendered: T, bases: u64) {
        let mut state = self.lock();
        state.rendered.insert(sequence, rendered);
        state.waiting_bases -= bases;
        self.changed.notify_all();
    }

    /// Hands out what is rendered, in order, until the stream ends.
    pub fn write(&self, mut sink: impl FnMut(T) -> Result<(), E>) -> Result<(), E> {
        let mut state = self.lock();
        loop {
            let next = state.next_write;
            if state.is_given_up {
                return Ok(());
            } else if let Some(rendered) = state.rendered.remove(&next) {
                state.next_write += 1;
                drop(state);
                self.changed.notify_all();
                if let Err(error) = sink(rendered) {
                    self.lock().is_given_up = true;
                    self.changed.notify_all();
                    return Err(error);
                }
                state = self.lock();
            } else if state.is_read && state.batches.is_empty() && next == state.next_report {
                return state.failure.take().map_or(Ok(()), Err);
            } else {
                state = self.wait(state);
            }
        }
    }

    /// Returns what wakes the others should this thread panic.
    pub const fn alarm(&self) -> Alarm<'_, X, T, E> {
        Alarm(self)
    }
}

impl<X, T, E> Shared<X, T, E> {
    fn lock(&self) -> MutexGuard<'_, State<X, T, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State<X, T, E>>) -> MutexGuard<'a, State<X, T, E>> {
        let waited = self.changed.wait(state);
        waited.unwrap_or_else(PoisonError::into_inner)
    }
}

impl<X, T, E: From<Error>> State<X, T, E> {
    const fn has_ended(&self) -> bool {
        self.is_given_up || self.is_read
    }

    /// Says whether a block may be added: to the oldest batch unless too many were not begun.
    fn has_room(&self, most: u64) -> bool {
        let is_oldest = match self.batches.len() {
            0 => self.next_report == self.next_write,
            1 => !self.batches[0].is_read,
            _ => false,
        };
        self.unaligned < self.most_blocks && (is_oldest || self.waiting_bases < most)
    }

    /// Notes that the last batch has all its blocks.
    fn complete(&mut self, context: &Context<'_>) {
        if let Some(batch) = self.batches.back_mut() {
            batch.is_read = true;
            batch.conclude(context);
        }
        self.give_up_wrong();
    }

    /// Ends the stream with the oldest batch if that is wrong.
    fn give_up_wrong(&mut self) {
        let Some(oldest) = self.batches.front_mut() else {
            return;
        };
        if !oldest.is_found() {
            return;
        }
        if let Some((_, error)) = oldest.wrong.take() {
            self.failure = Some(error.into());
            self.is_read = true;
            self.first_batch += self.batches.len() as u64;
            self.batches.clear();
        }
    }

    /// Returns the next block of the oldest batch to make records of.
    fn report_job(&mut self) -> Option<Job<X>> {
        if self.next_report - self.next_write >= self.most_blocks {
            return None;
        }
        let oldest = self.batches.front_mut()?;
        let orientations = oldest.orientations.clone()?;
        let slot = std::mem::replace(&mut oldest.slots[oldest.next_report], Slot::Taken);
        let Slot::Found(block, found) = slot else {
            return None;
        };
        oldest.next_report += 1;
        let sequence = self.next_report;
        self.next_report += 1;
        if oldest.next_report == oldest.slots.len() {
            self.batches.pop_front();
            self.first_batch += 1;
            self.give_up_wrong();
        }
        Some(Job::Report {
            sequence,
            block,
            found,
            orientations,
        })
    }

    /// Returns the next block whose reads are not aligned.
    fn find_job(&mut self) -> Option<Job<X>> {
        for (number, batch) in (self.first_batch..).zip(&mut self.batches) {
            let at = batch.next_find;
            if let Some(slot) = batch.slots.get_mut(at) {
                batch.next_find += 1;
                if let Slot::Waiting(block) = std::mem::replace(slot, Slot::Taken) {
                    let place = (number, at);
                    self.unaligned -= 1;
                    return Some(Job::Find { place, block });
                }
            }
        }
        None
    }
}

impl<X> Pending<X> {
    const fn new() -> Self {
        Self {
            slots: Vec::new(),
            is_read: false,
            next_find: 0,
            found: 0,
            orientations: None,
            next_report: 0,
            wrong: None,
        }
    }

    const fn is_found(&self) -> bool {
        self.is_read && self.found == self.slots.len()
    }

    /// Estimates the insert sizes once all reads are aligned.
    fn conclude(&mut self, context: &Context<'_>) {
        let is_new = self.orientations.is_none() && self.wrong.is_none();
        if is_new && self.is_found() {
            let found = self.slots.iter().filter_map(|slot| match slot {
                Slot::Found(_, found) => Some(found),
                _ => None,
            });
            self.orientations = Some(Arc::new(orientations(context, found)));
        }
    }
}
