//! Sorting records by coordinate or name, as `samtools sort` 1.16; equal ones keep their order.
//!
//! Main path: [`Sorter::push`] every record; when [`Sorter::is_full`], [`Sorter::spill`] to a
//! scratch stream of the caller's; at the end [`Sorter::merge`] what was spilled with the rest.

mod arena;
mod key;
mod names;
mod radix;
mod spilled;

pub use key::{SortKey, SortOrder, compare_names};

use std::io::{Read, Write};

use genome::monitor::Monitor;
use genome::record::RecordView;

use crate::container::Error;
use crate::merge::Heads;
use crate::scratch::FrameWriter;
use arena::Arena;
use radix::Entry;
use spilled::Spilled;

/// Records between two looks at the monitor.
const POLL_RECORDS: u64 = 1 << 12;

/// Records after which the room for keys is foreseen.
const SAMPLE_RECORDS: usize = 1 << 12;

/// What sorting needs for each record beside its bytes: its entry, and room to move it.
const ENTRY_BYTES: usize = 2 * size_of::<Entry>();

/// Sorts any number of records in bounded memory.
#[derive(Debug)]
pub struct Sorter {
    order: SortOrder,
    memory_bytes: usize,
    arena: Arena,
    entries: Vec<Entry>,
    spare: Vec<Entry>,
}

impl Sorter {
    /// Sorts in this order; full when records and keys take about `memory_bytes`.
    pub fn new(order: SortOrder, memory_bytes: usize) -> Self {
        Self {
            order,
            memory_bytes,
            arena: Arena::new(memory_bytes),
            entries: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// Says whether it is time to spill before this record comes.
    pub fn is_full(&self, record: &RecordView<'_>) -> bool {
        let keys = (self.entries.len() + 1) * ENTRY_BYTES;
        let held = self.arena.len() + Arena::bytes_of(record) + keys;
        !self.entries.is_empty() && (held > self.memory_bytes || !self.arena.has_room(record))
    }

    /// Takes a record.
    pub fn push(&mut self, record: RecordView<'_>) {
        let key = match self.order {
            SortOrder::Coordinate => key::coordinate_key(&record),
            SortOrder::Name => 0,
        };
        let address = self.arena.push(&record);
        if self.entries.len() == SAMPLE_RECORDS {
            self.foresee();
        }
        self.entries.push((key, address));
    }

    /// Sets room for all keys aside, so that they need not move while they grow in number.
    fn foresee(&mut self) {
        let record_bytes = self.arena.len() / self.entries.len() + ENTRY_BYTES;
        let records = self.memory_bytes / record_bytes;
        let more = records.saturating_sub(self.entries.len());
        self.entries.reserve_exact(more + more / 16);
    }

    /// Writes all records held, sorted, and forgets them.
    ///
    /// # Errors
    /// [`Error::Io`] if the output fails.
    pub fn spill(&mut self, out: &mut impl Write) -> Result<(), Error> {
        self.sort();
        let mut stretch = FrameWriter::new(out);
        for &(_, address) in &self.entries {
            spilled::put(&mut stretch, &self.arena.get(address))?;
        }
        self.entries.clear();
        self.arena.clear();
        stretch.finish()
    }

    /// Gives all records in order to a sink: those spilled to these streams, which come in the
    /// order of spilling, and those held.
    ///
    /// # Errors
    /// The streams' and the sink's own; [`Error::Cancelled`].
    pub fn merge<R: Read, E: From<Error>>(
        mut self,
        scratch: Vec<R>,
        monitor: &Monitor,
        mut sink: impl FnMut(RecordView<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.sort();
        self.spare = Vec::new();
        let mut stretches: Vec<Stretch<'_, R>> =
            scratch.into_iter().map(Stretch::spilled).collect();
        stretches.push(Stretch::Held {
            arena: &self.arena,
            entries: &self.entries,
            next: 0,
        });
        merge(stretches, self.order, monitor, &mut sink)
    }

    fn sort(&mut self) {
        match self.order {
            SortOrder::Coordinate => radix::sort(&mut self.entries, &mut self.spare),
            SortOrder::Name => names::sort(&mut self.entries, &self.arena),
        }
    }
}

/// Merges spilled stretches, given in the order of spilling, into one.
///
/// # Errors
/// The streams' own; [`Error::Io`] if the output fails.
pub fn merge_spilled<R: Read>(
    scratch: Vec<R>,
    order: SortOrder,
    out: &mut impl Write,
) -> Result<(), Error> {
    let mut merged = FrameWriter::new(out);
    let stretches = scratch.into_iter().map(Stretch::spilled).collect();
    let mut sink = |record: RecordView<'_>| spilled::put(&mut merged, &record);
    merge(stretches, order, &Monitor::default(), &mut sink)?;
    merged.finish()
}

/// A sorted stretch of records.
enum Stretch<'a, R> {
    Spilled(Spilled<R>),
    Held {
        arena: &'a Arena,
        entries: &'a [Entry],
        next: usize,
    },
}

impl<R: Read> Stretch<'_, R> {
    const fn spilled(input: R) -> Self {
        Self::Spilled(Spilled::new(input))
    }

    /// Moves to the next record and writes its key; false at the end.
    fn advance(&mut self, order: SortOrder, key: &mut SortKey) -> Result<bool, Error> {
        match self {
            Self::Spilled(spilled) => spilled.advance(order, key),
            Self::Held {
                arena,
                entries,
                next,
            } => {
                let Some(&(head, address)) = entries.get(*next) else {
                    return Ok(false);
                };
                *next += 1;
                match order {
                    SortOrder::Coordinate => *key = SortKey::Coordinate(head),
                    SortOrder::Name => order.key_into(&arena.get(address), key),
                }
                Ok(true)
            }
        }
    }

    fn record(&self) -> RecordView<'_> {
        match self {
            Self::Spilled(spilled) => spilled.record(),
            Self::Held {
                arena,
                entries,
                next,
            } => arena.get(entries[*next - 1].1),
        }
    }
}

