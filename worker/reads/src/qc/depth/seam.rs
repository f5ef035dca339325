//! Putting the coverage of neighbouring parts together: reads start in one and end in the next.

use genome::reference::Reference;
use genome::region::{ContigId, Region};
use rustc_hash::FxHashMap;

use super::{Coverage, UNKNOWN};

/// How far into a part reads of the part before may reach: only reads with mapped mates count, and
/// these are short.
pub(super) const HEAD_BP: u64 = 1 << 13;

/// The coverage of a part, with what its neighbours need to know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DepthPart {
    pub(super) coverage: Coverage,
    pub(super) stretches: Vec<Stretch>,
}

/// The ends of a region that is no whole contig.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Stretch {
    /// The region; none only while nothing has begun.
    pub region: Option<Region>,
    /// Depths of the first positions, [`UNKNOWN`] where the reference is; empty at a contig's start.
    pub head: Vec<u32>,
    /// Which bases counted, of names that may occur before the region.
    pub head_names: Vec<(Vec<u8>, Counted)>,
    /// Depths behind the region.
    pub tail: Vec<u32>,
    /// Which bases counted there, by name.
    pub tail_names: Vec<(Vec<u8>, Counted)>,
}

/// Which bases of the records of one name counted, from a position on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Counted {
    pub start: u64,
    pub counted: Vec<bool>,
}

impl Counted {
    pub(super) const fn end(&self) -> u64 {
        self.start + self.counted.len() as u64
    }

    /// Adds a record that starts no earlier.
    pub(super) fn join(&mut self, other: &Self) {
        let from = other.start.saturating_sub(self.start) as usize;
        if from > self.counted.len() {
            // What came before reaches no later record.
            *self = other.clone();
            return;
        }
        let length = self.counted.len().max(from + other.counted.len());
        self.counted.resize(length, false);
        for (mine, theirs) in self.counted[from..].iter_mut().zip(&other.counted) {
            *mine |= theirs;
        }
    }

    pub(super) fn has(&self, position: u64) -> bool {
        let at = position.checked_sub(self.start);
        let counted = at.and_then(|at| self.counted.get(at as usize));
        counted.copied().unwrap_or(false)
    }

    /// Leaves out what lies before a position.
    pub(super) fn from(mut self, position: u64) -> Self {
        let gone = position.saturating_sub(self.start);
        self.counted
            .drain(..(gone as usize).min(self.counted.len()));
        self.start += gone;
        self
    }
}

/// What hangs over the end of the last region.
#[derive(Debug, Default)]
struct Overhang {
    contig: Option<ContigId>,
    end: u64,
    depths: Vec<u32>,
    names: FxHashMap<Vec<u8>, Counted>,
}

/// Joins the parts of a genome, given in its order.
///
/// `targets` are those of the parts.
pub fn join(
    parts: impl IntoIterator<Item = DepthPart>,
    reference: &Reference<'_>,
    targets: &[Region],
) -> Coverage {
    let contigs = reference.dictionary().contigs().len();
    let mut coverage = Coverage::new(contigs, targets.len());
    let mut overhang = Overhang::default();
    for part in parts {
        coverage.merge(&part.coverage);
        for stretch in part.stretches {
            overhang = overhang.meet(stretch, &mut coverage, targets);
        }
    }
    coverage
}

impl Overhang {
    /// Settles the head of a region, and returns what hangs over its end.
    fn meet(mut self, mut stretch: Stretch, coverage: &mut Coverage, targets: &[Region]) -> Self {
        let Some(region) = stretch.region else {
            return self;
        };
        if (self.contig, self.end) != (Some(region.contig), region.start) {
            self = Self::default();
        }
        // The depths of the whole region if it is short, else of its head.
        let is_short = stretch.head.len() as u64 == region.len();
        let mut depths = stretch.head;
        let head = depths.len();
        if is_short {
            depths.append(&mut stretch.tail);
        }
        self.drop_overlaps(&stretch.head_names, region.start, &mut depths, coverage);
        if is_short && depths.len() < self.depths.len() {
            depths.resize(self.depths.len(), 0);
        }
        for (depth, before) in depths.iter_mut().zip(&self.depths) {
            *depth += if *depth == UNKNOWN { 0 } else { *before };
        }
        coverage.settle((region.contig, region.start), &depths[..head], targets);
        let tail = match is_short {
            true => depths.split_off(head),
            false => stretch.tail,
        };
        let names = self.names.into_iter();
        let beyond = names.filter(|(_, counted)| counted.end() > region.end);
        let mut names: FxHashMap<Vec<u8>, Counted> = beyond
            .map(|(name, counted)| (name, counted.from(region.end)))
            .collect();
        for (name, counted) in stretch.tail_names {
            match names.get_mut(&name) {
                Some(known) => known.join(&counted),
                None => {
                    names.insert(name, counted);
                }
            }
        }
        Self {
            contig: Some(region.contig),
            end: region.end,
            depths: tail,
            names,
        }
    }

