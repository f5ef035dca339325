//! Observations and errors by covariate: integers that add up in any order.

use super::context::CONTEXTS;
use super::{MAX_CYCLE, MAX_QUALITY};
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
        self.errors += u64::from(error);
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    all: Tally,
    contexts: [Tally; CONTEXTS],
    /// Cycles 1, −1, 2, −2 and so on.
    cycles: Vec<Tally>,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            all: Tally::default(),
            contexts: [Tally::default(); CONTEXTS],
            cycles: vec![Tally::default(); USUAL_CYCLES],
        }
    }
}

impl Row {
    /// Counts a base; `context` < 16, the cycle is not 0.
    #[inline]
    pub fn add(&mut self, context: Option<u8>, cycle: i32, error: bool) {
        self.all.add(error);
        self.cycle_mut(cycle).add(error);
        if let Some(context) = context {
            self.contexts[usize::from(context)].add(error);
        }
    }

    /// Returns the tally of all its bases.
    pub const fn all(&self) -> Tally {
        self.all
    }

    /// Returns the contexts that occur with their tallies, ascending.
    pub fn contexts(&self) -> impl Iterator<Item = (u8, Tally)> + '_ {
        let tallies = (0u8..).zip(self.contexts.iter().copied());
        tallies.filter(|(_, tally)| !tally.is_empty())
    }

    /// Returns the cycles that occur with their tallies, ascending.
    pub fn cycles(&self) -> impl Iterator<Item = (i32, Tally)> + '_ {
        let most = self.cycles.len().div_ceil(2) as i32;
        let tally = |cycle: i32| {
            let tally = self.cycles.get(slot(cycle)).copied();
            (cycle, tally.unwrap_or_default())
        };
        let cycles = (-most..0).chain(1..=most).map(tally);
        cycles.filter(|(_, tally)| !tally.is_empty())
    }

    #[inline]
    fn cycle_mut(&mut self, cycle: i32) -> &mut Tally {
        let slot = slot(cycle);
        if self.cycles.len() <= slot {
            self.cycles.resize(slot + 1, Tally::default());
        }
        &mut self.cycles[slot]
    }

    fn merge(&mut self, other: &Self) {
        self.all.merge(&other.all);
        for (mine, theirs) in self.contexts.iter_mut().zip(&other.contexts) {
            mine.merge(theirs);
        }
        for (cycle, theirs) in other.cycles() {
            self.cycle_mut(cycle).merge(&theirs);
        }
    }
}

/// All counts of a part of a genome.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// By read group key × quality.
    rows: Vec<Option<Box<Row>>>,
}

impl Counts {
    /// Returns the row of a read group and a quality ≤ 93, to be counted into.
    #[inline]
    pub fn row_mut(&mut self, read_group: u16, quality: u8) -> &mut Row {
        let index = usize::from(read_group) * QUALITIES + usize::from(quality);
        if self.rows.len() <= index {
            let groups = usize::from(read_group) + 1;
            self.rows.resize(groups * QUALITIES, None);
        }
        self.rows[index].get_or_insert_default()
    }

    /// Returns the rows that occur, by read group key and quality, ascending.
    pub fn rows(&self) -> impl Iterator<Item = (u16, u8, &Row)> {
        let rows = self.rows.iter().enumerate();
        rows.filter_map(|(index, row)| {
            let row = row.as_deref()?;
            let (group, quality) = (index / QUALITIES, index % QUALITIES);
            Some((group as u16, quality as u8, row))
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
            put_tally(out, &row.all);
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
            row.all.merge(&take_tally(fields)?);
            for _ in 0..fields.count()? {
                let context = usize::from(fields.u8()?);
                let tally = take_tally(fields)?;
                let slot = row.contexts.get_mut(context);
                slot.ok_or(fields.range())?.merge(&tally);
            }
            for _ in 0..fields.count()? {
                let cycle: i32 = fields.signed_as()?;
                let tally = take_tally(fields)?;
                if cycle == 0 || u64::from(cycle.unsigned_abs()) > MOST_CYCLE {
                    return Err(fields.range());
                }
                row.cycle_mut(cycle).merge(&tally);
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
    use proptest::prelude::*;

    type Base = (u16, u8, Option<u8>, i32, bool);

    fn base() -> impl Strategy<Value = Base> {
        let context = prop::option::of(0u8..16);
        let cycle = (1i32..=700, any::<bool>());
        let cycle = cycle.prop_map(|(cycle, second)| if second { -cycle } else { cycle });
        (0u16..3, 0u8..94, context, cycle, any::<bool>())
    }

    fn counts(bases: &[Base]) -> Counts {
        let mut counts = Counts::default();
        for &(group, quality, context, cycle, error) in bases {
            counts.row_mut(group, quality).add(context, cycle, error);
        }
        counts
    }

    fn bytes(counts: &Counts) -> Vec<u8> {
        let mut bytes = Vec::new();
        counts.encode(&mut bytes);
        bytes
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
