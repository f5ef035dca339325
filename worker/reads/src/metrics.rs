//! Quality metrics of a genome: integers counted by partition, which add up in any order.

mod coverage;

pub use coverage::Covered;

use genome::cigar::CigarKind;
use genome::record::{Flags, RecordView, TagValue, tags};

use crate::container::{Decoder, Error, put_varint};
use crate::duplicates::Histogram;

/// What is counted of the records of a part of the genome.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QualityMetrics {
    /// Primary records: one a read.
    pub reads: u64,
    /// Bases of the reads.
    pub bases: u64,
    /// Reads that are mapped.
    pub mapped: u64,
    /// Reads that come in pairs.
    pub paired: u64,
    /// Reads in proper pairs.
    pub properly_paired: u64,
    /// Reads that are duplicates.
    pub duplicates: u64,
    /// Secondary records.
    pub secondary: u64,
    /// Supplementary records.
    pub supplementary: u64,
    /// Aligned bases of mapped reads that are no duplicates.
    pub aligned_bases: u64,
    /// Bases among these that differ from the reference, where `NM` says so.
    pub mismatches: u64,
    /// Fragment lengths in bp of proper pairs that are no duplicates.
    pub insert_sizes: Histogram,
    /// Positions that mapped reads that are no duplicates cover.
    pub covered: Covered,
}

impl QualityMetrics {
    /// Counts a record whose flags are final.
    pub fn add(&mut self, record: &RecordView<'_>) {
        let flags = record.flags();
        if !flags.is_primary() {
            let secondary = flags.has(Flags::SECONDARY);
            self.secondary += u64::from(secondary);
            self.supplementary += u64::from(!secondary);
            return;
        }
        self.reads += 1;
        self.bases += record.base_count() as u64;
        self.mapped += u64::from(!flags.is_unmapped());
        self.paired += u64::from(flags.is_paired());
        let proper = flags.is_paired() && flags.has(Flags::PROPER_PAIR) && !flags.is_unmapped();
        self.properly_paired += u64::from(proper);
        self.duplicates += u64::from(flags.is_duplicate());
        if flags.is_unmapped() || flags.is_duplicate() {
            return;
        }
        let (aligned, mismatches) = alignment(record);
        self.aligned_bases += aligned;
        self.mismatches += mismatches;
        self.covered.add(record);
        // One of two mates has a positive length.
        if let (true, Ok(length @ 1..)) = (proper, u64::try_from(record.template_length())) {
            self.insert_sizes.add(length);
        }
    }

    /// Adds the counts of another part.
    pub fn merge(&mut self, other: &Self) {
        let mut theirs = other.clone();
        for (mine, theirs) in self.fields().into_iter().zip(theirs.fields()) {
            *mine += *theirs;
        }
        self.insert_sizes.merge(&other.insert_sizes);
        self.covered.merge(&other.covered);
    }

    /// Returns the mean of the insert sizes in bp, if there is any.
    pub fn mean_insert_size(&self) -> Option<f64> {
        let pairs = self.insert_sizes.total();
        let sum: u64 = self
            .insert_sizes
            .iter()
            .map(|(size, count)| size * count)
            .sum();
        (pairs > 0).then(|| sum as f64 / pairs as f64)
    }

    /// Returns the median of the insert sizes in bp, the lower of two.
    pub fn median_insert_size(&self) -> Option<u64> {
        let half = self.insert_sizes.total().div_ceil(2);
        let mut below = 0;
        let mut reaching = self.insert_sizes.iter().filter(|&(_, count)| {
            below += count;
            below >= half
        });
        reaching.next().map(|(size, _)| size)
    }

    /// Returns the mean depth of the positions that are covered at all.
    pub fn mean_where_covered(&self) -> f64 {
        self.aligned_bases as f64 / self.covered.covered_bp().max(1) as f64
    }

