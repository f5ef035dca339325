//! One region, from its raw reads to its calls.

use crate::assembly::{Assembly, assemble};
use crate::assembly_region::{AssemblyRegion, TrimmedRegion};
use crate::finalise::finalise;
use crate::genotyping::UpstreamDeletions;
use crate::haplotype::{Event, Haplotype};
use crate::options::Options;
use crate::reference_bases::ReferenceBases;
use crate::region_calls::RegionCalls;
use crate::region_genotyper::RegionGenotyper;
use crate::smith_waterman::Aligner;
use crate::traversal::RawRegion;
use crate::trim::trim;
use genome::reference::Reference;

/// Reference around a region's padded span that alleles may reach into.
const AROUND_BP: u64 = 500;

/// Calls regions; tables and memory are kept from one to the next.
#[derive(Debug)]
pub struct RegionCaller<'a> {
    reference: &'a Reference<'a>,
    pub(crate) options: &'a Options,
    aligner: Aligner,
    pub(crate) genotyper: RegionGenotyper<'a>,
}

impl<'a> RegionCaller<'a> {
    /// Makes the tables of the options.
    pub fn new(reference: &'a Reference<'a>, options: &'a Options) -> Self {
        Self {
            reference,
            options,
            aligner: Aligner::default(),
            genotyper: RegionGenotyper::new(options),
        }
    }

    /// Calls a region: reads → haplotypes → their variation → genotypes.
    ///
    /// `deletions` are those that earlier regions emitted; those emitted here are added. The result
    /// depends on the arguments alone.
    pub fn call_region(
        &mut self,
        region: &RawRegion,
        deletions: &mut UpstreamDeletions,
    ) -> RegionCalls {
        let reference = self.reference_around(region);
        let region = finalise(region, self.options.minimum_base_quality);
        if !region.is_active {
            return self.without_variation(region, &reference);
        }
        let forced = &self.options.forced;
        let given = forced.events(region.padded_span, region.span.start);
        let haplotypes = self.assemble(&region, &reference).haplotypes;
        let trimmed = self.trim(&region, &haplotypes, &given, &reference);
        let Some(trimmed) = trimmed else {
            return self.without_variation(region, &reference);
        };
        let called = self.genotyper.call(trimmed, &reference, &given, deletions);
        let realigned = self.genotyper.take_realigned();
        let calls = called.unwrap_or_else(|| self.without_variation(region, &reference));
        RegionCalls { realigned, ..calls }
    }

    /// Assembles a finalised region.
    pub(crate) fn assemble(
        &mut self,
        region: &AssemblyRegion,
        reference: &ReferenceBases,
    ) -> Assembly {
        assemble(region, reference, self.options, &mut self.aligner)
    }

    /// Cuts a region to the variation of its haplotypes, and of the events `given`.
    pub(crate) fn trim(
        &mut self,
        region: &AssemblyRegion,
        haplotypes: &[Haplotype],
        given: &[Event],
        reference: &ReferenceBases,
    ) -> Option<TrimmedRegion> {
        let given = (given, &mut self.aligner);
        trim(region, haplotypes, given, reference, self.options)
    }

    fn without_variation(&self, region: AssemblyRegion, reference: &ReferenceBases) -> RegionCalls {
        if self.options.is_gvcf() {
            self.genotyper.without_variation(region, reference)
        } else {
            RegionCalls::default()
        }
    }

    /// Fetches the letters that a region's alleles may reach into.
    pub(crate) fn reference_around(&self, region: &RawRegion) -> ReferenceBases {
        let padded = region.padded_span;
        let length = self.reference.dictionary().contig(padded.contig).length;
        ReferenceBases::fetch(self.reference, padded.padded(AROUND_BP, length))
    }
}
