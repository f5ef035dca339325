//! What a caller may decide; the defaults are GATK 4.6's.

use crate::forced::ForcedAlleles;
use std::sync::Arc;

/// What is written where no variant is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EmitMode {
    /// Nothing: a plain VCF of variants.
    #[default]
    Variants,
    /// Blocks of reference confidence: a gVCF.
    ReferenceConfidence,
    /// Confidence in the reference, a record for each position.
    EveryPosition,
}

/// How much less indels next to repeats are trusted: PCR slips there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PcrIndelModel {
    /// As elsewhere: the library was made without PCR.
    None,
    /// Least trust.
    Hostile,
    /// Little trust.
    Aggressive,
    /// Some trust.
    #[default]
    Conservative,
}

/// Which haplotypes are shown beside the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HaplotypesShown {
    /// Those that carry an allele of a call.
    Called,
    /// All.
    All,
}

/// More copies of a contig have too many genotypes.
const LARGEST_PLOIDY: u8 = 20;

/// The longest k-mer that the assembly may be asked to begin with.
const LONGEST_KMER_BP: usize = 200;

/// Options of a call; validated by [`Options::check`].
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// What is written where no variant is called.
    pub emit: EmitMode,
    /// Reads of lower mapping quality are left out.
    pub minimum_mapping_quality: u8,
    /// Bases of lower quality are no evidence for a variant.
    pub minimum_base_quality: u8,
    /// A variant of lower QUAL is not written to a VCF.
    pub call_confidence: f64,
    /// Copies of each contig.
    pub ploidy: u8,
    /// Expected heterozygosity of SNVs.
    pub snv_heterozygosity: f64,
    /// Expected heterozygosity of indels.
    pub indel_heterozygosity: f64,
    /// Standard deviation of the heterozygosity.
    pub heterozygosity_deviation: f64,
    /// Most alternate alleles of a record.
    pub maximum_alternates: usize,
    /// Most reads that may start at one position; 0 for no limit.
    pub reads_per_start: usize,
    /// Most genotypes of a record.
    pub maximum_genotypes: usize,
    /// Trust in indels next to repeats.
    pub pcr_indel_model: PcrIndelModel,
    /// Lengths of the k-mers that the assembly tries first.
    pub kmer_sizes: Vec<usize>,
    /// Draws at random as GATK does, from one running generator, in place of draws by place.
    pub gatk_random: bool,
    /// Lower bounds, ascending and above 0, of the bands of genotype quality.
    pub quality_bands: Vec<u8>,
    /// Alleles that are genotyped wherever they lie.
    pub forced: Arc<ForcedAlleles>,
    /// Haplotypes to hand out with the realigned reads, if any.
    pub shown: Option<HaplotypesShown>,
    /// Whether annotations are also given allele by allele; in a gVCF.
    pub is_allele_specific: bool,
    /// Whether a VCF says how reads lie on the strands, as a gVCF does.
    pub counts_strands: bool,
    /// Whether whoever takes the calls names those that are known.
    pub names_known: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            emit: EmitMode::Variants,
            minimum_mapping_quality: 20,
            minimum_base_quality: 10,
            call_confidence: 30.0,
            ploidy: 2,
            snv_heterozygosity: 0.001,
            indel_heterozygosity: 1.25e-4,
            heterozygosity_deviation: 0.01,
            maximum_alternates: 6,
            reads_per_start: 50,
            maximum_genotypes: 1024,
            pcr_indel_model: PcrIndelModel::Conservative,
            kmer_sizes: vec![10, 25],
            gatk_random: false,
            quality_bands: (1..=60).chain([70, 80, 90, 99]).collect(),
            forced: Arc::default(),
            shown: None,
            is_allele_specific: false,
            counts_strands: false,
            names_known: false,
        }
    }
}

/// Why options are refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OptionsError {
    /// Genotypes of so many copies are too many.
    #[error("ploidy {0} is not supported, only 1 to {LARGEST_PLOIDY}")]
    Ploidy(u8),
    /// The bands are not ascending within 1–99.
    #[error("genotype quality bands must ascend within 1 to 99")]
    Bands,
    /// Outside of what the genotypes can be numbered for.
    #[error("{0} alternate alleles are not supported, only 1 to 6")]
    Alternates(usize),
    /// No graph can be made of such k-mers.
    #[error("k-mers must have 1 to {LONGEST_KMER_BP} bases, and one size must be given")]
    Kmers,
    /// Not a probability, or no deviation.
    #[error("heterozygosities must lie between 0 and 1, their deviation above 0")]
    Heterozygosity,
    /// No tool reads them there.
    #[error("allele-specific annotations are written to a gVCF alone")]
    AlleleSpecific,
}

impl Options {
    /// Says whether reference confidence is asked for.
    pub fn is_gvcf(&self) -> bool {
        self.emit != EmitMode::Variants
    }

    /// Returns the least QUAL of a call; with reference confidence all are written.
    pub fn confidence(&self) -> f64 {
        if self.is_gvcf() {
            -0.0
        } else {
            self.call_confidence
        }
    }

    /// Checks that the options can be followed.
    ///
    /// # Errors
    /// [`OptionsError`] names the first one that cannot.
    pub fn check(&self) -> Result<(), OptionsError> {
        if !(1..=LARGEST_PLOIDY).contains(&self.ploidy) {
            return Err(OptionsError::Ploidy(self.ploidy));
        }
        let bands = &self.quality_bands;
        let within = bands.iter().all(|band| (1..=99).contains(band));
        if !within || !bands.is_sorted_by(|a, b| a < b) {
            return Err(OptionsError::Bands);
        }
        if !(1..=6).contains(&self.maximum_alternates) {
            return Err(OptionsError::Alternates(self.maximum_alternates));
        }
        let is_k = |k: &usize| (1..=LONGEST_KMER_BP).contains(k);
        if self.kmer_sizes.is_empty() || !self.kmer_sizes.iter().all(is_k) {
            return Err(OptionsError::Kmers);
        }
        let probability = |value: f64| value > 0.0 && value < 1.0;
        let likely = probability(self.snv_heterozygosity) && probability(self.indel_heterozygosity);
        if !likely || self.heterozygosity_deviation <= 0.0 {
            return Err(OptionsError::Heterozygosity);
        }
        if self.is_allele_specific && !self.is_gvcf() {
            return Err(OptionsError::AlleleSpecific);
        }
        Ok(())
    }

    /// Returns the lower bound of the band that holds a genotype quality.
    pub fn band(&self, genotype_quality: u32) -> u8 {
        let quality = genotype_quality.min(99) as u8;
        let above = self.quality_bands.partition_point(|&band| band <= quality);
        above
            .checked_sub(1)
            .map_or(0, |index| self.quality_bands[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_ploidies_are_refused_by_name() {
        let options = Options {
            ploidy: 0,
            ..Options::default()
        };
        assert_eq!(options.check(), Err(OptionsError::Ploidy(0)));
        assert_eq!(Options::default().check(), Ok(()));
    }

    #[test]
    fn allele_specific_annotations_need_a_gvcf() {
        let mut options = Options {
            is_allele_specific: true,
            ..Options::default()
        };
        assert_eq!(options.check(), Err(OptionsError::AlleleSpecific));
        options.emit = EmitMode::EveryPosition;
        assert_eq!(options.check(), Ok(()));
    }

    #[test]
    fn bands_hold_their_lower_bound() {
        let options = Options::default();
        let bands = [0, 1, 59, 60, 69, 70, 98, 99, 1000].map(|quality| options.band(quality));
        assert_eq!(bands, [0, 1, 59, 60, 60, 70, 90, 99, 99]);
    }
}
