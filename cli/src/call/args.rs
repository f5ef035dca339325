//! The flags of `spindle call`: those of GATK's HaplotypeCaller, with its defaults.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use caller::{
    EmitMode, ForcedAlleles, ForcedRecord, HaplotypesShown, Options, PcrIndelModel, Scope,
};
use clap::{Args as ClapArgs, ValueEnum};
use genome::dictionary::Dictionary;
use genome::region::Region;

use super::annotations;
use super::sites::Sites;
use crate::intervals;

/// Calls the variants of one sample, with the flags of GATK's HaplotypeCaller
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Reference FASTA; read from its index REF.spindle where that is beside it
    #[arg(short = 'R', long, value_name = "FASTA")]
    pub(super) reference: PathBuf,
    /// Reads of one sample: a BAM file sorted by position; may be repeated
    #[arg(short = 'I', long = "input", value_name = "BAM", required = true)]
    pub(super) inputs: Vec<PathBuf>,
    /// Output: a VCF; compressed and indexed if it ends in .gz
    #[arg(
        short = 'O',
        long,
        value_name = "VCF",
        required_unless_present = "explain"
    )]
    pub(super) output: Option<PathBuf>,
    /// Tells why this position is called, or why not, and writes nothing
    #[arg(long, value_name = "CHR:POS", conflicts_with = "output")]
    pub(super) explain: Option<String>,
    /// What to write where there is no variant
    #[arg(long, visible_alias = "ERC", value_enum, default_value_t)]
    emit_ref_confidence: EmitRefConfidence,
    /// Call here only: contig, contig:start-end, contig:position or a BED file; may be repeated
    #[arg(short = 'L', long, value_name = "INTERVAL")]
    intervals: Vec<String>,
    /// Widens each interval on both sides
    #[arg(long, visible_alias = "ip", value_name = "BP", default_value_t = 0)]
    interval_padding: u64,
    /// Copies of each contig; 1 to 20
    #[arg(long, visible_alias = "ploidy", default_value_t = 2)]
    sample_ploidy: u8,
    /// Variants of lower QUAL are not written
    #[arg(long, visible_alias = "stand-call-conf", default_value_t = 30.0)]
    standard_min_confidence_threshold_for_calling: f64,
    /// Reads of lower mapping quality are left out
    #[arg(long, default_value_t = 20)]
    minimum_mapping_quality: u8,
    /// Bases of lower quality are left out
    #[arg(long, visible_alias = "mbq", default_value_t = 10)]
    min_base_quality_score: u8,
    /// Most reads that may start at one position; 0 for no limit
    #[arg(long, default_value_t = 50)]
    max_reads_per_alignment_start: usize,
    /// Trust in indels next to repeats, where PCR slips
    #[arg(long, value_enum, ignore_case = true, default_value_t)]
    pcr_indel_model: PcrModel,
    /// Length of the k-mers that the assembly tries first; may be repeated
    #[arg(long, value_name = "K", default_values_t = [10, 25])]
    kmer_size: Vec<usize>,
    /// Most alternate alleles that are genotyped at a site
    #[arg(long, default_value_t = 6)]
    max_alternate_alleles: usize,
    /// Most genotypes that are looked at for a site
    #[arg(long, default_value_t = 1024)]
    max_genotype_count: usize,
    /// Expected heterozygosity of SNVs
    #[arg(long, default_value_t = 0.001)]
    heterozygosity: f64,
    /// Expected heterozygosity of indels
    #[arg(long, default_value_t = 1.25e-4)]
    indel_heterozygosity: f64,
    /// Standard deviation of the heterozygosity
    #[arg(long, default_value_t = 0.01)]
    heterozygosity_stdev: f64,
    /// Upper bound, not included, of a band of genotype quality in a gVCF; may be repeated
    #[arg(long, visible_alias = "GQB", value_name = "GQ")]
    gvcf_gq_bands: Vec<u8>,
    /// Names the calls and marks them DB as this VCF of known variants does, sorted as the reference
    #[arg(short = 'D', long, value_name = "VCF")]
    pub(super) dbsnp: Option<PathBuf>,
    /// Alleles of this VCF are genotyped and written wherever they lie
    #[arg(long, value_name = "VCF")]
    alleles: Option<PathBuf>,
    /// Writes assembled haplotypes, and the reads as they lie along them, to this BAM
    #[arg(long, visible_alias = "bamout", value_name = "BAM")]
    pub(super) bam_output: Option<PathBuf>,
    /// Which haplotypes the BAM holds
    #[arg(long, value_enum, default_value_t)]
    bam_writer_type: BamWriterType,
    /// Group of annotations to add; may be repeated
    #[arg(short = 'G', long, value_name = "GROUP")]
    annotation_group: Vec<String>,
    /// Annotation to add; may be repeated
    #[arg(short = 'A', long, value_name = "NAME")]
    annotation: Vec<String>,
    /// Draws at random as GATK does, from one running generator, to be compared with it
    #[arg(long)]
    gatk_random: bool,
    /// Threads; 0 for as many as there are cores
    #[arg(short = 't', long, value_name = "N", default_value_t = 0)]
    pub(super) threads: usize,
}

