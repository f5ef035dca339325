//! Alleles that are genotyped wherever they lie, whether the reads show them or not.
//!
//! Their positions count as active. What the assembly did not find of them is put into its best
//! haplotypes.
//!
//! Source: GATK 4.6 `AssemblyResultSet.addGivenAlleles`.

use crate::events::events;
use crate::haplotype::{Event, Haplotype};
use crate::haplotype_alignment::align_to_reference;
use crate::reference_bases::ReferenceBases;
use crate::smith_waterman::{Aligner, Overhang};
use genome::region::{ContigId, Region, merge};

/// So many of the best haplotypes take each allele in.
const MOST_BASES: usize = 5;

/// One record of alleles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForcedRecord {
    /// The contig.
    pub contig: ContigId,
    /// 0-based position of the first reference base.
    pub start: u64,
    /// The reference allele in upper case.
    pub reference: Vec<u8>,
    /// The alternates in upper case; symbols among them are left out.
    pub alternates: Vec<Vec<u8>>,
}

impl ForcedRecord {
    fn span(&self) -> Region {
        let end = self.start + self.reference.len() as u64;
        Region::new(self.contig, self.start, end)
    }

    fn events(&self) -> impl Iterator<Item = Event> {
        let spelled = |letters: &&Vec<u8>| {
            !letters.is_empty() && letters.iter().all(|letter| b"ACGTN".contains(letter))
        };
        self.alternates.iter().filter(spelled).map(|alternate| {
            let (mut reference, mut alternate) = (self.reference.clone(), alternate.clone());
            while reference.len() > 1 && alternate.len() > 1 && reference.last() == alternate.last()
            {
                reference.pop();
                alternate.pop();
            }
            Event {
                start: self.start,
                reference,
                alternate,
            }
        })
    }
}

/// All alleles that are forced.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ForcedAlleles {
    /// Sorted by contig and start.
    records: Vec<ForcedRecord>,
    /// The positions that they cover.
    covered: Vec<Region>,
    /// The longest reference allele.
    longest: u64,
}

impl ForcedAlleles {
    /// Takes records in any order.
    pub fn new(mut records: Vec<ForcedRecord>) -> Self {
        records.sort_by_key(|record| (record.contig, record.start));
        let lengths = records.iter().map(|record| record.reference.len() as u64);
        Self {
            longest: lengths.max().unwrap_or(0),
            covered: merge(records.iter().map(ForcedRecord::span).collect()),
            records,
        }
    }

    /// Says whether a record covers a position.
    pub fn cover(&self, contig: ContigId, position: u64) -> bool {
        let before = |region: &Region| (region.contig, region.end) <= (contig, position);
        let index = self.covered.partition_point(before);
        let region = self.covered.get(index);
        region.is_some_and(|region| region.contains(contig, position))
    }

    /// Says whether none is forced.
    pub const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Returns the events of the records over a span that start at `first` or later.
    pub fn events(&self, span: Region, first: u64) -> Vec<Event> {
        let lowest = (span.contig, span.start.saturating_sub(self.longest));
        let from = self
            .records
            .partition_point(|record| (record.contig, record.start) < lowest);
        self.records[from..]
            .iter()
            .take_while(|record| (record.contig, record.start) < (span.contig, span.end))
            .filter(|record| record.span().overlaps(&span))
            .flat_map(ForcedRecord::events)
            .filter(|event| event.start >= first)
            .collect()
    }
}

/// Adds haplotypes for the events that no haplotype shows; each has its events.
pub fn inject(
    haplotypes: &mut Vec<Haplotype>,
    given: &[Event],
    reference: &ReferenceBases,
    aligner: &mut Aligner,
) {
    if given.is_empty() {
        return;
    }
    let shown: Vec<Vec<Event>> = haplotypes.iter().map(|one| one.events.clone()).collect();
    let mut order: Vec<usize> = (0..haplotypes.len()).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (&haplotypes[a], &haplotypes[b]);
        let by_kind = b.is_reference.cmp(&a.is_reference);
        by_kind.then(b.score.total_cmp(&a.score))
    });
    order.truncate(MOST_BASES);
    let letters = haplotypes
        .iter()
        .find(|one| one.is_reference)
        .map(|one| one.bases.clone());
    let Some(letters) = letters else {
        return;
    };
    for event in given
        .iter()
        .filter(|event| !shown.iter().flatten().any(|one| one == *event))
    {
        for &base in &order {
            let collides = |one: &Event| one.start < event.end() && one.end() > event.start;
            if shown[base].iter().any(collides) {
                continue;
            }
            let Some(mut made) = with_event(&haplotypes[base], event, &letters, aligner) else {
                continue;
            };
            if !haplotypes.iter().any(|known| known.bases == made.bases) {
                made.events = events(&made, reference);
                haplotypes.push(made);
            }
        }
    }
}

