//! From sorted reads to regions: the walk over the positions of a scope.
//!
//! Each position is judged when all reads that reach it are there ([`Activity`]); the smoothed
//! activity ([`ActivityProfile`]) is cut to stretches; a stretch becomes a region when the walk has
//! left its padding, with all reads that overlap it.

use crate::activity::{Activity, SnvPrior};
use crate::activity_profile::{ActivityProfile, Cut, State};
use crate::forced::ForcedAlleles;
use crate::options::Options;
use crate::reference_bases::SlidingReference;
use crate::region_read::RegionRead;
use genome::reference::Reference;
use genome::region::{ContigId, Region};
use std::collections::VecDeque;
use std::sync::Arc;

/// How far reads are looked at beside a region.
pub const REGION_PADDING_BP: u64 = 100;

/// A stretch of the walk with the reads that overlap its padding, as they came.
#[derive(Debug, Clone)]
pub struct RawRegion {
    /// The positions that the region answers for.
    pub span: Region,
    /// The same with padding, within the contig.
    pub padded_span: Region,
    /// Whether enough reads differ from the reference.
    pub is_active: bool,
    /// The reads, in the order of the stream.
    pub reads: Vec<Arc<RegionRead>>,
}

/// What a walk goes over.
#[derive(Debug, Clone)]
pub struct Route<'a> {
    /// The positions, sorted and disjoint.
    pub walked: &'a [Region],
    /// For each stretch of `walked`, where the interval that holds it starts; `None` for cuts that
    /// depend on the start of the walk alone.
    pub grid: Option<&'a [u64]>,
}

/// A walk in progress.
#[derive(Debug)]
pub struct Traversal<'a> {
    reference: SlidingReference<'a>,
    route: Route<'a>,
    forced: Arc<ForcedAlleles>,
    activity: Activity,
    profile: ActivityProfile,
    lengths: Vec<u64>,
    /// Index in `route.walked` of the stretch that holds the next position, and that position.
    stretch: usize,
    next: u64,
    cache: VecDeque<Arc<RegionRead>>,
    /// Reads that start past the positions judged so far: they are weighed when the walk is there.
    later: VecDeque<Arc<RegionRead>>,
    pending: VecDeque<Cut>,
    ready: VecDeque<RawRegion>,
    /// A position whose activity is wanted, and that when it is judged.
    watched: Option<(u64, State)>,
}

impl<'a> Traversal<'a> {
    /// Starts before the first position.
    pub fn new(reference: &'a Reference<'a>, route: Route<'a>, options: &Options) -> Self {
        let prior = SnvPrior {
            heterozygosity: options.snv_heterozygosity,
            deviation: options.heterozygosity_deviation,
        };
        let minimum = options.minimum_base_quality;
        let contigs = reference.dictionary().contigs().iter();
        let mut traversal = Self {
            reference: SlidingReference::new(reference),
            activity: Activity::new(usize::from(options.ploidy), minimum, prior),
            profile: ActivityProfile::new(ContigId(0), 0),
            lengths: contigs.map(|contig| contig.length).collect(),
            stretch: 0,
            next: 0,
            cache: VecDeque::new(),
            later: VecDeque::new(),
            pending: VecDeque::new(),
            ready: VecDeque::new(),
            watched: None,
            forced: options.forced.clone(),
            route,
        };
        traversal.enter_stretch(true);
        traversal
    }

    /// Asks for the activity of a position, on a route of one contig.
    pub const fn watch(&mut self, position: u64) {
        let nothing = State {
            probability: 0.0,
            soft_clips: None,
        };
        self.watched = Some((position, nothing));
        self.profile.watch(position);
    }

    /// Returns the activity of the watched position, raw and smoothed, once its region is ready.
    pub fn watched(&self) -> (State, f64) {
        let state = self.watched.map(|(_, state)| state).unwrap_or_default();
        (state, self.profile.watched())
    }

    /// Says whether no position is left.
    pub fn is_done(&self) -> bool {
        self.stretch >= self.route.walked.len()
    }

    /// Returns the regions that are complete, in order, from the last call on.
    pub fn ready(&mut self) -> &mut VecDeque<RawRegion> {
        &mut self.ready
    }

    /// Returns the last position to walk at or before another one, on a contig.
    pub fn last_at(&self, contig: ContigId, position: u64) -> Option<u64> {
        let after = |region: &Region| (region.contig, region.start) <= (contig, position);
        let count = self.route.walked.partition_point(after);
        let region = self.route.walked[..count].last()?;
        (region.contig == contig).then(|| position.min(region.end - 1))
    }

    /// Takes a read that starts at or after every position already judged.
    pub fn add(&mut self, read: RegionRead) {
        let Some(region) = self.route.walked.get(self.stretch) else {
            return;
        };
        if read.head.contig != region.contig {
            return;
        }
        let read = Arc::new(read);
        self.cache.push_back(read.clone());
        self.later.push_back(read);
    }

