//! What a client asks for, validated in form.

use genome::read_group::ReadGroup;

use crate::location::Location;
use crate::s3_login::S3Access;

/// What is asked for; immutable once accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowSpec {
    /// Who goes first.
    pub priority: Priority,
    /// Free text for people.
    pub description: String,
    /// The work.
    pub work: Work,
    /// Whether results of other genomes are left alone, and its own not kept for others.
    pub no_cache: bool,
}

/// 1 (first) to 5 (last).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(pub u8);

impl Default for Priority {
    fn default() -> Self {
        Self(3)
    }
}

/// The kinds of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// One genome.
    Genome(Box<GenomeSpec>),
    /// No-op tasks that measure the control plane.
    Probe {
        /// How many.
        tasks: u32,
    },
}

/// One genome: one sample with all its lanes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenomeSpec {
    /// Sample name: SM and the column of the VCF.
    pub sample: String,
    /// At least one; their order is part of the order of records.
    pub lanes: Vec<Lane>,
    /// FASTA.
    pub reference: Location,
    /// VCFs; none: no recalibration.
    pub known_sites: Vec<Location>,
    /// What to make.
    pub outputs: Outputs,
    /// As submitted; read against the reference's dictionary by the stages.
    pub intervals: Vec<Interval>,
    /// Added on both sides of each interval.
    pub interval_padding_bp: u32,
    /// Folder of the outputs; `None`: they stay with the server.
    pub output_prefix: Option<Location>,
    /// Whether existing files may be replaced.
    pub overwrite: bool,
    /// Whether the final BAM carries recalibrated qualities.
    pub recalibrated_qualities: bool,
    /// Bases of a read batch.
    pub read_batch_bp: u64,
    /// Length of a partition.
    pub partition_bp: u64,
    /// Who reaches its places in S3.
    pub s3: S3Access,
}

/// The reads of one lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// Its read group; SM is the sample.
    pub read_group: ReadGroup,
    /// Where its reads are.
    pub reads: LaneReads,
}

/// Where a lane's reads are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaneReads {
    /// One read a template.
    SingleEnd(Location),
    /// Two files with mates in the same order.
    Paired(Location, Location),
    /// One file in which mates are neighbours.
    Interleaved(Location),
    /// Aligned or unaligned BAM.
    Bam(Location),
}

impl LaneReads {
    /// Returns the files, in order.
    pub fn files(&self) -> Vec<&Location> {
        match self {
            Self::SingleEnd(file) | Self::Interleaved(file) | Self::Bam(file) => vec![file],
            Self::Paired(first, second) => vec![first, second],
        }
    }
}

impl Work {
    /// Says whether it came with a login to S3.
    pub fn has_login(&self) -> bool {
        matches!(self, Self::Genome(genome) if genome.s3 != S3Access::Own)
    }
}

impl GenomeSpec {
    /// Returns all files that are read.
    pub fn inputs(&self) -> Vec<&Location> {
        let reads = self.lanes.iter().flat_map(|lane| lane.reads.files());
        let reference = std::iter::once(&self.reference);
        reads.chain(reference).chain(&self.known_sites).collect()
    }

    /// Says whether the final BAM is written anew, with recalibrated qualities.
    pub fn rewrites_bam(&self) -> bool {
        self.outputs.bam && self.recalibrated_qualities && !self.known_sites.is_empty()
    }

    /// Says whether what `merge` writes becomes the final BAM as it is.
    pub fn keeps_merged_bam(&self) -> bool {
        self.outputs.bam && !self.rewrites_bam()
    }
}

/// What to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outputs {
    /// `SAMPLE.bam` and its index.
    pub bam: bool,
    /// `SAMPLE.vcf.gz` and its index.
    pub vcf: bool,
    /// `SAMPLE.g.vcf.gz` and its index.
    pub gvcf: bool,
}

impl Outputs {
    /// Says whether variants are called.
    pub const fn any_calls(self) -> bool {
        self.vcf || self.gvcf
    }
}

/// A stretch of the reference as people write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interval {
    /// `contig` or `contig:start-end`, 1-based, inclusive.
    Text(String),
    /// A BED file.
    Bed(Location),
}

/// The default size of a read batch: what `bwa mem -K 100000000` takes.
pub const DEFAULT_READ_BATCH_BP: u64 = 100_000_000;
