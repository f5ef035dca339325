//! From an assembled region to its calls: likelihoods → realignment → genotypes → reference model.

use crate::assembly_region::{AssemblyRegion, TrimmedRegion};
use crate::genotyping::{self, Material, UpstreamDeletions};
use crate::haplotype::{Event, Haplotype};
use crate::likelihoods::{LikelihoodModel, ReadLikelihoods};
use crate::options::Options;
use crate::realign::realign;
use crate::realigned::{Parts, Realigned};
use crate::reference_bases::ReferenceBases;
use crate::reference_confidence::{ReferenceModel, Stretch};
use crate::region_calls::{RegionCalls, RegionRecord};
use crate::region_read::RegionRead;
use crate::smith_waterman::Aligner;

/// Shorter reads are left out.
const SHORTEST_READ_BP: usize = 10;

/// Genotypes regions; the tables and memory are kept from one to the next.
#[derive(Debug)]
pub struct RegionGenotyper<'a> {
    options: &'a Options,
    likelihoods: LikelihoodModel,
    reference_model: ReferenceModel,
    aligner: Aligner,
    /// What the last calls rest on.
    realigned: Option<Box<Realigned>>,
}

impl<'a> RegionGenotyper<'a> {
    /// Makes the tables of the options.
    pub fn new(options: &'a Options) -> Self {
        Self {
            options,
            likelihoods: LikelihoodModel::new(options),
            reference_model: ReferenceModel::new(options.ploidy),
            aligner: Aligner::default(),
            realigned: None,
        }
    }

    /// Calls a region with variation. `None` says that nothing is called: with reference
    /// confidence, the whole region is then to be judged by [`RegionGenotyper::without_variation`].
    ///
    /// `reference` holds the letters of the padded spans of the region and of its flanks; `forced`
    /// are written whatever their quality.
    /// `deletions` are those that earlier regions emitted; those emitted here are added.
    pub fn call(
        &mut self,
        region: TrimmedRegion,
        reference: &ReferenceBases,
        forced: &[Event],
        deletions: &mut UpstreamDeletions,
    ) -> Option<RegionCalls> {
        let TrimmedRegion {
            variant_span: span,
            padded_span,
            haplotypes,
            reads,
            filtered_reads: filtered,
            flanks,
        } = region;
        if reads.is_empty() {
            return None;
        }
        let (likelihoods, told) = self.fit(reads, &haplotypes);
        let material = Material {
            span,
            haplotypes: &haplotypes,
            likelihoods: &likelihoods,
            filtered: &filtered,
            reference,
            forced,
        };
        let genotypes = genotyping::genotype(&material, self.options, deletions);
        let parts = Parts {
            called_span: span,
            aligned_span: padded_span,
            haplotypes: &haplotypes,
            reads: &likelihoods.reads,
            told: &told,
        };
        let shown = self.options.shown;
        let realigned = shown.and_then(|shown| Realigned::new(&parts, &genotypes, shown));
        self.realigned = realigned.map(Box::new);
        let calls = genotypes.calls;
        if !self.options.is_gvcf() {
            let records = calls.into_iter().map(Box::new).map(RegionRecord::Call);
            return Some(RegionCalls {
                records: records.collect(),
                realigned: None,
            });
        }
        if calls.iter().all(|call| call.sample.genotype.is_none()) {
            return None;
        }
        let stretch = Stretch {
            span,
            padded_span,
            reference,
        };
        let mut records = Vec::new();
        records.extend(
            flanks
                .left
                .map(|flank| self.judge(flank, reference))
                .unwrap_or_default(),
        );
        records.extend(
            self.reference_model
                .records(&stretch, likelihoods.reads, calls),
        );
        records.extend(
            flanks
                .right
                .map(|flank| self.judge(flank, reference))
                .unwrap_or_default(),
        );
        Some(RegionCalls {
            records,
            realigned: None,
        })
    }

    /// Weighs reads against haplotypes and lays them along the best; tells also which haplotype
    /// each read tells from the others.
    pub fn fit(
        &mut self,
        reads: Vec<RegionRead>,
        haplotypes: &[Haplotype],
    ) -> (ReadLikelihoods, Vec<Option<usize>>) {
        let mut likelihoods = self.likelihoods.likelihoods(reads, haplotypes);
        let told = realign(&mut likelihoods, haplotypes, &mut self.aligner);
        (likelihoods, told)
    }

    /// Takes what the last calls rest on.
    pub fn take_realigned(&mut self) -> Option<Box<Realigned>> {
        self.realigned.take()
    }

    /// Judges every position of a region without variation, from its finalised reads.
    pub fn without_variation(
        &self,
        region: AssemblyRegion,
        reference: &ReferenceBases,
    ) -> RegionCalls {
        RegionCalls {
            records: self.judge(region, reference),
            realigned: None,
        }
    }

    fn judge(&self, region: AssemblyRegion, reference: &ReferenceBases) -> Vec<RegionRecord> {
        let mut reads = region.reads;
        reads.retain(|read| is_usable(read, self.options));
        let stretch = Stretch {
            span: region.span,
            padded_span: region.padded_span,
            reference,
        };
        self.reference_model.records(&stretch, reads, Vec::new())
    }
}

/// Says whether a read is long enough, mapped well, and its mate on the same contig.
fn is_usable(read: &RegionRead, options: &Options) -> bool {
    let head = &read.head;
    let has_mate = head.flags.is_paired() && !head.flags.is_mate_unmapped();
    let mate_elsewhere = head.mate.is_some_and(|(contig, _)| contig != head.contig);
    read.len() >= SHORTEST_READ_BP
        && head.mapping_quality >= options.minimum_mapping_quality
        && !(has_mate && mate_elsewhere)
}