    /// Appends the metrics' bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for field in self.clone().fields() {
            put_varint(out, *field);
        }
        self.insert_sizes.encode(out);
        self.covered.encode(out);
    }

    /// Reads metrics back.
    ///
    /// # Errors
    /// [`Error`] if the bytes are not metrics.
    pub fn decode(fields: &mut Decoder<'_>) -> Result<Self, Error> {
        let mut metrics = Self::default();
        for field in metrics.fields() {
            *field = fields.varint()?;
        }
        metrics.insert_sizes = Histogram::decode(fields)?;
        metrics.covered = Covered::decode(fields)?;
        Ok(metrics)
    }

    fn fields(&mut self) -> [&mut u64; 10] {
        let Self {
            reads,
            bases,
            mapped,
            paired,
            properly_paired,
            duplicates,
            secondary,
            supplementary,
            aligned_bases,
            mismatches,
            insert_sizes: _,
            covered: _,
        } = self;
        [
            reads,
            bases,
            mapped,
            paired,
            properly_paired,
            duplicates,
            secondary,
            supplementary,
            aligned_bases,
            mismatches,
        ]
    }
}

/// Returns how many bases are aligned, and how many of them differ: `NM` without its indels.
fn alignment(record: &RecordView<'_>) -> (u64, u64) {
    let (mut aligned, mut indels) = (0, 0);
    for op in record.cigar() {
        let length = u64::from(op.len());
        match op.kind() {
            CigarKind::Insertion | CigarKind::Deletion => indels += length,
            kind if kind.is_aligned() => aligned += length,
            _ => {}
        }
    }
    let distance = tags(record.tag_bytes()).find_map(|(tag, value)| match value {
        TagValue::Integer(distance) if tag == *b"NM" => u64::try_from(distance).ok(),
        _ => None,
    });
    (aligned, distance.unwrap_or(0).saturating_sub(indels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Sketch;
    use proptest::prelude::*;

    fn counted(sketches: &[Sketch<'_>]) -> QualityMetrics {
        let mut metrics = QualityMetrics::default();
        for sketch in sketches {
            let mut records = sketch.records();
            records.tag_integer(*b"NM", 4);
            metrics.add(&records.get(0));
        }
        metrics
    }

    #[test]
    fn each_fact_is_counted_once() {
        let proper = Flags::PAIRED | Flags::PROPER_PAIR;
        let sketch = |flags, template_length| Sketch {
            flags,
            template_length,
            cigar: "2S6M1D2M1I",
            ..Sketch::default()
        };
        let metrics = counted(&[
            sketch(proper, 300),
            sketch(proper, -300),
            sketch(proper | Flags::DUPLICATE, 300),
            sketch(Flags::SUPPLEMENTARY | Flags::PAIRED, 0),
            sketch(Flags::UNMAPPED, 0),
        ]);
        assert_eq!(
            (metrics.reads, metrics.mapped, metrics.properly_paired),
            (4, 3, 3)
        );
        assert_eq!((metrics.duplicates, metrics.supplementary), (1, 1));
        assert_eq!((metrics.aligned_bases, metrics.mismatches), (16, 4));
        assert_eq!(metrics.mean_insert_size(), Some(300.0));
        assert_eq!(metrics.insert_sizes.total(), 1);
        assert_eq!((metrics.bases, metrics.covered.covered_bp()), (44, 9));
    }

    #[test]
    fn the_median_is_the_lower_of_two() {
        let mut metrics = QualityMetrics::default();
        assert_eq!(metrics.median_insert_size(), None);
        for size in [500, 100, 300, 200] {
            metrics.insert_sizes.add(size);
        }
        assert_eq!(metrics.median_insert_size(), Some(200));
    }

    proptest! {
        #[test]
        fn parts_add_up_in_any_order(
            reads in prop::collection::vec((0u16..0x1000, -500i32..500), 0..20), cut in 0usize..20,
        ) {
            let sketch = |&(flags, template_length): &(u16, i32)| Sketch {
                flags,
                template_length,
                ..Sketch::default()
            };
            let sketches: Vec<Sketch<'_>> = reads.iter().map(sketch).collect();
            let (left, right) = sketches.split_at(cut.min(sketches.len()));
            let mut sum = counted(right);
            sum.merge(&counted(left));
            let mut stored = Vec::new();
            sum.encode(&mut stored);
            let read = QualityMetrics::decode(&mut Decoder::new(&stored, "metrics")).unwrap();
            prop_assert_eq!(read, counted(&sketches));
        }
    }
}