    /// Weighs the reads that start at or before a position.
    fn weigh_to(&mut self, position: u64) {
        let is_reached = |read: &mut Arc<RegionRead>| read.start <= position;
        while let Some(read) = self.later.pop_front_if(is_reached) {
            let reference = self.reference.around(read.span());
            self.activity.add(&read, reference);
        }
    }

    /// Judges all positions before a place.
    pub fn walk_to(&mut self, contig: ContigId, position: u64) {
        while let Some(&region) = self.route.walked.get(self.stretch) {
            let end = match region.contig.cmp(&contig) {
                std::cmp::Ordering::Less => region.end,
                std::cmp::Ordering::Equal => region.end.min(position),
                std::cmp::Ordering::Greater => return,
            };
            while self.next < end {
                self.judge(self.next);
                self.next += 1;
            }
            if end < region.end || self.awaits_reads(region, contig, position) {
                return;
            }
            self.leave_stretch(region);
        }
    }

    /// Says whether reads that start past the last stretch of a contig may still overlap the
    /// padding of its regions.
    fn awaits_reads(&self, region: Region, contig: ContigId, position: u64) -> bool {
        self.is_last_on_contig(region)
            && contig == region.contig
            && position < region.end + REGION_PADDING_BP
    }

    fn is_last_on_contig(&self, region: Region) -> bool {
        let next = self.route.walked.get(self.stretch + 1);
        next.is_none_or(|next| next.contig != region.contig)
    }

    fn leave_stretch(&mut self, left: Region) {
        let is_new_contig = self.is_last_on_contig(left);
        self.stretch += 1;
        if is_new_contig {
            self.pending
                .extend(std::iter::from_fn(|| self.profile.last_cut()));
            while let Some(cut) = self.pending.pop_front() {
                self.complete(cut);
            }
            self.cache.clear();
            self.later.clear();
        }
        self.enter_stretch(is_new_contig);
    }

    fn enter_stretch(&mut self, is_new_contig: bool) {
        let Some(&region) = self.route.walked.get(self.stretch) else {
            return;
        };
        self.next = region.start;
        if is_new_contig {
            let length = self.lengths[region.contig.0 as usize];
            self.activity.restart(region.start);
            self.profile = ActivityProfile::new(region.contig, length);
            if let Some((position, _)) = self.watched {
                self.profile.watch(position);
            }
        } else {
            self.activity.skip_to(region.start);
        }
    }

    fn judge(&mut self, position: u64) {
        let is_forced = position != self.profile.end();
        if !self.profile.is_empty() {
            if is_forced {
                self.pending
                    .extend(std::iter::from_fn(|| self.profile.last_cut()));
            } else {
                self.pending
                    .extend(std::iter::from_fn(|| self.profile.next_cut()));
            }
        }
        if is_forced {
            let grid = self.route.grid.map(|origins| origins[self.stretch]);
            self.profile.restart(grid);
        }
        self.weigh_to(position);
        let mut state = self.activity.judge_next();
        if self.forced.cover(self.profile.contig(), position) {
            state = State {
                probability: 1.0,
                soft_clips: None,
            };
        }
        if let Some((watched, seen)) = &mut self.watched
            && *watched == position
        {
            *seen = state;
        }
        self.profile.add(position, state);
        let is_past = |cut: &mut Cut| position >= cut.span.end + REGION_PADDING_BP;
        if let Some(cut) = self.pending.pop_front_if(is_past) {
            self.complete(cut);
        }
    }

    /// Makes a region of a cut whose reads are all there.
    fn complete(&mut self, cut: Cut) {
        let length = self.lengths[cut.span.contig.0 as usize];
        let padded_span = cut.span.padded(REGION_PADDING_BP, length);
        let reads = self.cache.iter().filter(|read| {
            let span = read.span();
            span.overlaps(&padded_span)
        });
        self.ready.push_back(RawRegion {
            span: cut.span,
            padded_span,
            is_active: cut.is_active,
            reads: reads.cloned().collect(),
        });
        let needed = cut.span.end.saturating_sub(REGION_PADDING_BP);
        self.cache.retain(|read| read.end() > needed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::region_read;
    use genome::reference::PackedReference;

    #[test]
    fn reads_far_ahead_are_not_weighed_before_the_walk_is_there() {
        let mut packed = PackedReference::default();
        packed.add_contig("a", &vec![b'A'; 3_000_000]);
        let reference = packed.reference();
        let walked = [
            Region::new(ContigId(0), 0, 1_000_000),
            Region::new(ContigId(0), 2_900_000, 3_000_000),
        ];
        let route = Route {
            walked: &walked,
            grid: None,
        };
        let mut traversal = Traversal::new(&reference, route, &Options::default());
        traversal.add(region_read(900_000, "100M"));
        traversal.add(region_read(2_900_010, "100M"));
        assert_eq!(traversal.activity.reach_bp(), 0);
        traversal.walk_to(ContigId(0), 900_001);
        assert_eq!(traversal.activity.reach_bp(), 99);
        traversal.walk_to(ContigId(0), 2_900_011);
        assert_eq!(traversal.activity.reach_bp(), 99);
    }
}
