//! Ends out of records in any order, joined to pairs by name in bounded memory.
//!
//! Picard looks for a record's mate by the record's contig and name, whatever its read group.

use std::io::{Read, Write};

use rustc_hash::FxHashMap;

use super::barcode::Barcodes;
use super::end::End;
use super::key::{EndSite, PairKey};
use super::location::Location;
use super::packed::numbered;
use crate::container::{Decoder, Error, put_signed, put_varint};
use crate::merge::Merged;
use crate::scratch::{FrameReader, FrameWriter};
use genome::record::RecordView;

/// What an end that waits takes beside its name.
const WAITING_BYTES: usize = 2 * size_of::<(Key, End)>();

/// Name, and the contig where the mate is.
type Key = (Box<[u8]>, u32);

/// Ends that wait for their mate.
///
/// For input whose mates are not neighbours.
#[derive(Debug)]
pub struct Pairing {
    waiting: FxHashMap<Key, End>,
    held_bytes: usize,
    most_bytes: usize,
}

impl Pairing {
    /// Keeps about so many bytes in memory.
    pub fn new(memory_bytes: usize) -> Self {
        Self {
            waiting: FxHashMap::default(),
            held_bytes: 0,
            most_bytes: memory_bytes,
        }
    }

    /// Takes the end of a record; returns the pair's key if it is the second of two.
    pub fn add(&mut self, end: &End, record: &RecordView<'_>) -> Option<PairKey> {
        if !end.paired {
            return None;
        }
        let mut key: Key = (record.name().into(), end.site.contig);
        if let Some(mate) = self.waiting.remove(&key) {
            self.held_bytes -= WAITING_BYTES + record.name().len();
            return Some(end.pair(&mate));
        }
        key.1 = record.mate_contig().map_or(u32::MAX, |contig| contig.0);
        if self.waiting.insert(key, *end).is_none() {
            self.held_bytes += WAITING_BYTES + record.name().len();
        }
        None
    }

    /// Says whether it is time to spill.
    pub const fn is_full(&self) -> bool {
        self.held_bytes >= self.most_bytes
    }

    /// Writes all ends that wait, in order of their names, and forgets them.
    ///
    /// # Errors
    /// [`Error::Io`] if the output fails.
    pub fn spill(&mut self, out: &mut impl Write) -> Result<(), Error> {
        let mut stretch = FrameWriter::new(out);
        for waiting in self.drain() {
            stretch.item(|frame| put(frame, &waiting))?;
        }
        stretch.finish()
    }

    /// Joins the ends spilled to these streams, and those that wait still; gives each pair's key.
    ///
    /// # Errors
    /// The streams' and the sink's own.
    pub fn finish<R: Read, E: From<Error>>(
        mut self,
        scratch: Vec<R>,
        mut sink: impl FnMut(PairKey) -> Result<(), E>,
    ) -> Result<(), E> {
        if scratch.is_empty() {
            return Ok(());
        }
        let mut streams: Vec<Stretch<R>> = scratch.into_iter().map(Stretch::spilled).collect();
        streams.push(Stretch::Held(self.drain().into_iter()));
        // Those of one name, each waiting for a mate on another contig.
        let mut waiting: Vec<Waiting> = Vec::new();
        for second in Merged::new(streams)? {
            let second = second?;
            waiting.retain(|first| first.key.0 == second.key.0);
            let is_mate = |first: &Waiting| first.key.1 == second.end.site.contig;
            if let Some(at) = waiting.iter().position(is_mate) {
                sink(second.end.pair(&waiting.swap_remove(at).end))?;
                continue;
            }
            waiting.retain(|first| first.key != second.key);
            waiting.push(second);
        }
        Ok(())
    }

    fn drain(&mut self) -> Vec<Waiting> {
        let waiting = self.waiting.drain().map(|(key, end)| Waiting { key, end });
        let mut waiting: Vec<Waiting> = waiting.collect();
        waiting.sort_unstable();
        self.held_bytes = 0;
        waiting
    }
}

/// An end that waits; those of one name come in the order of the file.
#[derive(Debug)]
struct Waiting {
    key: Key,
    end: End,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let rank = |waiting: &Self| (waiting.end.place.ordinal, waiting.end.place.index);
        let names = self.key.0.cmp(&other.key.0);
        names.then_with(|| rank(self).cmp(&rank(other)))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}

/// A stretch of ends in order of their names.
enum Stretch<R> {
    Spilled { frames: FrameReader<R>, next: usize },
    Held(std::vec::IntoIter<Waiting>),
}

impl<R: Read> Stretch<R> {
    const fn spilled(input: R) -> Self {
        Self::Spilled {
            frames: FrameReader::new(input),
            next: 0,
        }
    }

    fn advance(&mut self) -> Result<Option<Waiting>, Error> {
        let (frames, next) = match self {
            Self::Held(waiting) => return Ok(waiting.next()),
            Self::Spilled { frames, next } => (frames, next),
        };
        if *next == frames.frame().len() {
            if !frames.next_frame()? {
                return Ok(None);
            }
            *next = 0;
        }
        let frame = frames.frame();
        let mut fields = Decoder::new(&frame[*next..], "spilled ends");
        let waiting = take(&mut fields)?;
        *next = frame.len() - fields.remaining();
        Ok(Some(waiting))
    }
}