fn merge<R: Read, E: From<Error>>(
    mut stretches: Vec<Stretch<'_, R>>,
    order: SortOrder,
    monitor: &Monitor,
    sink: &mut impl FnMut(RecordView<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut count = 0u64;
    let mut poll = || {
        count += 1;
        let cancelled = count.is_multiple_of(POLL_RECORDS) && monitor.is_cancelled();
        if cancelled {
            Err(Error::Cancelled)
        } else {
            Ok(())
        }
    };
    if let [Stretch::Held { arena, entries, .. }] = stretches.as_slice() {
        for &(_, address) in *entries {
            sink(arena.get(address))?;
            poll()?;
        }
        return Ok(());
    }
    let mut heads = Heads::new(stretches.len());
    for (index, stretch) in stretches.iter_mut().enumerate() {
        let mut key = SortKey::Coordinate(0);
        if stretch.advance(order, &mut key)? {
            heads.push(key, index);
        }
    }
    while let Some((_, from)) = heads.first() {
        sink(stretches[from].record())?;
        heads.advance_first(|key| stretches[from].advance(order, key))?;
        poll()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Sketch;
    use proptest::prelude::*;

    fn names(order: SortOrder, memory_bytes: usize, reads: &[(u32, u16, String)]) -> Vec<String> {
        let mut sorter = Sorter::new(order, memory_bytes);
        let mut scratch: Vec<Vec<u8>> = Vec::new();
        for (position, flags, name) in reads {
            let sketch = Sketch {
                name,
                flags: *flags,
                position: *position,
                ..Sketch::default()
            };
            let records = sketch.records();
            if sorter.is_full(&records.get(0)) {
                let mut bytes = Vec::new();
                sorter.spill(&mut bytes).unwrap();
                scratch.push(bytes);
            }
            if scratch.len() > 3 {
                let mut bytes = Vec::new();
                let streams = scratch.iter().map(Vec::as_slice).collect();
                merge_spilled(streams, order, &mut bytes).unwrap();
                scratch = vec![bytes];
            }
            sorter.push(records.get(0));
        }
        let mut names = Vec::new();
        let streams = scratch.iter().map(Vec::as_slice).collect();
        let sink = |record: RecordView<'_>| {
            names.push(String::from_utf8(record.name().to_vec()).unwrap());
            Ok::<(), Error>(())
        };
        sorter.merge(streams, &Monitor::default(), sink).unwrap();
        names
    }

    proptest! {
        #[test]
        fn spilling_changes_nothing(
            reads in prop::collection::vec((0u32..5, 0u16..0x20, "[a-c0-9]{1,6}"), 0..60),
            memory_bytes in 100usize..5_000,
        ) {
            for order in [SortOrder::Coordinate, SortOrder::Name] {
                let whole = names(order, 1 << 20, &reads);
                prop_assert_eq!(names(order, memory_bytes, &reads), whole);
            }
        }

        #[test]
        fn equal_records_keep_their_order(count in 1usize..40, memory_bytes in 100usize..2_000) {
            let reads: Vec<_> = (0..count).map(|at| (7, 0, format!("r{at}"))).collect();
            let expected: Vec<String> = reads.iter().map(|(_, _, name)| name.clone()).collect();
            prop_assert_eq!(names(SortOrder::Coordinate, memory_bytes, &reads), expected);
        }
    }
}
