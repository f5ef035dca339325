//! How sure it is that positions of a region equal the reference.
//!
//! Two models look at the reads over a position: one at their bases, one at how many of them would
//! have shown an indel (`indel_sight`). The less confident of the two stands.
//!
//! Source: GATK 4.6 `ReferenceConfidenceModel`.

use crate::call::Call;
use crate::finalise;
use crate::fragment::{self, Adaptor};
use crate::genotype::phred;
use crate::indel_sight::{AlignedBases, GAP, IndelSight};
use crate::log_sum::{approximate, copies_row};
use crate::reference_bases::ReferenceBases;
use crate::region_calls::{ReferencePosition, RegionRecord};
use crate::region_read::RegionRead;
use genome::cigar::{CigarKind, CigarOp};
use genome::maths;
use genome::region::Region;

/// Bases of this quality and below say nothing.
const QUALITY_FLOOR: u8 = 6;

/// The quality of a deleted base.
const DELETION_QUALITY: u8 = 30;

/// More reads that show no indel make no one surer.
const MOST_INFORMATIVE_READS: usize = 40;

/// The quality of not having an indel.
const INDEL_QUALITY: u8 = 45;

/// Templates longer than this do not read into their adaptor.
const LONGEST_ADAPTED_TEMPLATE_BP: i32 = 100;

/// The stretch whose positions are judged, within what its reads were cut to.
#[derive(Debug, Clone, Copy)]
pub struct Stretch<'a> {
    /// The positions.
    pub span: Region,
    /// The span with its padding: reads see no reference beyond it.
    pub padded_span: Region,
    /// Letters of the padded span.
    pub reference: &'a ReferenceBases,
}

/// The model with its tables.
#[derive(Debug)]
pub struct ReferenceModel {
    ploidy: usize,
    log10_ploidy: f64,
    /// For each quality, the likelihoods given a reference element, then another one.
    rows: Vec<Vec<f64>>,
    /// log10 likelihoods by the number of reads that show no indel.
    by_informative_reads: Vec<Vec<f64>>,
}

/// A read on its way over the positions.
struct Cover<'a> {
    start: u64,
    bases: AlignedBases<'a>,
    adaptor: Adaptor,
    /// Offsets of bases before an indel, ascending.
    before_indel: Vec<usize>,
    sight: Option<IndelSight>,
}

/// What the reads over one position say.
struct Tally {
    likelihoods: Vec<f64>,
    depths: [u32; 2],
    informative: usize,
}

impl ReferenceModel {
    /// Makes the tables for a ploidy.
    pub fn new(ploidy: u8) -> Self {
        let ploidy = usize::from(ploidy);
        let rows = (0..=u8::MAX).flat_map(|quality| {
            [false, true].map(|is_other| element_row(ploidy, quality, is_other))
        });
        Self {
            ploidy,
            log10_ploidy: maths::log10(ploidy as f64),
            rows: rows.collect(),
            by_informative_reads: (0..=MOST_INFORMATIVE_READS)
                .map(|reads| indel_row(ploidy, reads))
                .collect(),
        }
    }

    /// Judges each position of a stretch that starts no call; `calls` ascend.
    ///
    /// `reads` come in any order; those of equal coordinates keep theirs.
    pub fn records(
        &self,
        stretch: &Stretch<'_>,
        mut reads: Vec<RegionRead>,
        calls: Vec<Call>,
    ) -> Vec<RegionRecord> {
        finalise::sort(&mut reads);
        let padded = stretch
            .reference
            .slice(stretch.padded_span.start, stretch.padded_span.end);
        let mut waiting = reads.iter().peekable();
        let mut over: Vec<Cover<'_>> = Vec::new();
        let mut calls = calls.into_iter().peekable();
        let mut records = Vec::with_capacity(stretch.span.len() as usize);
        for position in stretch.span.start..stretch.span.end {
            over.retain(|cover| cover.end() > position);
            while let Some(read) = waiting.next_if(|read| read.start <= position) {
                if read.end() > position {
                    over.push(Cover::new(read));
                }
            }
            if let Some(call) = calls.next_if(|call| call.position == position) {
                records.push(RegionRecord::Call(Box::new(call)));
                continue;
            }
            let tally = self.tally(&mut over, position, stretch, padded);
            let record = self.judge(&tally, position, stretch.reference.letter(position));
            records.push(RegionRecord::Reference(record));
        }
        records
    }

