//! Calls from the haplotypes of a region and the likelihoods of its reads.
//!
//! At each position where an event starts: alleles → reads over the site → genotype likelihoods →
//! allele frequencies → alleles that are kept → genotype → annotations; then phase.

mod alleles;
mod choice;
mod evidence;
mod frequencies;
mod genotype_likelihoods;
mod phase;
mod table;
mod upstream;

pub(crate) use alleles::trim_ends;
pub use alleles::{Allele, SPANNING_DELETION};
pub(crate) use choice::Choice;
pub use frequencies::{Frequencies, Prior};
pub use table::GenotypeTable;
pub use upstream::UpstreamDeletions;

use crate::annotate;
use crate::call::{Annotations, Call, NON_REF, Sample};
use crate::genotype::phred;
use crate::haplotype::Haplotype;
use crate::likelihoods::ReadLikelihoods;
use crate::options::Options;
use crate::reference_bases::ReferenceBases;
use crate::region_read::RegionRead;
use alleles::Site;
use choice::{CalledGenotype, most_likely};
use evidence::SiteEvidence;
use genome::region::Region;
use genotype_likelihoods::genotype_likelihoods;
use std::collections::BTreeSet;

/// What a region's calls are made from.
#[derive(Debug, Clone, Copy)]
pub struct Material<'a> {
    /// Events that start here are genotyped.
    pub span: Region,
    /// The distinct haplotypes, the reference among them.
    pub haplotypes: &'a [Haplotype],
    /// The realigned reads with a value for each haplotype.
    pub likelihoods: &'a ReadLikelihoods,
    /// Reads that count in depth and mapping quality alone.
    pub filtered: &'a [RegionRead],
    /// Letters of the span.
    pub reference: &'a ReferenceBases,
}

/// A call on its way, with the haplotypes that carry its alleles.
struct Draft {
    call: Call,
    carriers: Vec<usize>,
}

/// Genotypes of a site before its alleles are chosen.
struct Genotyped {
    table: GenotypeTable,
    phred: Vec<u32>,
    choice: Choice,
    quality: f64,
}

/// Calls the variants of a region, by position.
///
/// `deletions` are those that earlier regions emitted; those emitted here are added.
pub fn genotype(
    material: &Material<'_>,
    options: &Options,
    deletions: &mut UpstreamDeletions,
) -> Vec<Call> {
    let within = |start: &u64| material.span.contains(material.span.contig, *start);
    let events = material.haplotypes.iter().flat_map(|one| &one.events);
    let starts: BTreeSet<u64> = events.map(|event| event.start).filter(within).collect();
    let drafts: Vec<Draft> = starts
        .into_iter()
        .filter_map(|start| genotype_site(material, start, options, deletions))
        .collect();
    let carriers: BTreeSet<usize> = drafts
        .iter()
        .flat_map(|draft| draft.carriers.iter().copied())
        .collect();
    let mut calls: Vec<Call> = drafts.into_iter().map(|draft| draft.call).collect();
    if options.is_gvcf() && options.ploidy == 2 {
        phase::phase(&mut calls, material.haplotypes, &carriers);
    }
    calls
}

fn genotype_site(
    material: &Material<'_>,
    start: u64,
    options: &Options,
    deletions: &mut UpstreamDeletions,
) -> Option<Draft> {
    let contig = material.span.contig;
    let mut site = Site::at(start, material.reference.letter(start), material.haplotypes)?;
    let most = table::most_alleles(usize::from(options.ploidy), options.maximum_genotypes);
    if site.alleles.len() > most {
        let kept = site.best_supported(most, material.haplotypes);
        site.keep(&kept);
    }
    let mut evidence = SiteEvidence::gather(&site, material.likelihoods);
    if options.is_gvcf() {
        site.add_non_ref();
        evidence.add_column();
        evidence.set_non_ref(&(0..site.alleles.len()).collect::<Vec<_>>());
    }
    let is_covered = deletions.cover(contig, start);
    let genotyped = genotype_alleles(&site.alleles, &evidence, is_covered, options);
    if genotyped
        .choice
        .is_empty(&site.alleles, genotyped.quality, options)
    {
        return None;
    }
    let kept = &genotyped.choice.kept;
    if kept.len() != site.alleles.len() {
        evidence.set_non_ref_of(&site, kept);
    }
    evidence.add_mute(&site, material.filtered);
    let call = write(&site, &genotyped, &evidence, (material.span, options));
    let emitted: Vec<Allele> = kept
        .iter()
        .map(|&index| site.alleles[index].clone())
        .collect();
    deletions.record(contig, start, &emitted);
    let carriers = kept
        .iter()
        .flat_map(|&index| site.carriers[index].iter().copied());
    Some(Draft {
        call,
        carriers: carriers.collect(),
    })
}

