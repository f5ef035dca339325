//! A region cut to its variation.
//!
//! Source: GATK 4.6 `AssemblyRegionTrimmer`, `Haplotype.trim`, `AssemblyResultSet.trimTo`.

use crate::assembly_region::{AssemblyRegion, Flanks, TrimmedRegion};
use crate::cigar_builder::CigarBuilder;
use crate::events::events;
use crate::finalise;
use crate::forced::inject;
use crate::haplotype::{Event, Haplotype};
use crate::options::Options;
use crate::reference_bases::ReferenceBases;
use crate::region_read::RegionRead;
use crate::smith_waterman::Aligner;
use crate::traversal::REGION_PADDING_BP;
use genome::cigar::{Cigar, CigarKind, CigarOp};
use genome::region::Region;

/// Reference kept around an SNV, and around an indel.
const SNV_PADDING_BP: u64 = 20;
const INDEL_PADDING_BP: u64 = 75;

/// Shorter reads are left out.
pub const SHORTEST_READ_BP: usize = 10;

/// Cuts a region with its haplotypes to their events; `None` if nothing varies or no read is left.
///
/// The haplotypes cover the region's padded span. The events `given` count as well; haplotypes that
/// show them are added last.
pub fn trim(
    region: &AssemblyRegion,
    haplotypes: &[Haplotype],
    (given, aligner): (&[Event], &mut Aligner),
    reference: &ReferenceBases,
    options: &Options,
) -> Option<TrimmedRegion> {
    let of_each = haplotypes.iter().flat_map(|one| events(one, reference));
    let within: Vec<Event> = of_each
        .chain(given.iter().cloned())
        .filter(|event| event.start < region.span.end && event.end() > region.span.start)
        .collect();
    let (variant_span, padded_span) = spans(region, &within, reference)?;
    let mut haplotypes = cut_haplotypes(haplotypes, padded_span, reference);
    inject(&mut haplotypes, given, reference, aligner);
    let (reads, filtered_reads) = usable(cut_reads(region, padded_span), options);
    if haplotypes.len() < 2 || reads.is_empty() {
        return None;
    }
    let flanks = if options.is_gvcf() {
        flanks(region, variant_span, reference)
    } else {
        Flanks::default()
    };
    Some(TrimmedRegion {
        variant_span,
        padded_span,
        haplotypes,
        reads,
        filtered_reads,
        flanks,
    })
}

/// Returns where the events lie, and the same with the padding that each of them needs.
fn spans(
    region: &AssemblyRegion,
    events: &[Event],
    reference: &ReferenceBases,
) -> Option<(Region, Region)> {
    let contig = region.span.contig;
    let start = events.iter().map(|event| event.start).min()?;
    let end = events.iter().map(Event::end).max()?;
    let variant_span = Region::new(contig, start, end).intersection(&region.span)?;
    let mut padded = Region::new(contig, start, end);
    for event in events {
        let padding = padding(event, region.padded_span.end, reference);
        padded.start = padded.start.min(event.start.saturating_sub(padding));
        padded.end = padded.end.max(event.end() + padding);
    }
    Some((variant_span, padded.intersection(&region.padded_span)?))
}

fn padding(event: &Event, end: u64, reference: &ReferenceBases) -> u64 {
    if !event.is_indel() {
        return SNV_PADDING_BP;
    }
    let following = reference.slice(event.start + 1, end);
    let repeat = longest_repeat(&event.reference[1..], &event.alternate[1..], following);
    INDEL_PADDING_BP + repeat as u64
}

/// Returns the length of the tandem repeat in which an indel lies; 0 if it lies in none.
///
/// The alleles are given without the base they share.
fn longest_repeat(reference: &[u8], alternate: &[u8], following: &[u8]) -> usize {
    let longer = if alternate.len() > reference.len() {
        alternate
    } else {
        reference
    };
    let unit = &longer[..period(longer)];
    let in_reference = copies(unit, reference.iter());
    let with_reference = copies(unit, reference.iter().chain(following)) - in_reference;
    let with_alternate = copies(unit, alternate.iter().chain(following));
    let Some(with_alternate) = with_alternate.checked_sub(in_reference) else {
        return 0;
    };
    if with_reference == 0 || with_alternate == 0 {
        return 0;
    }
    with_reference.max(with_alternate) * unit.len()
}

/// Returns the length of the shortest unit whose repetition spells the letters.
fn period(letters: &[u8]) -> usize {
    let spells = |&unit: &usize| {
        letters.len().is_multiple_of(unit) && letters[unit..] == letters[..letters.len() - unit]
    };
    (1..=letters.len()).find(spells).unwrap_or(letters.len())
}

/// Returns how often a unit is repeated from the start of the letters.
fn copies<'a>(unit: &[u8], letters: impl Iterator<Item = &'a u8>) -> usize {
    if unit.is_empty() {
        return 0;
    }
    let cycle = unit.iter().cycle();
    let equal = letters.zip(cycle).take_while(|(a, b)| a == b).count();
    equal / unit.len()
}