    fn tally(
        &self,
        over: &mut [Cover<'_>],
        position: u64,
        stretch: &Stretch<'_>,
        padded: &[u8],
    ) -> Tally {
        let mut tally = Tally {
            likelihoods: vec![0.0; self.ploidy + 1],
            depths: [0, 0],
            informative: 0,
        };
        let letter = stretch.reference.letter(position);
        for cover in over.iter() {
            let offset = (position - cover.start) as usize;
            if cover.adaptor.contains(position) {
                continue;
            }
            let base = cover.bases.letters[offset];
            let quality = if base == GAP {
                DELETION_QUALITY
            } else {
                cover.bases.qualities[offset]
            };
            if base != GAP && quality <= QUALITY_FLOOR {
                continue;
            }
            let is_other = base != letter;
            tally.depths[usize::from(is_other)] += 1;
            let row = &self.rows[usize::from(quality) * 2 + usize::from(is_other)];
            for (sum, value) in tally.likelihoods.iter_mut().zip(row) {
                *sum += value;
            }
        }
        tally.informative = informative_reads(over, position, stretch, padded);
        tally
    }

    fn judge(&self, tally: &Tally, position: u64, base: u8) -> ReferencePosition {
        let reads = f64::from(tally.depths[0] + tally.depths[1]);
        let all = reads * self.log10_ploidy;
        let mut bases: Vec<f64> = tally.likelihoods.iter().map(|sum| sum - all).collect();
        let limit = bases[0];
        bases.iter_mut().for_each(|value| *value = value.min(limit));
        let indels = &self.by_informative_reads[tally.informative];
        let indels_decide = error_of_reference(indels) > error_of_reference(&bases);
        ReferencePosition {
            position,
            base,
            likelihoods: phred(if indels_decide { indels } else { &bases }),
            allele_depths: tally.depths,
        }
    }
}

/// Returns log10 of the relative error of the genotype without another allele.
fn error_of_reference(likelihoods: &[f64]) -> f64 {
    let others = likelihoods[1..].iter().copied();
    others.fold(f64::NEG_INFINITY, f64::max) - likelihoods[0]
}

fn informative_reads(
    over: &mut [Cover<'_>],
    position: u64,
    stretch: &Stretch<'_>,
    padded: &[u8],
) -> usize {
    let in_reference = (position - stretch.padded_span.start) as usize;
    let mut informative = 0;
    for cover in over {
        let offset = (position - cover.start) as usize;
        let is_out = cover.adaptor.contains(position)
            || cover.bases.letters[offset] == GAP
            || cover.before_indel.contains(&offset);
        if is_out {
            continue;
        }
        let bases = &cover.bases;
        let sight = cover
            .sight
            .get_or_insert_with(|| IndelSight::new(bases, offset, padded, in_reference));
        if sight.contains(offset) {
            informative += 1;
            if informative > MOST_INFORMATIVE_READS {
                return MOST_INFORMATIVE_READS;
            }
        }
    }
    informative
}

impl<'a> Cover<'a> {
    fn new(read: &'a RegionRead) -> Self {
        Self {
            start: read.start,
            bases: AlignedBases::new(read),
            adaptor: fragment::within_adaptor(read, LONGEST_ADAPTED_TEMPLATE_BP),
            before_indel: before_indel(&read.cigar),
            sight: None,
        }
    }

    fn end(&self) -> u64 {
        self.start + self.bases.letters.len() as u64
    }
}

/// Returns the offsets, in aligned positions, of bases just before an insertion or a deletion.
fn before_indel(ops: &[CigarOp]) -> Vec<usize> {
    let mut end = 0;
    let mut found = Vec::new();
    for (place, op) in ops.iter().enumerate() {
        if !op.kind().consumes_reference() {
            continue;
        }
        end += op.len() as usize;
        let right = &ops[place + 1..];
        let inserts = right
            .first()
            .is_some_and(|next| next.kind() == CigarKind::Insertion);
        let on_reference = right.iter().find(|next| next.kind().consumes_reference());
        let deletes = on_reference.is_some_and(|next| next.kind() == CigarKind::Deletion);
        if inserts || deletes && op.kind() != CigarKind::Deletion {
            found.push(end - 1);
        }
    }
    found
}

fn element_row(ploidy: usize, quality: u8, is_other: bool) -> Vec<f64> {
    let right = maths::log10(1.0 - maths::pow10(f64::from(quality) / -10.0));
    let wrong = f64::from(quality) * -0.1 - maths::log10(3.0);
    let (reference, other) = if is_other {
        (wrong, right)
    } else {
        (right, wrong)
    };
    copies_row(ploidy, reference, other)
}

fn indel_row(ploidy: usize, reads: usize) -> Vec<f64> {
    let count = reads as f64;
    if reads == 0 {
        return vec![0.0; ploidy + 1];
    }
    let none = maths::log10(1.0 - maths::pow10(f64::from(INDEL_QUALITY) / -10.0));
    let indel = f64::from(INDEL_QUALITY) * -0.1;
    let log10 = |count: usize| maths::log10(count as f64);
    let of_copies = |copies: usize| match copies {
        0 => count * none,
        copies => {
            let sum = approximate(none + log10(ploidy - copies), indel + log10(copies));
            count * (sum - log10(ploidy))
        }
    };
    (0..=ploidy).map(of_copies).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::region_read;
    use genome::region::ContigId;

    /// `count` reads of 40 bases over a random reference, judged at its tenth base.
    fn judged(count: usize, change: impl Fn(&mut RegionRead)) -> ReferencePosition {
        let letters = b"GATTACAGCCTGTAACGGTCATGCAATTCGGACTTAGCCGATATCCGTAG";
        let region = Region::new(ContigId(0), 100, 150);
        let reference = ReferenceBases {
            region,
            letters: letters.to_vec(),
        };
        let stretch = Stretch {
            span: Region::new(ContigId(0), 110, 111),
            padded_span: region,
            reference: &reference,
        };
        let mut read = region_read(100, "40M");
        read.bases = letters[..40].to_vec();
        change(&mut read);
        let records = ReferenceModel::new(2).records(&stretch, vec![read; count], Vec::new());
        match &records[..] {
            [RegionRecord::Reference(position)] => position.clone(),
            other => panic!("{other:?}"),
        }
    }

    // GATK 4.6.2: 20 reads of a 30x genome give 0,60,…; the het term is 3 a read.
    #[test]
    fn reference_reads_give_three_phreds_each() {
        let position = judged(20, |_| ());
        assert_eq!(position.likelihoods[..2], [0, 60]);
        assert_eq!(position.allele_depths, [20, 0]);
        assert_eq!(judged(0, |_| ()).likelihoods, [0, 0, 0]);
    }

    #[test]
    fn reads_of_something_else_leave_no_confidence() {
        let position = judged(10, |read| read.bases[10] = b'G');
        assert_eq!(position.likelihoods, [0, 0, 0]);
        assert_eq!(position.allele_depths, [0, 10]);
    }

    #[test]
    fn poor_bases_are_not_counted() {
        let position = judged(10, |read| read.qualities[10] = 6);
        assert_eq!(position.allele_depths, [0, 0]);
        assert_eq!(position.likelihoods, [0, 0, 0]);
    }
}
