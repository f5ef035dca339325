//! A called variant, before it becomes text.

use genome::region::ContigId;

/// The symbolic allele that stands for everything not seen.
pub const NON_REF: &[u8] = b"<NON_REF>";

/// One record of a variant, for one diploid sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The contig.
    pub contig: ContigId,
    /// 0-based position of the first base of the reference allele.
    pub position: u64,
    /// Names that others gave it, joined by `;`.
    pub identifier: Option<String>,
    /// The reference allele, then the alternates; [`NON_REF`] last in a gVCF.
    pub alleles: Vec<Box<[u8]>>,
    /// QUAL, unrounded.
    pub quality: f64,
    /// Whether it is written for a forced allele alone: its quality is too low for a call.
    pub is_low_quality: bool,
    /// What the INFO column says.
    pub annotations: Annotations,
    /// The sample's column.
    pub sample: Sample,
}

impl Call {
    /// Returns one past the last reference position.
    pub fn end(&self) -> u64 {
        self.position + self.alleles[0].len() as u64
    }

    /// Returns the alternates that spell bases.
    pub fn concrete_alternates(&self) -> impl Iterator<Item = &[u8]> {
        let alternates = self.alleles[1..].iter().map(|allele| &**allele);
        alternates.filter(|allele| !allele.starts_with(b"<") && *allele != b"*")
    }
}

/// The genotype of the sample and its evidence.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    /// Its alleles, as they are printed; `None` for `./.`.
    pub genotype: Option<Vec<u8>>,
    /// Informative reads of each allele; none for `./.`.
    pub allele_depths: Vec<u32>,
    /// Genotype quality, uncapped.
    pub genotype_quality: u32,
    /// Phred-scaled likelihoods, in the order of VCF.
    pub likelihoods: Vec<u32>,
    /// Reads of the reference and of all alternates on each strand; in a gVCF.
    pub strands: Option<[u32; 4]>,
    /// Which calls lie on one chromosome; in a gVCF.
    pub phase: Option<Phase>,
}

/// A place among the calls of one chromosome.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Phase {
    /// 0-based position of the first call of the set.
    pub set: u64,
    /// Position, reference and alternate of that call.
    pub id: String,
    /// Whether the alternate allele lies on the first chromosome: `1|0`.
    pub is_first: bool,
}

impl Sample {
    /// Returns the informative reads of all alleles together.
    pub fn depth(&self) -> u32 {
        self.allele_depths.iter().sum()
    }
}

/// The INFO column; `None` is not printed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Annotations {
    /// The same for each allele; where that is asked for.
    pub allele_specific: Option<AlleleSpecific>,
    /// Alternate alleles in the genotype, for each alternate.
    pub allele_counts: Option<Vec<u32>>,
    /// Rank sum of base qualities.
    pub base_quality_rank_sum: Option<f64>,
    /// Whether others know it.
    pub is_known: bool,
    /// All reads looked at.
    pub depth: u32,
    /// Phred-scaled p of an excess of heterozygotes: 0 for one sample with a genotype.
    pub excess_heterozygosity: Option<f64>,
    /// Phred-scaled p of Fisher's exact test of strands.
    pub fisher_strand: Option<f64>,
    /// Most likely allele counts.
    pub expected_counts: Vec<u32>,
    /// Root mean square of mapping qualities.
    pub mapping_quality: Option<f64>,
    /// Rank sum of mapping qualities.
    pub mapping_quality_rank_sum: Option<f64>,
    /// QUAL by depth.
    pub quality_by_depth: Option<f64>,
    /// Sum of squared mapping qualities and the number of reads; in a gVCF.
    pub raw_mapping_quality: Option<(u64, u32)>,
    /// Rank sum of positions in the read.
    pub read_position_rank_sum: Option<f64>,
    /// Symmetric odds ratio of strands.
    pub strand_odds_ratio: Option<f64>,
}

/// What can be joined over samples for each allele, the reference first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlleleSpecific {
    /// Rank sum of base qualities of each alternate.
    pub base_qualities: Vec<AlleleRankSum>,
    /// Sum of squared mapping qualities of each allele.
    pub squared_mapping_qualities: Vec<u64>,
    /// Rank sum of mapping qualities of each alternate.
    pub mapping_qualities: Vec<AlleleRankSum>,
    /// Rank sum of positions in the read of each alternate.
    pub read_positions: Vec<AlleleRankSum>,
    /// Reads of each allele on both strands.
    pub strands: Vec<[u32; 2]>,
}

/// How an alternate's reads compare with those of the reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AlleleRankSum {
    /// No read shows the reference.
    NoReference,
    /// No read shows the alternate.
    NoAlternate,
    /// A z-score.
    Score(f64),
}
