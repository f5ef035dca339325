//! The way of one region, up to the decision about one position.

use crate::assembly::Attempt;
use crate::finalise::finalise;
use crate::genotyping::{self, Material};
use crate::haplotype::Haplotype;
use crate::region_caller::RegionCaller;
use crate::traversal::RawRegion;
use genome::region::Region;

/// What became of a region.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionStory {
    /// Its positions.
    pub span: Region,
    /// Whether it is active.
    pub is_active: bool,
    /// Its reads as they came, and those left after clipping.
    pub reads: (usize, usize),
    /// What the assembly gave; only of an active region.
    pub assembled: Option<Assembled>,
}

/// What the assembly of a region gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Assembled {
    /// Each k with what became of its graph.
    pub attempts: Vec<(usize, Attempt)>,
    /// The haplotypes, cut to where they vary; without variation those of the whole region.
    pub haplotypes: Vec<Haplotype>,
    /// Where events are genotyped; `None` if nothing varies or no read is left.
    pub called_span: Option<Region>,
    /// Reads that were compared with the haplotypes, those that fit one, and those set aside for
    /// their mapping quality or a mate elsewhere.
    pub reads: (usize, usize, usize),
    /// The position itself; `None` if no haplotype differs there.
    pub site: Option<SiteStory>,
}

/// What the reads say of the position.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteStory {
    /// The alleles, the reference first.
    pub alleles: Vec<Allele>,
    /// Likelihoods of their genotypes, Phred-scaled.
    pub likelihoods: Vec<u32>,
    /// QUAL.
    pub quality: f64,
    /// What was decided.
    pub decision: Decision,
}

/// An allele of the position.
#[derive(Debug, Clone, PartialEq)]
pub struct Allele {
    /// Its letters.
    pub letters: Box<[u8]>,
    /// Reads that tell for it.
    pub reads: u32,
    /// log10 of the probability of all reads over the position, given this allele.
    pub likelihood: f64,
    /// Whether it stands in the record.
    pub is_kept: bool,
}

/// Whether a position is called, and what decided it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is called.
    Called,
    /// It is written for a forced allele.
    Forced,
    /// Its QUAL is too low.
    LowQuality,
    /// No alternate allele is sure enough by itself.
    NoSureAllele,
    /// Only deletions from before would be written.
    OnlySpanning,
}

impl RegionCaller<'_> {
    /// Tells what becomes of a region, and of one of its positions.
    pub fn story(&mut self, raw: &RawRegion, position: u64) -> RegionStory {
        let region = finalise(raw, self.options.minimum_base_quality);
        let mut story = RegionStory {
            span: raw.span,
            is_active: raw.is_active,
            reads: (raw.reads.len(), region.reads.len()),
            assembled: None,
        };
        if !region.is_active {
            return story;
        }
        let reference = self.reference_around(raw);
        let forced = &self.options.forced;
        let given = forced.events(region.padded_span, region.span.start);
        let assembly = self.assemble(&region, &reference);
        let trimmed = self.trim(&region, &assembly.haplotypes, &given, &reference);
        let mut assembled = Assembled {
            attempts: assembly.attempts,
            haplotypes: assembly.haplotypes,
            called_span: None,
            reads: (0, 0, 0),
            site: None,
        };
        if let Some(trimmed) = trimmed {
            let compared = trimmed.reads.len();
            let (likelihoods, _) = self.genotyper.fit(trimmed.reads, &trimmed.haplotypes);
            assembled.called_span = Some(trimmed.variant_span);
            assembled.reads = (
                compared,
                likelihoods.reads.len(),
                trimmed.filtered_reads.len(),
            );
            let material = Material {
                span: trimmed.variant_span,
                haplotypes: &trimmed.haplotypes,
                likelihoods: &likelihoods,
                filtered: &trimmed.filtered_reads,
                reference: &reference,
                forced: &given,
            };
            let shows = |one: &Haplotype| one.events.iter().any(|event| event.start == position);
            if trimmed.haplotypes.iter().any(shows) {
                assembled.site = site_story(&material, position, self.options);
            }
            assembled.haplotypes = trimmed.haplotypes;
        }
        story.assembled = Some(assembled);
        story
    }
}

fn site_story(
    material: &Material<'_>,
    position: u64,
    options: &crate::Options,
) -> Option<SiteStory> {
    if !material.span.contains(material.span.contig, position) {
        return None;
    }
    let considered = genotyping::consider(material, position, false, options)?;
    let (site, evidence) = (&considered.site, &considered.evidence);
    let choice = &considered.genotyped.choice;
    let quality = considered.genotyped.quality;
    let all: Vec<usize> = (0..site.alleles.len()).collect();
    let told = evidence.told_among(&all);
    let alleles = site.alleles.iter().zip(0..).map(|(letters, index)| Allele {
        letters: letters.clone(),
        reads: told.iter().filter(|one| **one == Some(index)).count() as u32,
        likelihood: evidence.rows.iter().map(|row| row[index]).sum(),
        is_kept: choice.kept.contains(&index),
    });
    let is_empty = choice.is_empty(&site.alleles, quality, options);
    let decision = match is_empty {
        false if choice.is_monomorphic && choice.is_forced => Decision::Forced,
        false => Decision::Called,
        true if choice.is_monomorphic => Decision::NoSureAllele,
        true if quality < options.confidence() => Decision::LowQuality,
        true => Decision::OnlySpanning,
    };
    Some(SiteStory {
        alleles: alleles.collect(),
        likelihoods: considered.genotyped.phred.clone(),
        quality,
        decision,
    })
}
