//! Observations and errors by covariate: integers that add up in any order.

use super::context::{CONTEXTS, NO_CONTEXT};
use super::{MAX_CYCLE, MAX_QUALITY};
use genome::record::RecordView;

use crate::container::{self, Decoder, put_signed, put_varint};

const QUALITIES: usize = MAX_QUALITY as usize + 1;

/// Cycles that a row has room for at once; longer reads make room.
const USUAL_CYCLES: usize = 2 * MAX_CYCLE;

/// No read is believed to be longer.
const MOST_CYCLE: u64 = 1 << 24;

/// Bases seen, and how many of them differ from the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Bases seen.
    pub observations: u64,
    /// Mismatches among them.
    pub errors: u64,
}

impl Tally {
    #[inline]
    fn add(&mut self, error: bool) {
        self.observations += 1;
        if error {
            self.errors += 1;
        }
    }

    /// Adds another tally.
    pub fn merge(&mut self, other: &Self) {
        self.observations += other.observations;
        self.errors += other.errors;
    }

    const fn is_empty(&self) -> bool {
        self.observations == 0
    }
}

/// The tallies of one read group and one reported quality.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// By context, the last of which is that of bases without one; then cycles 1, −1, 2, −2 and so on: each
    /// base has one. Empty if there are no bases.
    tallies: Vec<Tally>,
}

/// Where the cycles begin among the tallies.
const FIRST_CYCLE: usize = CONTEXTS + 1;

impl Row {
    /// Counts a base; `context` ≤ [`NO_CONTEXT`], the cycle by its `slot`.
    #[inline]
    pub fn add(&mut self, context: u8, slot: usize, error: bool) {
        self.tally_mut(FIRST_CYCLE + slot).add(error);
        self.tally_mut(usize::from(context)).add(error);
    }

    /// Returns the tally of all its bases.
    pub fn all(&self) -> Tally {
        let mut all = Tally::default();
        self.by_cycle().iter().for_each(|tally| all.merge(tally));
        all
    }

    /// Returns the contexts that occur with their tallies, ascending.
    pub fn contexts(&self) -> impl Iterator<Item = (u8, Tally)> + '_ {
        let tallies = (0..NO_CONTEXT).zip(self.tallies.iter().copied());
        tallies.filter(|(_, tally)| !tally.is_empty())
    }

    /// Returns the cycles that occur with their tallies, ascending.
    pub fn cycles(&self) -> impl Iterator<Item = (i32, Tally)> + '_ {
        let most = self.by_cycle().len().div_ceil(2) as i32;
        let tally = |cycle: i32| {
            let tally = self.by_cycle().get(slot(cycle)).copied();
            (cycle, tally.unwrap_or_default())
        };
        let cycles = (-most..0).chain(1..=most).map(tally);
        cycles.filter(|(_, tally)| !tally.is_empty())
    }

    fn by_cycle(&self) -> &[Tally] {
        self.tallies.get(FIRST_CYCLE..).unwrap_or_default()
    }

    #[inline]
    fn tally_mut(&mut self, at: usize) -> &mut Tally {
        if self.tallies.len() <= at {
            self.make_room(at);
        }
        &mut self.tallies[at]
    }

    #[cold]
    fn make_room(&mut self, at: usize) {
        let usual = FIRST_CYCLE + USUAL_CYCLES;
        self.tallies.resize(usual.max(at + 1), Tally::default());
    }

    fn merge(&mut self, other: &Self) {
        if self.tallies.len() < other.tallies.len() {
            self.tallies.resize(other.tallies.len(), Tally::default());
        }
        for (mine, theirs) in self.tallies.iter_mut().zip(&other.tallies) {
            mine.merge(theirs);
        }
    }
}

/// All counts of a part of a genome.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// By read group key × quality.
    rows: Vec<Row>,
}

impl Counts {
    /// Returns the rows of a read group by quality, to be counted into.
    #[inline]
    pub fn group_mut(&mut self, read_group: u16) -> &mut [Row] {
        let start = usize::from(read_group) * QUALITIES;
        let end = start + QUALITIES;
        if self.rows.len() < end {
            self.rows.resize(end, Row::default());
        }
        &mut self.rows[start..end]
    }

    fn row_mut(&mut self, read_group: u16, quality: u8) -> &mut Row {
        &mut self.group_mut(read_group)[usize::from(quality)]
    }

    /// Returns the rows that occur, by read group key and quality, ascending.
    pub fn rows(&self) -> impl Iterator<Item = (u16, u8, &Row)> {
        let rows = self.rows.iter().enumerate();
        let occurring = rows.filter(|(_, row)| !row.tallies.is_empty());
        occurring.map(|(index, row)| {
            let (group, quality) = (index / QUALITIES, index % QUALITIES);
            (group as u16, quality as u8, row)
        })
    }

    /// Adds the counts of another part.
    pub fn merge(&mut self, other: &Self) {
        for (read_group, quality, row) in other.rows() {
            self.row_mut(read_group, quality).merge(row);
        }
    }

