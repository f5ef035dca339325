//! Merging sorted streams: records of many runs into the total order, with their duplicate flags.
//!
//! Main path: [`merge_records`] takes a [`Source`] for each run's section and the sorted places of
//! duplicates, and gives each record to a sink.

mod heads;

pub use heads::Merged;

use genome::monitor::Monitor;
use genome::order::Place;
use genome::record::{Flags, RecordView};

use crate::container::Error;
pub(crate) use heads::Heads;

/// Records between two looks at the monitor.
const POLL_RECORDS: u64 = 1 << 12;

/// Where FLAG stands in a record. SAM v1 §4.2 (2024-11-06).
const FLAG_OFFSET: usize = 14;

/// A sorted stream of records, of which one is in view at a time.
pub trait Source {
    /// Moves to the next record and returns its place; `None` at the end.
    ///
    /// # Errors
    /// [`Error`] if the stream is damaged.
    fn advance(&mut self) -> Result<Option<Place>, Error>;

    /// Returns the present record; [`Source::advance`] has just returned its place.
    fn record(&self) -> RecordView<'_>;
}

/// Merges sorted records and sets the duplicate flag of those whose place is in `duplicates`,
/// clearing it of all others.
///
/// Places are unique, so the result does not depend on the order of `sources`. Memory is that of
/// the sources and one record. Returns how many records went to the sink.
///
/// # Errors
/// The streams' and the sink's own; [`Error::Disorder`] if `duplicates` are not sorted or a place
/// comes twice; [`Error::Cancelled`].
pub fn merge_records<S: Source, E: From<Error>>(
    mut sources: Vec<S>,
    duplicates: impl Iterator<Item = Result<Place, Error>>,
    monitor: &Monitor,
    mut sink: impl FnMut(Place, RecordView<'_>) -> Result<(), E>,
) -> Result<u64, E> {
    let mut flags = DuplicateFlags::new(duplicates)?;
    let mut heads = Heads::new(sources.len());
    for (index, source) in sources.iter_mut().enumerate() {
        if let Some(place) = source.advance()? {
            heads.push(place, index);
        }
    }
    let mut scratch = Vec::new();
    let mut count = 0;
    let mut before: Option<Place> = None;
    while let Some((&place, index)) = heads.first() {
        if before.is_some_and(|before| before >= place) {
            return Err(Error::Disorder { what: "records" }.into());
        }
        let duplicate = flags.take(&place)?;
        sink(
            place,
            flagged(sources[index].record(), duplicate, &mut scratch),
        )?;
        heads.replace_first(sources[index].advance()?);
        before = Some(place);
        count += 1;
        if count % POLL_RECORDS == 0 && monitor.is_cancelled() {
            return Err(Error::Cancelled.into());
        }
    }
    Ok(count)
}

/// Returns the record with its duplicate flag as given, copied only if it changes.
fn flagged<'a>(
    record: RecordView<'a>,
    duplicate: bool,
    scratch: &'a mut Vec<u8>,
) -> RecordView<'a> {
    if record.flags().is_duplicate() == duplicate {
        return record;
    }
    scratch.clear();
    scratch.extend_from_slice(record.bytes());
    let flags = record.flags().0 ^ Flags::DUPLICATE;
    scratch[FLAG_OFFSET..FLAG_OFFSET + 2].copy_from_slice(&flags.to_le_bytes());
    RecordView::trusted(scratch)
}

/// Walks the sorted places of duplicates along with the records.
struct DuplicateFlags<I> {
    places: I,
    next: Option<Place>,
}

impl<I: Iterator<Item = Result<Place, Error>>> DuplicateFlags<I> {
    fn new(mut places: I) -> Result<Self, Error> {
        let next = places.next().transpose()?;
        Ok(Self { places, next })
    }

    /// Says whether the record at this place is a duplicate; places ascend from call to call.
    fn take(&mut self, place: &Place) -> Result<bool, Error> {
        while let Some(next) = self.next {
            if next > *place {
                return Ok(false);
            }
            self.next = self.places.next().transpose()?;
            if self.next.is_some_and(|after| after < next) {
                return Err(Error::Disorder { what: "duplicates" });
            }
            if next == *place {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
