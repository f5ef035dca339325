//! From sorted keys to duplicates: one pass over pair sets, one over end sets.

use genome::monitor::Monitor;
use genome::order::Place;

use super::key::{EndKey, EndSite, LoneEnd, PairKey};
use super::metrics::DuplicateMetrics;
use super::optical;
use crate::container::Error;

/// Keys between two looks at the monitor.
const POLL_KEYS: u64 = 1 << 14;

/// What a user may choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkOptions {
    /// Clusters at most so far apart in x and y are optical duplicates; Picard's default 100.
    pub optical_distance_pixels: u32,
    /// Larger sets are not searched for optical duplicates; Picard's default 300 000.
    pub max_optical_set: usize,
    /// Whether names tell clusters: without them no set of two or more is counted either, as in
    /// Picard's metrics.
    pub tells_optical: bool,
}

impl Default for MarkOptions {
    fn default() -> Self {
        Self {
            optical_distance_pixels: 100,
            max_optical_set: 300_000,
            tells_optical: true,
        }
    }
}

/// What the keys of one partition say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marked {
    /// Places of duplicates in the total order.
    pub duplicates: Vec<Place>,
    /// Optical duplicates by library, and sizes of sets.
    pub metrics: DuplicateMetrics,
}

/// What a record is a duplicate by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DuplicateKind {
    /// Its molecule was copied before sequencing.
    Library,
    /// Its cluster was seen twice.
    Sequencing,
}

/// Finds the duplicates among the keys of one partition.
///
/// Both streams are sorted. Memory grows with the duplicates and the largest set; a set of n
/// pairs costs O(n log n) and what lies close on the flow cell.
///
/// # Errors
/// The streams' own; [`Error::Disorder`] if one is not sorted; [`Error::Cancelled`].
pub fn mark(
    pairs: impl Iterator<Item = Result<PairKey, Error>>,
    ends: impl Iterator<Item = Result<EndKey, Error>>,
    options: &MarkOptions,
    monitor: &Monitor,
) -> Result<Marked, Error> {
    let mut duplicates = Vec::new();
    let metrics = mark_into(pairs, ends, options, monitor, |place, _| {
        duplicates.push(place);
        Ok::<(), Error>(())
    })?;
    duplicates.sort_unstable();
    duplicates.dedup();
    Ok(Marked {
        duplicates,
        metrics,
    })
}

/// Finds the duplicates, and gives their places to a sink, in no order, some of them twice.
///
/// Memory grows with the largest set alone.
///
/// # Errors
/// As [`mark`]; the sink's own.
pub fn mark_into<E: From<Error>>(
    pairs: impl Iterator<Item = Result<PairKey, Error>>,
    ends: impl Iterator<Item = Result<EndKey, Error>>,
    options: &MarkOptions,
    monitor: &Monitor,
    mut sink: impl FnMut(Place, DuplicateKind) -> Result<(), E>,
) -> Result<DuplicateMetrics, E> {
    let mut metrics = DuplicateMetrics::default();
    let mut set: Vec<PairKey> = Vec::new();
    for (key, count) in pairs.zip(1u64..) {
        let key = key?;
        if set.last().is_some_and(|last| *last > key) {
            return Err(Error::Disorder { what: "pair keys" }.into());
        }
        if set.last().is_some_and(|last| last.site != key.site) {
            mark_pairs(&set, options, &mut metrics, &mut sink)?;
            set.clear();
        }
        set.push(key);
        poll(count, monitor)?;
    }
    mark_pairs(&set, options, &mut metrics, &mut sink)?;
    mark_ends(ends, monitor, |place| sink(place, DuplicateKind::Library))?;
    Ok(metrics)
}

/// Marks all pairs of a set but its keeper.
fn mark_pairs<E: From<Error>>(
    set: &[PairKey],
    options: &MarkOptions,
    metrics: &mut DuplicateMetrics,
    sink: &mut impl FnMut(Place, DuplicateKind) -> Result<(), E>,
) -> Result<(), E> {
    let Some(keeper) = keeper(set.iter().map(|pair| pair.score)) else {
        return Ok(());
    };
    let library = set[keeper].site.library;
    if set.len() == 1 {
        metrics.add_set(library, 1, 0);
        return Ok(());
    }
    let optical = optical::find(set, keeper, options);
    for (index, pair) in set.iter().enumerate().filter(|(index, _)| *index != keeper) {
        let kind = match optical[index] {
            true => DuplicateKind::Sequencing,
            false => DuplicateKind::Library,
        };
        for place in pair.places {
            sink(place, kind)?;
        }
    }
    let count = optical.into_iter().filter(|&one| one).count();
    if options.tells_optical {
        metrics.add_set(library, set.len() as u64, count as u64);
    }
    Ok(())
}

fn mark_ends<E: From<Error>>(
    ends: impl Iterator<Item = Result<EndKey, Error>>,
    monitor: &Monitor,
    mut sink: impl FnMut(Place) -> Result<(), E>,
) -> Result<(), E> {
    let mut last: Option<EndKey> = None;
    let mut lone: Vec<LoneEnd> = Vec::new();
    let mut paired_site: Option<EndSite> = None;
    for (key, count) in ends.zip(1u64..) {
        let key = key?;
        if last.is_some_and(|last| last > key) {
            return Err(Error::Disorder { what: "end keys" }.into());
        }
        if last.is_some_and(|last| last.site != key.site) {
            mark_lone(&mut lone, &mut sink)?;
        }
        match key.lone {
            None => paired_site = Some(key.site),
            Some(end) if paired_site == Some(key.site) => sink(end.place)?,
            Some(end) => lone.push(end),
        }
        last = Some(key);
        poll(count, monitor)?;
    }
    mark_lone(&mut lone, &mut sink)
}

/// Marks all lone ends of a site without pairs but their keeper.
fn mark_lone<E>(
    set: &mut Vec<LoneEnd>,
    sink: &mut impl FnMut(Place) -> Result<(), E>,
) -> Result<(), E> {
    let keeper = keeper(set.iter().map(|end| end.score));
    for (index, end) in set.drain(..).enumerate() {
        if Some(index) != keeper {
            sink(end.place)?;
        }
    }
    Ok(())
}

/// Returns the first of the best.
fn keeper(scores: impl Iterator<Item = i16>) -> Option<usize> {
    let mut best: Option<(usize, i16)> = None;
    for (index, score) in scores.enumerate() {
        if best.is_none_or(|(_, most)| score > most) {
            best = Some((index, score));
        }
    }
    best.map(|(index, _)| index)
}

fn poll(count: u64, monitor: &Monitor) -> Result<(), Error> {
    if count.is_multiple_of(POLL_KEYS) && monitor.is_cancelled() {
        Err(Error::Cancelled)
    } else {
        Ok(())
    }
}
