//! One region, from its raw reads to its calls.

use crate::assembly::assemble;
use crate::assembly_region::AssemblyRegion;
use crate::finalise::finalise;
use crate::genotyping::UpstreamDeletions;
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
    options: &'a Options,
    aligner: Aligner,
    genotyper: RegionGenotyper<'a>,
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
        let haplotypes = assemble(&region, &reference, self.options, &mut self.aligner);
        let Some(trimmed) = trim(&region, &haplotypes, &reference, self.options) else {
            return self.without_variation(region, &reference);
        };
        match self.genotyper.call(trimmed, &reference, deletions) {
            Some(calls) => calls,
            None => self.without_variation(region, &reference),
        }
    }

    fn without_variation(&self, region: AssemblyRegion, reference: &ReferenceBases) -> RegionCalls {
        if self.options.is_gvcf() {
            self.genotyper.without_variation(region, reference)
        } else {
            RegionCalls::default()
        }
    }

    fn reference_around(&self, region: &RawRegion) -> ReferenceBases {
        let padded = region.padded_span;
        let length = self.reference.dictionary().contig(padded.contig).length;
        ReferenceBases::fetch(self.reference, padded.padded(AROUND_BP, length))
    }
}