fn genotype_alleles(
    alleles: &[Allele],
    evidence: &SiteEvidence<'_>,
    is_covered: bool,
    options: &Options,
) -> Genotyped {
    let ploidy = usize::from(options.ploidy);
    let table = GenotypeTable::new(ploidy, alleles.len());
    let values = phred(&genotype_likelihoods(&evidence.rows, &table));
    let used = if alleles.len() > options.maximum_alternates + 1 {
        most_likely(alleles, &values, &table, options.maximum_alternates)
    } else {
        (0..alleles.len()).collect()
    };
    let used_alleles: Vec<Allele> = used.iter().map(|&index| alleles[index].clone()).collect();
    let used_values = subset(&values, &table.subset(&used));
    let used_table = GenotypeTable::new(ploidy, used.len());
    let prior = Prior::new(options);
    let frequencies = prior.frequencies(&used_alleles, &[&used_values], &used_table);
    let choice = Choice::new(alleles, &used, &frequencies, is_covered, options);
    let log10_error = if choice.is_monomorphic {
        crate::log_sum::one_minus(frequencies.no_variant)
    } else {
        frequencies.no_variant
    };
    Genotyped {
        table,
        phred: values,
        choice,
        quality: -10.0 * log10_error + 0.0,
    }
}

/// Picks likelihoods, and lowers them so that the best is 0.
fn subset(phred: &[u32], picked: &[usize]) -> Vec<u32> {
    let lowest = picked.iter().map(|&index| phred[index]).min().unwrap_or(0);
    picked.iter().map(|&index| phred[index] - lowest).collect()
}

fn write(
    site: &Site,
    genotyped: &Genotyped,
    evidence: &SiteEvidence<'_>,
    (span, options): (Region, &Options),
) -> Call {
    let kept = &genotyped.choice.kept;
    let letters: Vec<&[u8]> = kept.iter().map(|&index| &*site.alleles[index]).collect();
    let likelihoods = subset(&genotyped.phred, &genotyped.table.subset(kept));
    let called = CalledGenotype::new(&letters, likelihoods, usize::from(options.ploidy));
    let described = evidence.described(site.start, site.end());
    let told = evidence.told(kept);
    let strands = annotate::strands(&described, &told);
    let is_called = called.alleles.is_some();
    let depths = annotate::allele_depths(&evidence.told_among(kept), kept.len());
    let mut annotations = Annotations {
        expected_counts: genotyped.choice.counts.clone(),
        excess_heterozygosity: is_called.then_some(0.0),
        ..Annotations::default()
    };
    annotate::describe_reads(&described, &told, &mut annotations);
    let mut call = Call {
        contig: span.contig,
        position: site.start,
        alleles: letters.into_iter().map(Into::into).collect(),
        quality: genotyped.quality,
        annotations,
        sample: Sample {
            genotype: called.alleles,
            allele_depths: if is_called { depths } else { Vec::new() },
            genotype_quality: called.quality,
            likelihoods: called.likelihoods,
            strands: (options.is_gvcf() && is_called).then_some(strands),
            phase: None,
        },
    };
    annotate::finish(&mut call, strands, options);
    if kept.len() != site.alleles.len() {
        trim_ends(&mut call.alleles);
    }
    call
}

impl SiteEvidence<'_> {
    /// Sets the likelihoods of anything else again, from the kept alleles, if it is an allele.
    fn set_non_ref_of(&mut self, site: &Site, kept: &[usize]) {
        if site.alleles.last().is_some_and(|last| **last == *NON_REF) {
            self.set_non_ref(kept);
        }
    }
}
