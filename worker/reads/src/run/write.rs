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

/// A record to be written: its place, its arena, its index there.
type Entry = (Place, u32, u32);

struct Partition {
    records: Encoder,
    pairs: Encoder,
    ends: Encoder,
}

/// Writes the records of one read batch as a run.
///
/// `records` come as the aligner gives them, in one arena or several: in order of their read, the
/// records of one read as neighbours in one arena. The bytes depend on the records and the other
/// arguments alone. Time O(n log n), in parallel.
///
/// # Errors
/// [`Error::Io`] if the output fails.
pub fn write(
    records: &[Records],
    source: &RunSource,
    partitions: &Partitions,
    out: &mut impl Write,
) -> Result<RunSummary, Error> {
    let mut entries = entries(records, source);
    let places = entries.iter().map(|&(place, arena, at)| {
        let record = records[arena as usize].get(at as usize);
        (place, record)
    });
    let mut keys = duplicates::keys_of_batch(places, source, partitions);
    entries.par_sort_unstable();
    let slices = slices(&entries, partitions);
    let mut writer = container::Writer::new(out);
    let mut partition = 0;
    // As many at a time as there are threads: what is packed waits for no more than these.
    let at_a_time = rayon::current_num_threads().max(1);
    for (slices, keys) in slices.chunks(at_a_time).zip(keys.chunks_mut(at_a_time)) {
        let work = slices.par_iter().zip(keys);
        let packed: Vec<Partition> = work
            .map(|(entries, keys)| pack(records, entries, keys, source))
            .collect();
        for sections in packed {
            writer.append(partition, Kind::Records, sections.records)?;
            writer.append(partition, Kind::PairKeys, sections.pairs)?;
            writer.append(partition, Kind::EndKeys, sections.ends)?;
            partition += 1;
        }
    }
    let header = Header { source: *source };
    Ok(RunSummary {
        records: entries.len() as u64,
        footer: writer.finish(header.encode())?,
    })
}

/// Gives each record its place; a read's records count from 0 in the order of their arena.
fn entries(records: &[Records], source: &RunSource) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::with_capacity(records.iter().map(Records::len).sum());
    for (arena, records) in (0..).zip(records) {
        let mut index = 0u16;
        for (at, record) in records.iter().enumerate() {
            let read = records.read(at);
            let same_read = at > 0 && records.read(at - 1) == read;
            index = if same_read { index + 1 } else { 0 };
            let ordinal = source.first_ordinal + u64::from(read);
            let place = Place::of(&record, source.lane, ordinal, index);
            entries.push((place, arena, at as u32));
        }
    }
    entries
}

/// Cuts sorted entries at the borders of partitions.
fn slices<'a>(entries: &'a [Entry], partitions: &Partitions) -> Vec<&'a [Entry]> {
    let mut rest = entries;
    let partition = |place: &Place| partition_of(place, partitions);
    let cut = |index: u32| {
        let length = rest.partition_point(|(place, ..)| partition(place) <= index);
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

fn pack(records: &[Records], entries: &[Entry], keys: &mut Keys, source: &RunSource) -> Partition {
    let mut section = Encoder::of_records();
    for &(place, arena, at) in entries {
        let (records, at) = (&records[arena as usize], at as usize);
        records::put(
            &mut section,
            records.read(at),
            place.index,
            &records.get(at),
        );
    }
    let (pairs, ends) = keys.pack(source);
    Partition {
        records: section,
        pairs,
        ends,
    }
}
