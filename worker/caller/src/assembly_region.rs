//! The stretches that are judged as one: a region with its reads, and what is left of it when it
//! is cut to its variation.

use crate::haplotype::Haplotype;
use crate::region_read::RegionRead;
use genome::region::Region;

/// A stretch of the walk that is assembled as one, or is not active.
#[derive(Debug, Clone, PartialEq)]
pub struct AssemblyRegion {
    /// The positions that the region answers for.
    pub span: Region,
    /// The same with padding, within the contig.
    pub padded_span: Region,
    /// Whether enough reads differ from the reference.
    pub is_active: bool,
    /// The reads that overlap the padded span, in the order of the stream; after `finalise`,
    /// clipped and sorted.
    pub reads: Vec<RegionRead>,
}

/// An assembled region, cut to the events of its haplotypes: what is to be genotyped.
#[derive(Debug, Clone, PartialEq)]
pub struct TrimmedRegion {
    /// Events that start here are genotyped.
    pub variant_span: Region,
    /// What haplotypes and reads are cut to.
    pub padded_span: Region,
    /// The distinct haplotypes over `padded_span`, by length, then by bases; at least two.
    pub haplotypes: Vec<Haplotype>,
    /// The reads over `padded_span`, clipped to it and sorted.
    pub reads: Vec<RegionRead>,
    /// Reads with a low mapping quality or a mate elsewhere: they count in a site's depth and
    /// mapping quality alone.
    pub filtered_reads: Vec<RegionRead>,
    /// Finalised stretches of the region left and right of `variant_span`, each with its own
    /// padding and reads, where reference confidence is asked for.
    pub flanks: Flanks,
}

/// The stretches beside a variant span.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Flanks {
    /// From the start of the region to the variant span, if there is anything.
    pub left: Option<AssemblyRegion>,
    /// From the variant span to the end of the region, if there is anything.
    pub right: Option<AssemblyRegion>,
}
