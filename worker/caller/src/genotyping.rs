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
pub(crate) use choice::{Choice, Standing};
pub use frequencies::{Frequencies, Prior};
pub use table::GenotypeTable;
pub use upstream::UpstreamDeletions;

use crate::annotate;
use crate::call::{Annotations, Call, NON_REF, Sample};
use crate::forced::is_given;
use crate::genotype::phred;
use crate::haplotype::{Event, Haplotype};
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
    /// Events that are written whatever their quality.
    pub forced: &'a [Event],
}

/// A region's calls and what they rest on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Genotypes {
    /// The calls, by position.
    pub calls: Vec<Call>,
    /// The haplotypes that carry an allele of a call, in the order met; some more than once.
    pub called: Vec<usize>,
    /// For each call the reads that tell an allele of it, with that allele.
    pub told: Vec<Vec<(usize, usize)>>,
}

/// A call on its way, with the haplotypes that carry its alleles and what its reads tell.
struct Draft {
    call: Call,
    carriers: Vec<usize>,
    told: Vec<(usize, usize)>,
}

/// Genotypes of a site, and which of its alleles are chosen.
pub(crate) struct Genotyped {
    table: GenotypeTable,
    /// Likelihoods of the genotypes of all alleles, Phred-scaled.
    pub phred: Vec<u32>,
    /// The choice.
    pub choice: Choice,
    /// QUAL, unrounded.
    pub quality: f64,
}

/// Calls the variants of a region, by position.
///
/// `deletions` are those that earlier regions emitted; those emitted here are added.
pub fn genotype(
    material: &Material<'_>,
    options: &Options,
    deletions: &mut UpstreamDeletions,
) -> Genotypes {
    let within = |start: &u64| material.span.contains(material.span.contig, *start);
    let events = material.haplotypes.iter().flat_map(|one| &one.events);
    let starts: BTreeSet<u64> = events.map(|event| event.start).filter(within).collect();
    let drafts: Vec<Draft> = starts
        .into_iter()
        .filter_map(|start| genotype_site(material, start, options, deletions))
        .collect();
    let mut genotypes = Genotypes::default();
    for draft in drafts {
        genotypes.calls.push(draft.call);
        genotypes.called.extend(draft.carriers);
        genotypes.told.push(draft.told);
    }
    if options.is_gvcf() && options.ploidy == 2 {
        let carriers = genotypes.called.iter().copied().collect();
        phase::phase(&mut genotypes.calls, material.haplotypes, &carriers);
    }
    genotypes
}

fn genotype_site(
    material: &Material<'_>,
    start: u64,
    options: &Options,
    deletions: &mut UpstreamDeletions,
) -> Option<Draft> {
    let contig = material.span.contig;
    let is_covered = deletions.cover(contig, start);
    let Considered {
        site,
        mut evidence,
        genotyped,
    } = consider(material, start, is_covered, options)?;
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
        told: if options.shown.is_some() {
            evidence.told_by_place(kept)
        } else {
            Vec::new()
        },
    })
}

/// A site with its reads and genotypes, before it is decided whether it is called.
pub(crate) struct Considered<'a> {
    /// The alleles.
    pub site: Site,
    /// The reads over the site.
    pub evidence: SiteEvidence<'a>,
    /// What they show.
    pub genotyped: Genotyped,
}

/// Looks at the reads over a position; `None` if no haplotype differs there.
pub(crate) fn consider<'a>(
    material: &Material<'a>,
    start: u64,
    is_covered: bool,
    options: &Options,
) -> Option<Considered<'a>> {
    let letter = material.reference.letter(start);
    let mut site = Site::at(start, letter, material.haplotypes)?;
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
    let standing = Standing {
        is_covered,
        forced: forced_alleles(&site, material.forced),
    };
    let genotyped = genotype_alleles(&site.alleles, &evidence, &standing, options);
    Some(Considered {
        site,
        evidence,
        genotyped,
    })
}

/// Returns which alleles of a site are forced.
fn forced_alleles(site: &Site, given: &[Event]) -> Vec<bool> {
    let is_forced = |allele: &Allele| is_given(&site.alleles[0], allele, given);
    let alternates = site.alleles[1..].iter().map(is_forced);
    std::iter::once(false).chain(alternates).collect()
}

fn genotype_alleles(
    alleles: &[Allele],
    evidence: &SiteEvidence<'_>,
    standing: &Standing,
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
    let choice = Choice::new(alleles, &used, &frequencies, standing, options);
    let log10_error = if choice.is_monomorphic && !options.is_gvcf() {
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
    let counts_strands = options.is_gvcf() || options.counts_strands;
    let depths = annotate::allele_depths(&evidence.told_among(kept), kept.len());
    let mut annotations = Annotations {
        expected_counts: genotyped.choice.counts.clone(),
        excess_heterozygosity: (is_called && options.ploidy == 2).then_some(0.0),
        ..Annotations::default()
    };
    annotate::describe_reads(&described, &told, &mut annotations);
    if options.is_allele_specific {
        let specific = annotate::allele_specific(&described, &told, kept.len());
        annotations.allele_specific = Some(specific);
    }
    let mut call = Call {
        contig: span.contig,
        position: site.start,
        identifier: None,
        is_low_quality: genotyped.quality < options.confidence(),
        alleles: letters.into_iter().map(Into::into).collect(),
        quality: genotyped.quality,
        annotations,
        sample: Sample {
            genotype: called.alleles,
            allele_depths: if is_called { depths } else { Vec::new() },
            genotype_quality: called.quality,
            likelihoods: called.likelihoods,
            strands: (counts_strands && is_called).then_some(strands),
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