    /// Takes back what counted although a record of the name had counted there before.
    fn drop_overlaps(
        &self,
        names: &[(Vec<u8>, Counted)],
        start: u64,
        depths: &mut [u32],
        coverage: &mut Coverage,
    ) {
        for (name, counted) in names {
            let Some(before) = self.names.get(name) else {
                continue;
            };
            let places = (counted.start..).zip(&counted.counted);
            let counted = places.filter(|(_, counted)| **counted);
            for (place, _) in counted.filter(|(place, _)| before.has(*place)) {
                if let Some(depth) = depths.get_mut((place - start) as usize) {
                    *depth -= 1;
                    coverage.excluded.overlap += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use genome::dictionary::{Contig, Dictionary};
    use genome::reference::AmbiguousRun;
    use proptest::prelude::*;

    use super::super::super::sight::Sight;
    use super::super::DepthCounter;
    use super::*;
    use crate::container::Decoder;
    use crate::testing::Sketch;

    const LENGTH: u64 = 30_000;

    /// Name, position, CIGAR, flags and quality of a read.
    type Read = (u8, u32, usize, u16, u8);

    fn reads() -> impl Strategy<Value = Vec<Read>> {
        let position = prop_oneof![0u32..60, 9_950u32..10_080];
        let flags = prop::sample::select(vec![0x41u16, 0x81, 0x841, 0x441, 0x49, 0x241]);
        let read = (
            0u8..5,
            position,
            0usize..4,
            flags,
            prop::sample::select(vec![10u8, 30]),
        );
        prop::collection::vec(read, 0..40).prop_map(|mut reads| {
            reads.sort_by_key(|read| read.1);
            reads
        })
    }

    /// Counts parts that end at these positions, each on its own, and joins them.
    fn coverage(reads: &[Read], ends: &[u64]) -> Coverage {
        let contig = Contig {
            name: "a".into(),
            length: LENGTH,
        };
        let dictionary = Dictionary::new(vec![contig]);
        let packed = vec![0; LENGTH.div_ceil(4) as usize];
        let runs = [AmbiguousRun {
            start: 10_010,
            length: 7,
            letter: b'N',
        }];
        let reference = Reference::new(&dictionary, &packed, &runs);
        let region = |start, end| Region::new(ContigId(0), start, end);
        let targets = [region(20, 40), region(9_990, 10_030)];
        let mut start = 0;
        let mut parts = Vec::new();
        for &end in ends {
            let own = [region(start, end)];
            let mut counter = DepthCounter::new(reference.clone(), &own, &targets);
            let here = |read: &&Read| (start..end).contains(&read.1.into());
            for read in reads.iter().filter(here) {
                add(read, &reference, &mut counter);
            }
            let mut bytes = Vec::new();
            counter.finish().encode(&mut bytes);
            parts.push(DepthPart::decode(&mut Decoder::new(&bytes, "depth")).unwrap());
            start = end;
        }
        join(parts, &reference, &targets)
    }

    fn add(read: &Read, reference: &Reference<'_>, counter: &mut DepthCounter<'_>) {
        let (name, position, cigar, flags, quality) = *read;
        let name = format!("r{name}");
        let sketch = Sketch {
            name: &name,
            flags,
            position,
            cigar: ["40M", "10M30D20M", "5S30M", "20M3I20M"][cigar],
            // Every mate may start earlier.
            mate_position: Some(0),
            quality,
            ..Sketch::default()
        };
        let records = sketch.records();
        let record = records.get(0);
        let mut bases = Vec::new();
        record.append_bases(&mut bases);
        let end = record.end().unwrap().into();
        let letters = reference.letters(Region::new(ContigId(0), position.into(), end));
        counter.add(Sight {
            record,
            bases: &bases,
            reference: &letters,
        });
    }

    proptest! {
        #[test]
        fn coverage_does_not_depend_on_the_parts(
            reads in reads(),
            cut in 9_960u64..10_040,
            short in 1u64..60,
        ) {
            let whole = coverage(&reads, &[LENGTH]);
            prop_assert_eq!(whole.total().territory(), LENGTH - 7);
            prop_assert_eq!(&coverage(&reads, &[cut, LENGTH]), &whole);
            prop_assert_eq!(&coverage(&reads, &[cut, cut + short, LENGTH]), &whole);
            let many: Vec<u64> = (1..30).map(|at| at * 1_000 - 10).chain([LENGTH]).collect();
            prop_assert_eq!(&coverage(&reads, &many), &whole);
        }
    }
}