/// Puts an event into a haplotype; `None` where it has no place.
fn with_event(
    base: &Haplotype,
    event: &Event,
    reference: &[u8],
    aligner: &mut Aligner,
) -> Option<Haplotype> {
    let at = index_of(base, event.start)?;
    let after = at + event.reference.len();
    if after >= base.bases.len() {
        return None;
    }
    let bases = [&base.bases[..at], &event.alternate, &base.bases[after..]].concat();
    let cigar = align_to_reference(reference, &bases, Overhang::Indel, aligner)?;
    Some(Haplotype {
        bases,
        cigar,
        start: base.start,
        is_reference: false,
        score: f64::NEG_INFINITY,
        kmer_size: 0,
        events: Vec::new(),
    })
}

/// Returns the index of the base at a position; `None` outside and within a deletion.
fn index_of(haplotype: &Haplotype, position: u64) -> Option<usize> {
    let (mut at, mut index) = (haplotype.start, 0usize);
    for op in &haplotype.cigar {
        let length = u64::from(op.len());
        if op.kind().consumes_reference() && (at..at + length).contains(&position) {
            let within = (position - at) as usize;
            return op.kind().consumes_read().then_some(index + within);
        }
        at += if op.kind().consumes_reference() {
            length
        } else {
            0
        };
        index += if op.kind().consumes_read() {
            length as usize
        } else {
            0
        };
    }
    None
}

/// Says whether an alternate allele of a site is written because of the events given to its region.
///
/// As in GATK 4.6, alternates are compared without their places: one that begins as a given one does
/// and changes the length as much counts as given.
pub fn is_given(reference: &[u8], alternate: &[u8], given: &[Event]) -> bool {
    if alternate.starts_with(b"<") || alternate == b"*" {
        return false;
    }
    let difference =
        |alternate: &[u8], reference: &[u8]| alternate.len() as i64 - reference.len() as i64;
    given.iter().any(|event| {
        let shared = event.alternate.len().min(alternate.len());
        difference(&event.alternate, &event.reference) == difference(alternate, reference)
            && event.alternate[..shared] == alternate[..shared]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ops;

    fn record(start: u64, reference: &str, alternates: &[&str]) -> ForcedRecord {
        ForcedRecord {
            contig: ContigId(0),
            start,
            reference: reference.into(),
            alternates: alternates.iter().map(|&text| text.into()).collect(),
        }
    }

    fn haplotype(bases: &str, cigar: &str, is_reference: bool) -> Haplotype {
        Haplotype {
            bases: bases.into(),
            cigar: ops(cigar),
            start: 100,
            is_reference,
            score: -1.0,
            kmer_size: 10,
            events: Vec::new(),
        }
    }

    #[test]
    fn records_cover_their_reference_allele() {
        let forced = ForcedAlleles::new(vec![
            record(9, "ACG", &["A", "<DEL>"]),
            record(3, "T", &["C"]),
        ]);
        let covered: Vec<u64> = (0..15)
            .filter(|&at| forced.cover(ContigId(0), at))
            .collect();
        assert_eq!(covered, [3, 9, 10, 11]);
        assert!(!forced.cover(ContigId(1), 9));
        let span = Region::new(ContigId(0), 11, 40);
        assert_eq!(forced.events(span, 0).len(), 1);
        assert_eq!(forced.events(span, 11), []);
    }

    #[test]
    fn alleles_enter_the_best_haplotypes_they_fit() {
        let letters = "GATTACACACAGGTTCCAGTCAATCGGCTA";
        let reference = ReferenceBases {
            region: Region::new(ContigId(0), 100, 130),
            letters: letters.into(),
        };
        let changed = letters.replacen("GGTT", "GCTT", 1);
        let mut haplotypes = vec![
            haplotype(&changed, "30M", false),
            haplotype(letters, "30M", true),
        ];
        for one in &mut haplotypes {
            one.events = events(one, &reference);
        }
        let deletion = record(111, "GGT", &["G"]).events().next().unwrap();
        inject(
            &mut haplotypes,
            &[deletion],
            &reference,
            &mut Aligner::default(),
        );
        assert_eq!(haplotypes.len(), 3);
        assert_eq!(haplotypes[2].cigar, ops("12M2D16M"));
        let known = record(112, "G", &["C"]).events().next().unwrap();
        inject(
            &mut haplotypes,
            &[known],
            &reference,
            &mut Aligner::default(),
        );
        assert_eq!(haplotypes.len(), 3);
    }

    #[test]
    fn longer_spellings_of_an_allele_are_the_same() {
        let given: Vec<Event> = record(5, "AC", &["A"]).events().collect();
        assert!(is_given(b"ACGG", b"AGG", &given));
        assert!(!is_given(b"ACGG", b"AG", &given));
        assert!(!is_given(b"AC", b"C", &given));
        assert!(!is_given(b"AC", b"*", &given));
    }
}
