//! Regions that are called on other threads while the walk goes on; answers come in order.

use crate::genotyping::UpstreamDeletions;
use crate::options::Options;
use crate::region_caller::RegionCaller;
use crate::region_calls::RegionCalls;
use crate::traversal::RawRegion;
use genome::reference::Reference;
use rayon::{ScopeFifo, Yield};
use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Debug, Formatter};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// So many reads, or regions, are in flight at most.
const MOST_READS: usize = 1 << 16;
const MOST_REGIONS: usize = 1024;

/// What a region gives, and the deletions that it emits.
type Answer = (RegionCalls, UpstreamDeletions);

/// Regions on their way.
pub struct Flight<'s, 'a> {
    tasks: &'s ScopeFifo<'a>,
    callers: Arc<Callers<'a>>,
    sender: Sender<(u64, thread::Result<Answer>)>,
    answers: Receiver<(u64, thread::Result<Answer>)>,
    /// The regions without an answer taken, in order, from the one of this number on.
    regions: VecDeque<Arc<RawRegion>>,
    first: u64,
    /// Answers that came before their turn.
    early: BTreeMap<u64, Answer>,
    reads: usize,
}

impl<'s, 'a> Flight<'s, 'a> {
    /// Starts without regions; they are called by tasks of a scope.
    pub fn new(
        tasks: &'s ScopeFifo<'a>,
        reference: &'a Reference<'a>,
        options: &'a Options,
    ) -> Self {
        let (sender, answers) = channel();
        Self {
            tasks,
            callers: Arc::new(Callers::new(reference, options)),
            sender,
            answers,
            regions: VecDeque::new(),
            first: 0,
            early: BTreeMap::new(),
            reads: 0,
        }
    }

    /// Sends a region off.
    pub fn launch(&mut self, region: RawRegion) {
        let number = self.first + self.regions.len() as u64;
        let region = Arc::new(region);
        self.reads += region.reads.len();
        self.regions.push_back(region.clone());
        let (callers, sender) = (self.callers.clone(), self.sender.clone());
        self.tasks.spawn_fifo(move |_| {
            if callers.are_idle.load(Ordering::Relaxed) {
                return;
            }
            let called = catch_unwind(AssertUnwindSafe(|| {
                let mut deletions = UpstreamDeletions::default();
                (callers.call(&region, &mut deletions), deletions)
            }));
            drop(region);
            // Whoever waited for it may have ended by an error.
            sender.send((number, called)).ok();
        });
    }

    /// Calls a region here and now.
    pub fn call(&self, region: &RawRegion, deletions: &mut UpstreamDeletions) -> RegionCalls {
        self.callers.call(region, deletions)
    }

    /// Returns the number of regions in flight.
    pub fn len(&self) -> usize {
        self.regions.len()
    }

    /// Returns the last region in flight.
    pub fn last(&self) -> Option<&RawRegion> {
        self.regions.back().map(|region| &**region)
    }

    /// Says whether no more should be in flight.
    pub fn is_full(&self) -> bool {
        self.regions.len() >= MOST_REGIONS || self.reads >= MOST_READS
    }

    /// Returns the next region with its answer; without `waits`, only if that is there.
    pub fn take(&mut self, waits: bool) -> Option<(Arc<RawRegion>, Answer)> {
        self.regions.front()?;
        let answer = loop {
            while let Ok((number, answer)) = self.answers.try_recv() {
                self.keep(number, answer);
            }
            if let Some(answer) = self.early.remove(&self.first) {
                break answer;
            }
            if !waits {
                return None;
            }
            // This thread helps the others; when there is nothing to help with, it waits.
            if !matches!(rayon::yield_now(), Some(Yield::Executed)) {
                let (number, answer) = self.answers.recv().expect("a sender is held here");
                self.keep(number, answer);
            }
        };
        let region = self.regions.pop_front()?;
        self.reads -= region.reads.len();
        self.first += 1;
        Some((region, answer))
    }

    fn keep(&mut self, number: u64, answer: thread::Result<Answer>) {
        match answer {
            Ok(answer) => self.early.insert(number, answer),
            Err(panic) => resume_unwind(panic),
        };
    }
}

impl Drop for Flight<'_, '_> {
    fn drop(&mut self) {
        self.callers.are_idle.store(true, Ordering::Relaxed);
    }
}

impl Debug for Flight<'_, '_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.debug_struct("Flight")
            .field("regions", &self.regions)
            .finish_non_exhaustive()
    }
}

/// Region callers, one for each thread that is at work.
#[derive(Debug)]
struct Callers<'a> {
    reference: &'a Reference<'a>,
    options: &'a Options,
    idle: Mutex<Vec<RegionCaller<'a>>>,
    /// Whether nobody waits for answers any more.
    are_idle: AtomicBool,
}

impl<'a> Callers<'a> {
    const fn new(reference: &'a Reference<'a>, options: &'a Options) -> Self {
        Self {
            reference,
            options,
            idle: Mutex::new(Vec::new()),
            are_idle: AtomicBool::new(false),
        }
    }

    fn call(&self, region: &RawRegion, deletions: &mut UpstreamDeletions) -> RegionCalls {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let mut caller = kept.unwrap_or_else(|| RegionCaller::new(self.reference, self.options));
        let calls = caller.call_region(region, deletions);
        idle().push(caller);
        calls
    }
}