impl<R: Read> Iterator for Stretch<R> {
    type Item = Result<Waiting, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

const REVERSE: u8 = 1;
const FIRST: u8 = 2;
const LONE: u8 = 4;

fn put(out: &mut Vec<u8>, waiting: &Waiting) {
    let (name, mate_contig) = &waiting.key;
    let end = &waiting.end;
    put_varint(out, (*mate_contig).into());
    put_varint(out, end.read_group.into());
    put_varint(out, name.len() as u64);
    out.extend_from_slice(name);
    put_varint(out, end.site.library.into());
    put_varint(out, end.site.contig.into());
    put_signed(out, end.site.coordinate.into());
    let bit = |is: bool, bit: u8| if is { bit } else { 0 };
    let reverse = bit(end.site.reverse, REVERSE);
    out.push(reverse | bit(end.first_of_pair, FIRST) | bit(end.lone, LONE));
    put_signed(out, end.score.into());
    for field in [end.location.tile, end.location.x, end.location.y] {
        put_signed(out, field.into());
    }
    put_varint(out, end.barcodes.molecule.into());
    put_varint(out, end.barcodes.own.into());
    put_varint(out, end.place.ordinal);
    put_varint(out, end.place.index.into());
}

fn take(fields: &mut Decoder<'_>) -> Result<Waiting, Error> {
    let mate_contig = fields.varint_as()?;
    let read_group = fields.varint_as()?;
    let length = fields.varint_as()?;
    let name: Box<[u8]> = fields.bytes(length)?.into();
    let (library, contig, coordinate) = (
        fields.varint_as()?,
        fields.varint_as()?,
        fields.signed_as()?,
    );
    let marks = fields.u8()?;
    let score = fields.signed_as()?;
    let location = Location {
        tile: fields.signed_as()?,
        x: fields.signed_as()?,
        y: fields.signed_as()?,
    };
    let barcodes = Barcodes {
        molecule: fields.varint_as()?,
        own: fields.varint_as()?,
    };
    let mut place = numbered(fields.varint()?);
    place.index = fields.varint_as()?;
    let end = End {
        site: EndSite {
            library,
            contig,
            coordinate,
            reverse: marks & REVERSE != 0,
            barcode: 0,
        },
        read_group,
        first_of_pair: marks & FIRST != 0,
        is_read_of_pair: true,
        paired: true,
        lone: marks & LONE != 0,
        score,
        location,
        barcodes,
        place,
    };
    Ok(Waiting {
        key: (name, mate_contig),
        end,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Sketch;
    use genome::record::Flags;
    use proptest::prelude::*;

    fn pairs(memory_bytes: usize, reads: &[(u8, u32)]) -> Vec<PairKey> {
        let mut pairing = Pairing::new(memory_bytes);
        let (mut scratch, mut pairs) = (Vec::new(), Vec::new());
        for (ordinal, &(name, position)) in (0..).zip(reads) {
            let sketch = Sketch {
                name: &format!("r{name}"),
                flags: Flags::PAIRED
                    | if ordinal % 2 == 0 {
                        Flags::FIRST
                    } else {
                        Flags::SECOND
                    },
                position,
                mate_position: Some(7),
                ..Sketch::default()
            };
            let records = sketch.records();
            let end = End::of(&records.get(0), numbered(ordinal), 0, 0).unwrap();
            pairs.extend(pairing.add(&end, &records.get(0)));
            if pairing.is_full() {
                let mut bytes = Vec::new();
                pairing.spill(&mut bytes).unwrap();
                scratch.push(bytes);
            }
        }
        let streams = scratch.iter().map(Vec::as_slice).collect();
        let sink = |pair| {
            pairs.push(pair);
            Ok::<(), Error>(())
        };
        pairing.finish(streams, sink).unwrap();
        pairs.sort_unstable();
        pairs
    }

    #[test]
    fn reads_of_one_name_pair_up_as_they_come() {
        let mut pairing = Pairing::new(usize::MAX);
        let mut ordinals = Vec::new();
        for (ordinal, position) in (0..).zip([100, 100, 300, 300]) {
            let sketch = Sketch {
                name: "twin",
                flags: Flags::PAIRED,
                position,
                mate_position: Some(7),
                ..Sketch::default()
            };
            let records = sketch.records();
            let group = ordinal as u16 % 2;
            let end = End::of(&records.get(0), numbered(ordinal), group, group).unwrap();
            let pair = pairing.add(&end, &records.get(0));
            ordinals
                .extend(pair.map(|pair| (pair.places.map(|place| place.ordinal), pair.read_group)));
        }
        assert_eq!(ordinals, [([0, 1], 0), ([2, 3], 0)]);
    }

    proptest! {
        #[test]
        fn spilling_changes_no_pair(
            reads in prop::collection::vec(0u32..500, 0..40), seed in any::<u64>(),
            memory_bytes in 0usize..3_000,
        ) {
            // Two ends of each name, the second ones in another order.
            let count = reads.len();
            let mut both: Vec<(u8, u32)> = (0u8..).zip(reads.iter().copied()).collect();
            let turned = |at: usize| (at as u64).wrapping_mul(seed | 1) ^ seed;
            let mut second: Vec<usize> = (0..count).collect();
            second.sort_by_key(|&at| turned(at));
            both.extend(second.into_iter().map(|at| (at as u8, reads[at] + 100)));
            let whole = pairs(usize::MAX, &both);
            prop_assert_eq!(whole.len(), count);
            prop_assert_eq!(pairs(memory_bytes, &both), whole);
        }
    }
}
