//! Writing a run: sort by place, cut by partition, pack sections in parallel.

use std::io::Write;

use genome::order::Place;
use genome::partition::Partitions;
use genome::record::Records;
use genome::region::ContigId;
use rayon::prelude::*;

use super::{Header, RunSource, records};
use crate::container::{self, Encoder, Error, Footer, Kind};
use crate::duplicates::{self, Keys};

/// What a written run holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    /// All records.
    pub records: u64,
    /// The footer, as a reader would find it.
    pub footer: Footer,
}

/// A record to be written: its place, its index in the arena.
type Entry = (Place, u32);

struct Partition {
    records: Encoder,
    pairs: Encoder,
    ends: Encoder,
}

/// Writes the records of one read batch as a run.
///
/// `records` come as the aligner gives them: in order of their read, the records of one read as
/// neighbours. The bytes depend on the arguments alone. Time O(n log n), in parallel.
///
/// # Errors
/// [`Error::Io`] if the output fails.
pub fn write(
    records: &Records,
    source: &RunSource,
    partitions: &Partitions,
    out: &mut impl Write,
) -> Result<RunSummary, Error> {
    let mut entries = entries(records, source);
    let mut keys = duplicates::keys_of_batch(records, &entries, source, partitions);
    entries.par_sort_unstable();
    let slices = slices(&entries, partitions);
    let packed: Vec<Partition> = slices
        .par_iter()
        .zip(keys.par_iter_mut())
        .map(|(entries, keys)| pack(records, entries, keys, source))
        .collect();
    let mut writer = container::Writer::new(out);
    for (partition, sections) in (0..).zip(packed) {
        writer.append(partition, Kind::Records, sections.records)?;
        writer.append(partition, Kind::PairKeys, sections.pairs)?;
        writer.append(partition, Kind::EndKeys, sections.ends)?;
    }
    let header = Header { source: *source };
    Ok(RunSummary {
        records: records.len() as u64,
        footer: writer.finish(header.encode())?,
    })
}

/// Gives each record its place; a read's records count from 0 in the order of the arena.
fn entries(records: &Records, source: &RunSource) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::with_capacity(records.len());
    let mut index = 0u16;
    for (at, record) in records.iter().enumerate() {
        let read = records.read(at);
        let same_read = at > 0 && records.read(at - 1) == read;
        index = if same_read { index + 1 } else { 0 };
        let ordinal = source.first_ordinal + u64::from(read);
        entries.push((Place::of(&record, source.lane, ordinal, index), at as u32));
    }
    entries
}

/// Cuts sorted entries at the borders of partitions.
fn slices<'a>(entries: &'a [Entry], partitions: &Partitions) -> Vec<&'a [Entry]> {
    let mut rest = entries;
    let partition = |place: &Place| partition_of(place, partitions);
    let cut = |index: u32| {
        let length = rest.partition_point(|(place, _)| partition(place) <= index);
        let (slice, after) = rest.split_at(length);
        rest = after;
        slice
    };
    (0..partitions.count()).map(cut).collect()
}

/// Returns the partition that holds a record.
pub(crate) fn partition_of(place: &Place, partitions: &Partitions) -> u32 {
    if place.is_unplaced() {
        partitions.unplaced()
    } else {
        partitions.of(ContigId(place.contig), u64::from(place.position))
    }
}

fn pack(records: &Records, entries: &[Entry], keys: &mut Keys, source: &RunSource) -> Partition {
    let mut section = Encoder::default();
    for &(place, at) in entries {
        let record = records.get(at as usize);
        records::put(
            &mut section,
            records.read(at as usize),
            place.index,
            &record,
        );
    }
    let (pairs, ends) = keys.pack(source);
    Partition {
        records: section,
        pairs,
        ends,
    }
}