/// What to write where there is no variant.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum EmitRefConfidence {
    /// Nothing: a VCF
    #[default]
    #[value(name = "NONE")]
    None,
    /// Blocks of reference confidence: a gVCF
    #[value(name = "GVCF")]
    Gvcf,
    /// Reference confidence position by position: a gVCF without blocks
    #[value(name = "BP_RESOLUTION")]
    BpResolution,
}

/// Which haplotypes the BAM of realigned reads holds.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
#[value(rename_all = "SCREAMING_SNAKE_CASE")]
enum BamWriterType {
    /// Those that carry an allele of a call
    #[default]
    CalledHaplotypes,
    /// All that were assembled
    AllPossibleHaplotypes,
}

/// Trust in indels next to repeats.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
#[value(rename_all = "SCREAMING_SNAKE_CASE")]
enum PcrModel {
    /// As elsewhere
    None,
    /// Least
    Hostile,
    /// Little
    Aggressive,
    /// Some
    #[default]
    Conservative,
}

impl From<PcrModel> for PcrIndelModel {
    fn from(model: PcrModel) -> Self {
        match model {
            PcrModel::None => Self::None,
            PcrModel::Hostile => Self::Hostile,
            PcrModel::Aggressive => Self::Aggressive,
            PcrModel::Conservative => Self::Conservative,
        }
    }
}

impl Args {
    /// Returns the options that the flags name.
    ///
    /// # Errors
    /// Which annotation is not known, or not written.
    pub(super) fn options(&self) -> Result<Options> {
        let added = annotations::added(&self.annotation_group, &self.annotation)?;
        let shown = self
            .bam_output
            .as_ref()
            .map(|_| match self.bam_writer_type {
                BamWriterType::CalledHaplotypes => HaplotypesShown::Called,
                BamWriterType::AllPossibleHaplotypes => HaplotypesShown::All,
            });
        Ok(Options {
            shown,
            is_allele_specific: added.allele_specific,
            counts_strands: added.strands,
            names_known: self.dbsnp.is_some(),
            forced: Arc::default(),
            emit: match self.emit_ref_confidence {
                EmitRefConfidence::None => EmitMode::Variants,
                EmitRefConfidence::Gvcf => EmitMode::ReferenceConfidence,
                EmitRefConfidence::BpResolution => EmitMode::EveryPosition,
            },
            ploidy: self.sample_ploidy,
            call_confidence: self.standard_min_confidence_threshold_for_calling,
            minimum_mapping_quality: self.minimum_mapping_quality,
            minimum_base_quality: self.min_base_quality_score,
            reads_per_start: self.max_reads_per_alignment_start,
            pcr_indel_model: self.pcr_indel_model.into(),
            kmer_sizes: self.kmer_size.clone(),
            maximum_alternates: self.max_alternate_alleles,
            maximum_genotypes: self.max_genotype_count,
            snv_heterozygosity: self.heterozygosity,
            indel_heterozygosity: self.indel_heterozygosity,
            heterozygosity_deviation: self.heterozygosity_stdev,
            gatk_random: self.gatk_random,
            quality_bands: if self.gvcf_gq_bands.is_empty() {
                Options::default().quality_bands
            } else {
                self.gvcf_gq_bands.clone()
            },
        })
    }

    /// Returns the alleles that are to be genotyped wherever they lie.
    ///
    /// # Errors
    /// What is wrong with their file.
    pub(super) fn forced(&self, dictionary: &Dictionary) -> Result<ForcedAlleles> {
        let mut records = Vec::new();
        if let Some(path) = &self.alleles {
            let mut sites = Sites::open(path, dictionary)?;
            while let Some(site) = sites.next_site()? {
                if !site.is_filtered {
                    records.push(ForcedRecord {
                        contig: site.contig,
                        start: site.start,
                        reference: site.reference,
                        alternates: site.alternates,
                    });
                }
            }
        }
        Ok(ForcedAlleles::new(records))
    }

    /// Returns the positions that the flags ask for.
    ///
    /// # Errors
    /// Which interval does not fit the reference.
    pub(super) fn scope(&self, dictionary: &Dictionary) -> Result<Scope> {
        let whole = Scope::whole(dictionary);
        Ok(Scope::new(whole.own(), &self.asked(dictionary)?))
    }

    /// Returns the regions that the flags ask for; without any, the whole reference.
    ///
    /// # Errors
    /// Which interval does not fit the reference.
    pub(super) fn asked(&self, dictionary: &Dictionary) -> Result<Vec<Region>> {
        if self.intervals.is_empty() {
            return Ok(Scope::whole(dictionary).own().to_vec());
        }
        intervals::regions(&self.intervals, self.interval_padding, dictionary)
    }
}