    /// Appends the counts' bytes; equal counts give equal bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.rows().count() as u64);
        for (read_group, quality, row) in self.rows() {
            put_varint(out, read_group.into());
            out.push(quality);
            put_tally(out, &row.all());
            put_varint(out, row.contexts().count() as u64);
            for (context, tally) in row.contexts() {
                out.push(context);
                put_tally(out, &tally);
            }
            put_varint(out, row.cycles().count() as u64);
            for (cycle, tally) in row.cycles() {
                put_signed(out, cycle.into());
                put_tally(out, &tally);
            }
        }
    }

    /// Reads counts back.
    ///
    /// # Errors
    /// [`container::Error`] if the bytes are not counts.
    pub fn decode(fields: &mut Decoder<'_>) -> Result<Self, container::Error> {
        let mut counts = Self::default();
        for _ in 0..fields.count()? {
            let (read_group, quality) = (fields.varint_as()?, fields.u8()?);
            if quality > MAX_QUALITY {
                return Err(fields.range());
            }
            let row = counts.row_mut(read_group, quality);
            let all = take_tally(fields)?;
            for _ in 0..fields.count()? {
                let context = usize::from(fields.u8()?);
                let tally = take_tally(fields)?;
                if context >= CONTEXTS {
                    return Err(fields.range());
                }
                row.tally_mut(context).merge(&tally);
            }
            for _ in 0..fields.count()? {
                let cycle: i32 = fields.signed_as()?;
                let tally = take_tally(fields)?;
                if cycle == 0 || u64::from(cycle.unsigned_abs()) > MOST_CYCLE {
                    return Err(fields.range());
                }
                row.tally_mut(FIRST_CYCLE + slot(cycle)).merge(&tally);
            }
            if row.all() != all {
                return Err(fields.range());
            }
        }
        Ok(counts)
    }
}

/// Says where a cycle stands among 1, −1, 2, −2 and so on.
#[inline]
pub(crate) const fn slot(cycle: i32) -> usize {
    let magnitude = cycle.unsigned_abs() as usize;
    2 * magnitude.saturating_sub(1) + (cycle < 0) as usize
}

/// Where the cycles of a read's bases stand: 1 is the first that was sequenced; second reads count
/// negative.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slots {
    reverse: bool,
    last: usize,
    second: usize,
}

impl Slots {
    /// Those of a record of which this many bases are left.
    pub(crate) fn of(record: &RecordView<'_>, length: usize) -> Self {
        let flags = record.flags();
        Self {
            reverse: flags.is_reverse(),
            last: length.saturating_sub(1),
            second: usize::from(flags.is_paired() && flags.is_second()),
        }
    }

    /// Returns the slot of a base.
    #[inline]
    pub(crate) const fn of_base(self, index: usize) -> usize {
        let from_start = if self.reverse {
            self.last - index
        } else {
            index
        };
        2 * from_start + self.second
    }
}

fn put_tally(out: &mut Vec<u8>, tally: &Tally) {
    put_varint(out, tally.observations);
    put_varint(out, tally.errors);
}

fn take_tally(fields: &mut Decoder<'_>) -> Result<Tally, container::Error> {
    Ok(Tally {
        observations: fields.varint()?,
        errors: fields.varint()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Sketch;
    use genome::record::Flags;
    use proptest::prelude::*;

    type Base = (u16, u8, u8, i32, bool);

    fn base() -> impl Strategy<Value = Base> {
        let context = 0..=NO_CONTEXT;
        let cycle = (1i32..=700, any::<bool>());
        let cycle = cycle.prop_map(|(cycle, second)| if second { -cycle } else { cycle });
        (0u16..3, 0u8..94, context, cycle, any::<bool>())
    }

    fn counts(bases: &[Base]) -> Counts {
        let mut counts = Counts::default();
        for &(group, quality, context, cycle, error) in bases {
            counts
                .row_mut(group, quality)
                .add(context, slot(cycle), error);
        }
        counts
    }

    fn bytes(counts: &Counts) -> Vec<u8> {
        let mut bytes = Vec::new();
        counts.encode(&mut bytes);
        bytes
    }

    #[test]
    fn cycles_count_from_the_first_base_sequenced() {
        let slots = |flags| {
            let sketch = Sketch {
                flags,
                ..Sketch::default()
            };
            Slots::of(&sketch.records().get(0), 10)
        };
        let second = Flags::PAIRED | Flags::SECOND;
        assert_eq!(slots(0).of_base(0), slot(1));
        assert_eq!(slots(Flags::REVERSE).of_base(0), slot(10));
        assert_eq!(slots(Flags::REVERSE | second).of_base(9), slot(-1));
    }

    proptest! {
        #[test]
        fn parts_add_up_in_any_order(bases in prop::collection::vec(base(), 0..60), cut in 0usize..60) {
            let (left, right) = bases.split_at(cut.min(bases.len()));
            let mut forth = counts(left);
            forth.merge(&counts(right));
            let mut back = counts(right);
            back.merge(&counts(left));
            prop_assert_eq!(bytes(&forth), bytes(&counts(&bases)));
            prop_assert_eq!(bytes(&back), bytes(&forth));
        }

        #[test]
        fn counts_survive_a_round_trip(bases in prop::collection::vec(base(), 0..60)) {
            let stored = bytes(&counts(&bases));
            let mut fields = Decoder::new(&stored, "counts");
            let read = Counts::decode(&mut fields).unwrap();
            prop_assert!(fields.finish().is_ok());
            prop_assert_eq!(bytes(&read), stored);
        }
    }
}
