//! Sorting records by coordinate or name, as `samtools sort` 1.16; equal ones keep their order.
//!
//! Main path: [`Sorter::push`] every record; when [`Sorter::is_full`], [`Sorter::spill`] to a
//! scratch stream of the caller's; at the end [`Sorter::merge`] what was spilled with the rest.

mod key;
mod spilled;

pub use key::{SortKey, SortOrder, compare_names};

use std::io::{Read, Write};

use genome::monitor::Monitor;
use genome::record::{RecordView, Records};
use rayon::slice::ParallelSliceMut;

use crate::container::{Encoder, Error};
use crate::merge::Heads;
use spilled::Spilled;

/// Records between two looks at the monitor.
const POLL_RECORDS: u64 = 1 << 12;

/// What the sorter holds of a record beside its bytes.
type Entry = (SortKey, u64, u32);

/// Sorts any number of records in bounded memory.
#[derive(Debug)]
pub struct Sorter {
    order: SortOrder,
    memory_bytes: usize,
    held_bytes: usize,
    records: Records,
    pushed: u64,
}

impl Sorter {
    /// Sorts in this order; full when records and keys take about `memory_bytes`.
    pub fn new(order: SortOrder, memory_bytes: usize) -> Self {
        Self {
            order,
            memory_bytes,
            held_bytes: 0,
            records: Records::default(),
            pushed: 0,
        }
    }

    /// Takes a record.
    pub fn push(&mut self, record: RecordView<'_>) {
        self.records.push_view(0, record);
        self.held_bytes += record.bytes().len() + self.order.key_bytes(&record);
        self.pushed += 1;
    }

    /// Says whether it is time to spill.
    pub fn is_full(&self) -> bool {
        self.held_bytes >= self.memory_bytes
    }

    /// Writes all records held, sorted, and forgets them.
    ///
    /// # Errors
    /// [`Error::Io`] if the output fails.
    pub fn spill(&mut self, out: &mut impl Write) -> Result<(), Error> {
        let mut section = Encoder::default();
        for (_, ordinal, index) in self.sorted() {
            let record = self.records.get(index as usize);
            section.item(|bytes| spilled::put(bytes, ordinal, &record));
            out.write_all(&section.take_packed())?;
        }
        out.write_all(&section.finish())?;
        self.records.clear();
        self.held_bytes = 0;
        Ok(())
    }

    /// Gives all records in order to a sink: those spilled to these streams, and those held.
    ///
    /// # Errors
    /// The streams' and the sink's own; [`Error::Cancelled`].
    pub fn merge<R: Read, E: From<Error>>(
        self,
        scratch: Vec<R>,
        monitor: &Monitor,
        mut sink: impl FnMut(RecordView<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let held = self.sorted();
        let mut held = held.into_iter();
        let mut streams: Vec<Spilled<R>> = scratch.into_iter().map(Spilled::new).collect();
        let last = streams.len();
        let mut heads = Heads::new(last + 1);
        for (index, stream) in streams.iter_mut().enumerate() {
            if let Some(head) = stream.advance(self.order)? {
                heads.push(head, index);
            }
        }
        let mut held_index = 0;
        let mut next_held = || {
            let (key, ordinal, index) = held.next()?;
            Some(((key, ordinal), index))
        };
        if let Some((head, index)) = next_held() {
            held_index = index as usize;
            heads.push(head, last);
        }
        let mut count = 0u64;
        while let Some((_, from)) = heads.first() {
            let next = if from == last {
                sink(self.records.get(held_index))?;
                next_held().map(|(head, index)| {
                    held_index = index as usize;
                    head
                })
            } else {
                sink(streams[from].record())?;
                streams[from].advance(self.order)?
            };
            heads.replace_first(next);
            count += 1;
            if count.is_multiple_of(POLL_RECORDS) && monitor.is_cancelled() {
                return Err(Error::Cancelled.into());
            }
        }
        Ok(())
    }

    fn sorted(&self) -> Vec<Entry> {
        let first = self.pushed - self.records.len() as u64;
        let entry = |(index, record): (usize, RecordView<'_>)| {
            (self.order.key(&record), first + index as u64, index as u32)
        };
        let mut entries: Vec<Entry> = self.records.iter().enumerate().map(entry).collect();
        entries.par_sort_unstable();
        entries
    }
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
            sorter.push(sketch.records().get(0));
            if sorter.is_full() {
                let mut bytes = Vec::new();
                sorter.spill(&mut bytes).unwrap();
                scratch.push(bytes);
            }
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
                let whole = names(order, usize::MAX, &reads);
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