/// Cuts haplotypes to a span: distinct ones, by length, then by letters, with their events.
fn cut_haplotypes(
    haplotypes: &[Haplotype],
    span: Region,
    reference: &ReferenceBases,
) -> Vec<Haplotype> {
    let mut cut: Vec<Haplotype> = Vec::new();
    for haplotype in haplotypes {
        let Some(mut one) = cut_haplotype(haplotype, span) else {
            continue;
        };
        one.events = events(&one, reference);
        match cut.iter_mut().find(|known| known.bases == one.bases) {
            Some(known) if one.is_reference => *known = one,
            Some(_) => {}
            None => cut.push(one),
        }
    }
    let order = |one: &Haplotype| (one.bases.len(), one.bases.clone());
    cut.sort_by_cached_key(order);
    cut
}

/// Cuts a haplotype; `None` if an end of the span is deleted.
fn cut_haplotype(haplotype: &Haplotype, span: Region) -> Option<Haplotype> {
    let (from, to) = (span.start, span.end - 1);
    let (mut position, mut index) = (haplotype.start, 0usize);
    let (mut first, mut last) = (None, None);
    let mut builder = CigarBuilder::default();
    for op in &haplotype.cigar {
        let length = u64::from(op.len());
        let end = position + length;
        if op.kind().is_aligned() {
            if (position..end).contains(&from) {
                first = Some(index + (from - position) as usize);
            }
            if (position..end).contains(&to) {
                last = Some(index + (to - position) as usize);
            }
        }
        if op.kind().consumes_reference() {
            let overlap = end.min(span.end).saturating_sub(position.max(span.start));
            builder.push(op.kind(), overlap as u32);
            position = end;
        } else if (span.start..=span.end).contains(&position) {
            builder.push(op.kind(), op.len());
        }
        if op.kind().consumes_read() {
            index += length as usize;
        }
    }
    let cigar = without_outer_insertions(builder.finish().cigar)?;
    Some(Haplotype {
        bases: haplotype.bases[first?..=last?].to_vec(),
        cigar,
        start: span.start,
        is_reference: haplotype.is_reference,
        score: haplotype.score,
        kmer_size: haplotype.kmer_size,
        events: Vec::new(),
    })
}

fn without_outer_insertions(mut cigar: Cigar) -> Option<Cigar> {
    let is_insertion = |op: &CigarOp| op.kind() == CigarKind::Insertion;
    if cigar.last().is_some_and(is_insertion) {
        cigar.pop();
    }
    if cigar.first().is_some_and(is_insertion) {
        cigar.remove(0);
    }
    (!cigar.is_empty()).then_some(cigar)
}

/// Cuts the reads of a region to a span and sorts them.
fn cut_reads(region: &AssemblyRegion, span: Region) -> Vec<RegionRead> {
    let mut reads: Vec<RegionRead> = Vec::with_capacity(region.reads.len());
    for read in &region.reads {
        if read.span().overlaps(&span) {
            let mut read = read.clone();
            read.cut_to(span);
            if !read.is_empty() && read.span().overlaps(&span) {
                reads.push(read);
            }
        }
    }
    finalise::sort(&mut reads);
    reads
}

/// Leaves out short reads, and sets aside those that are not to be trusted.
fn usable(reads: Vec<RegionRead>, options: &Options) -> (Vec<RegionRead>, Vec<RegionRead>) {
    let long = reads
        .into_iter()
        .filter(|read| read.len() >= SHORTEST_READ_BP);
    long.partition(|read| is_trusted(read, options))
}

/// Says whether a read is mapped well, and its mate on the same contig.
pub fn is_trusted(read: &RegionRead, options: &Options) -> bool {
    let head = &read.head;
    let has_mapped_mate = head.flags.is_paired() && !head.flags.is_mate_unmapped();
    let mate_elsewhere = head.mate.is_some_and(|(contig, _)| contig != head.contig);
    head.mapping_quality >= options.minimum_mapping_quality && !(has_mapped_mate && mate_elsewhere)
}

fn flanks(region: &AssemblyRegion, variant_span: Region, reference: &ReferenceBases) -> Flanks {
    let contig = region.span.contig;
    let flank = |start: u64, end: u64| {
        let span = Region::new(contig, start, end);
        let padded_span = span
            .padded(REGION_PADDING_BP, reference.region.end)
            .intersection(&region.padded_span)?;
        (!span.is_empty()).then(|| AssemblyRegion {
            span,
            padded_span,
            is_active: region.is_active,
            reads: cut_reads(region, padded_span),
        })
    };
    Flanks {
        left: flank(region.span.start, variant_span.start),
        right: flank(variant_span.end, region.span.end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_measured_over_both_alleles() {
        // CACACACA, two copies deleted, one inserted, and no repeat.
        assert_eq!(longest_repeat(b"CACA", b"", b"CACACACATT"), 8);
        assert_eq!(longest_repeat(b"", b"CA", b"CACACACATT"), 10);
        assert_eq!(longest_repeat(b"", b"CG", b"CACACACATT"), 0);
    }

    #[test]
    fn period_is_the_shortest_unit() {
        assert_eq!(period(b"ACACAC"), 2);
        assert_eq!(period(b"ACACA"), 5);
        assert_eq!(period(b"AAA"), 1);
    }
}
