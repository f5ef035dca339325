//! Which positions any read covers: stretches, whose union does not depend on order.

use genome::record::RecordView;
use genome::region::{self, ContigId, Region};

use crate::container::{Decoder, Error, put_varint};

/// Stretches covered by at least one record.
#[derive(Debug, Clone, Default)]
pub struct Covered {
    stretches: Vec<Region>,
}

impl Covered {
    /// Adds a record's span, deletions included; cheap when records come sorted.
    pub fn add(&mut self, record: &RecordView<'_>) {
        let (Some(contig), Some(start), Some(end)) =
            (record.contig(), record.position(), record.end())
        else {
            return;
        };
        let span = Region::new(contig, start.into(), end.into());
        match self.stretches.last_mut() {
            Some(last)
                if last.contig == contig && (last.start..=last.end).contains(&span.start) =>
            {
                last.end = last.end.max(span.end);
            }
            _ => self.stretches.push(span),
        }
    }

    /// Adds what another part covers.
    pub fn merge(&mut self, other: &Self) {
        self.stretches.extend_from_slice(&other.stretches);
        self.stretches = self.union();
    }

    /// Returns how many positions are covered.
    pub fn covered_bp(&self) -> u64 {
        self.union().iter().map(Region::len).sum()
    }

    /// Appends the stretches' bytes; equal coverage gives equal bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let union = self.union();
        put_varint(out, union.len() as u64);
        let mut before = Region::new(ContigId(0), 0, 0);
        for stretch in union {
            let contigs = stretch.contig.0 - before.contig.0;
            let from = if contigs == 0 { before.end } else { 0 };
            put_varint(out, contigs.into());
            put_varint(out, stretch.start - from);
            put_varint(out, stretch.len());
            before = stretch;
        }
    }

    /// Reads stretches back.
    ///
    /// # Errors
    /// [`Error`] if the bytes are not stretches.
    pub fn decode(fields: &mut Decoder<'_>) -> Result<Self, Error> {
        let mut covered = Self::default();
        let mut before = Region::new(ContigId(0), 0, 0);
        for _ in 0..fields.count()? {
            let contigs: u32 = fields.varint_as()?;
            let from = if contigs == 0 { before.end } else { 0 };
            let contig = before.contig.0.checked_add(contigs);
            let start = from.checked_add(fields.varint()?);
            let (Some(contig), Some(start)) = (contig, start) else {
                return Err(fields.range());
            };
            let end = start.checked_add(fields.varint()?).ok_or(fields.range())?;
            before = Region::new(ContigId(contig), start, end);
            covered.stretches.push(before);
        }
        Ok(covered)
    }

    fn union(&self) -> Vec<Region> {
        region::merge(self.stretches.clone())
    }
}

impl PartialEq for Covered {
    fn eq(&self, other: &Self) -> bool {
        self.union() == other.union()
    }
}

impl Eq for Covered {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Sketch;
    use proptest::prelude::*;

    fn covered(reads: &[(u32, u32)]) -> Covered {
        let mut covered = Covered::default();
        for &(contig, position) in reads {
            let sketch = Sketch {
                contig,
                position,
                ..Sketch::default()
            };
            covered.add(&sketch.records().get(0));
        }
        covered
    }

    proptest! {
        #[test]
        fn union_is_that_of_the_positions(
            reads in prop::collection::vec((0u32..3, 0u32..100), 0..20), cut in 0usize..20,
        ) {
            let (left, right) = reads.split_at(cut.min(reads.len()));
            let mut sum = covered(right);
            sum.merge(&covered(left));
            let positions: std::collections::BTreeSet<(u32, u32)> =
                reads.iter().flat_map(|&(contig, at)| (at..at + 10).map(move |at| (contig, at))).collect();
            prop_assert_eq!(sum.covered_bp(), positions.len() as u64);
            let mut stored = Vec::new();
            covered(&reads).encode(&mut stored);
            let read = Covered::decode(&mut Decoder::new(&stored, "coverage")).unwrap();
            prop_assert_eq!(read, sum);
        }
    }
}
