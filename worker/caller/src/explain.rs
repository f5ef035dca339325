//! Why a position was called, or was not: the way of its reads through the caller.
//!
//! The walk is that of a call whose only owned position is the one asked for; what is found on the
//! way is kept and told by [`Explanation`]'s text.

mod region;
mod text;

pub use region::{Allele, Assembled, Decision, RegionStory, SiteStory};

use crate::Error;
use crate::activity_profile::State;
use crate::downsample::by_rank;
use crate::filter::{Refusal, refusal};
use crate::intake::Intake;
use crate::options::Options;
use crate::region_caller::RegionCaller;
use crate::region_read::RegionRead;
use crate::scope::Scope;
use crate::traversal::{RawRegion, Route, Traversal};
use genome::record::{OwnedRecord, RecordView};
use genome::reference::Reference;
use genome::region::{ContigId, Region};
use std::collections::BTreeMap;

/// What was found about a position.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Name of the contig and 0-based position.
    pub place: (String, u64),
    /// Letter of the reference.
    pub letter: u8,
    /// Records over the position.
    pub records: u32,
    /// How many of them are no evidence, by reason.
    pub refused: BTreeMap<Refusal, u32>,
    /// How many were left out because too many begin at their start.
    pub downsampled: u32,
    /// Activity of the position: as the reads show it, and smoothed.
    pub activity: (State, f64),
    /// The region that holds the position; `None` if it was not asked for.
    pub region: Option<RegionStory>,
    /// The least QUAL of a call.
    pub confidence: f64,
}

/// Follows the reads over a position.
///
/// `reads` are as for [`crate::call()`]; `asked` are all regions to be called.
///
/// # Errors
/// As [`crate::call()`].
pub fn explain<E: std::error::Error + 'static>(
    reference: &Reference<'_>,
    (contig, position): (ContigId, u64),
    asked: &[Region],
    reads: impl IntoIterator<Item = Result<OwnedRecord, E>>,
    options: &Options,
) -> Result<Explanation, Error<E>> {
    options.check()?;
    let own = Region::new(contig, position, position + 1);
    let scope = Scope::new(&[own], asked);
    let mut follower = Follower::new(reference, own, &scope, options);
    for record in reads {
        let record = record.map_err(Error::Reads)?;
        follower.take(&record.view())?;
        if follower.found.is_some() {
            break;
        }
    }
    follower.finish(reference)
}

/// The walk up to the region that is asked for.
struct Follower<'a> {
    options: &'a Options,
    own: Region,
    traversal: Traversal<'a>,
    intake: Intake<'a>,
    group: Vec<RegionRead>,
    place: (ContigId, u64),
    found: Option<RawRegion>,
    explanation: Explanation,
}

impl<'a> Follower<'a> {
    fn new(
        reference: &'a Reference<'a>,
        own: Region,
        scope: &'a Scope,
        options: &'a Options,
    ) -> Self {
        let route = Route {
            walked: scope.walked(),
            grid: Some(scope.grid()),
        };
        let mut traversal = Traversal::new(reference, route, options);
        traversal.watch(own.start);
        let dictionary = reference.dictionary();
        Self {
            options,
            own,
            traversal,
            intake: Intake::new(options, scope.evidence(dictionary)),
            group: Vec::new(),
            place: (ContigId(0), 0),
            found: None,
            explanation: Explanation {
                place: (dictionary.contig(own.contig).name.clone(), own.start),
                letter: reference.letters(own).first().copied().unwrap_or(b'N'),
                records: 0,
                refused: BTreeMap::new(),
                downsampled: 0,
                activity: (State::default(), 0.0),
                region: None,
                confidence: options.confidence(),
            },
        }
    }

    fn take<E: std::error::Error + 'static>(
        &mut self,
        record: &RecordView<'_>,
    ) -> Result<(), Error<E>> {
        let (Some(contig), Some(start), Some(end)) =
            (record.contig(), record.position(), record.end())
        else {
            return Ok(());
        };
        let place = (contig, u64::from(start));
        if place < self.place {
            let name = String::from_utf8_lossy(record.name()).into_owned();
            return Err(Error::Unsorted { name });
        }
        self.place = place;
        if Region::new(contig, u64::from(start), u64::from(end)).overlaps(&self.own) {
            self.explanation.records += 1;
            if let Some(reason) = refusal(record, self.options) {
                *self.explanation.refused.entry(reason).or_default() += 1;
            }
        }
        let Some(read) = self.intake.read(record) else {
            return Ok(());
        };
        let is_other = |first: &RegionRead| (first.head.contig, first.start) != place;
        if self.group.first().is_some_and(is_other) {
            self.hand_on();
        }
        self.group.push(read);
        Ok(())
    }

    /// Hands on the reads of one start.
    fn hand_on(&mut self) {
        let Some(first) = self.group.first() else {
            return;
        };
        self.traversal.walk_to(first.head.contig, first.start);
        self.look();
        let own = self.own;
        let over = |reads: &[RegionRead]| {
            reads
                .iter()
                .filter(|read| read.span().overlaps(&own))
                .count() as u32
        };
        let before = over(&self.group);
        by_rank(&mut self.group, self.options.reads_per_start);
        self.explanation.downsampled += before - over(&self.group);
        for read in self.group.drain(..) {
            self.traversal.add(read);
        }
    }

    fn look(&mut self) {
        let own = self.own;
        let mut regions = self.traversal.ready().drain(..);
        let found = regions.find(|region| region.span.overlaps(&own));
        drop(regions);
        if found.is_some() {
            self.found = found;
        }
    }

    fn finish<E: std::error::Error + 'static>(
        mut self,
        reference: &Reference<'_>,
    ) -> Result<Explanation, Error<E>> {
        if self.found.is_none() {
            self.hand_on();
            self.traversal.walk_to(ContigId(u32::MAX), 0);
            self.look();
        }
        self.explanation.activity = self.traversal.watched();
        if let Some(raw) = &self.found {
            let mut caller = RegionCaller::new(reference, self.options);
            self.explanation.region = Some(caller.story(raw, self.own.start));
        }
        Ok(self.explanation)
    }
}
