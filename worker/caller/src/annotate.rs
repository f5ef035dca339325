//! What the INFO column says of a call's evidence.

mod allele_specific;
mod fisher;
mod jitter;
mod rank_sum;

pub use allele_specific::allele_specific;
pub use fisher::{fisher_strand, strand_odds_ratio};
pub use jitter::{jittered, jittered_by};
pub use rank_sum::rank_sum;

use crate::call::{Annotations, Call};
use crate::options::Options;
use genome::maths;

/// One read over a site, beside its row of likelihoods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// Mapping quality.
    pub mapping_quality: u8,
    /// Whether the read lies on the reverse strand.
    pub is_reverse: bool,
    /// Quality of its base at the site, if it has one.
    pub base_quality: Option<u8>,
    /// Distance of the site from the nearer end of the read.
    pub end_distance: Option<u32>,
}

/// Counts the informative reads of each allele.
pub fn allele_depths(told: &[Option<usize>], alleles: usize) -> Vec<u32> {
    let mut depths = vec![0; alleles];
    for &allele in told.iter().flatten() {
        depths[allele] += 1;
    }
    depths
}

/// Counts informative reads: reference forward and reverse, alternates forward and reverse.
pub fn strands(evidence: &[Evidence], told: &[Option<usize>]) -> [u32; 4] {
    let mut counts = [0; 4];
    for (read, allele) in evidence.iter().zip(told) {
        if let Some(allele) = allele {
            counts[usize::from(*allele > 0) * 2 + usize::from(read.is_reverse)] += 1;
        }
    }
    counts
}

/// Fills in the rank sums and the mapping qualities.
pub fn describe_reads(
    evidence: &[Evidence],
    told: &[Option<usize>],
    annotations: &mut Annotations,
) {
    let series = |value: &dyn Fn(&Evidence) -> Option<f64>| {
        let mut sides = [Vec::new(), Vec::new()];
        for (read, allele) in evidence.iter().zip(told) {
            if let (Some(allele), Some(value)) = (allele, value(read))
                && read.mapping_quality != 0
            {
                sides[usize::from(*allele > 0)].push(value);
            }
        }
        let [reference, alternate] = sides;
        rank_sum(&alternate, &reference)
    };
    annotations.base_quality_rank_sum = series(&|read| read.base_quality.map(f64::from));
    annotations.mapping_quality_rank_sum = series(&|read| Some(f64::from(read.mapping_quality)));
    annotations.read_position_rank_sum = series(&|read| read.end_distance.map(f64::from));
    let square = |read: &Evidence| u64::from(read.mapping_quality).pow(2);
    let squares: u64 = evidence.iter().map(square).sum();
    let reads = evidence.len() as u32;
    annotations.depth = reads;
    annotations.raw_mapping_quality = (reads > 0).then_some((squares, reads));
    annotations.mapping_quality =
        (reads > 0).then(|| maths::sqrt(squares as f64 / f64::from(reads)));
}

/// Leaves each mode its own annotations; what needs the genotype is added. Quality by depth stays
/// raw: see [`jittered`].
pub fn finish(call: &mut Call, strands: [u32; 4], options: &Options) {
    let annotations = &mut call.annotations;
    if options.is_gvcf() {
        annotations.mapping_quality = None;
        return;
    }
    annotations.raw_mapping_quality = None;
    let called = call.sample.genotype.as_deref().unwrap_or_default();
    let count = |allele| {
        called
            .iter()
            .filter(|&&one| usize::from(one) == allele)
            .count() as u32
    };
    annotations.allele_counts = Some((1..call.alleles.len()).map(count).collect());
    annotations.fisher_strand = Some(fisher_strand(strands));
    annotations.strand_odds_ratio = Some(strand_odds_ratio(strands));
    let depth = match call.sample.depth() {
        0 => annotations.depth,
        informative => informative,
    };
    if depth > 0 && called.iter().any(|&allele| allele != 0) {
        annotations.quality_by_depth = Some(call.quality / f64::from(depth));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_that_tell_nothing_do_not_count() {
        let told = [Some(0), Some(1), None];
        assert_eq!(allele_depths(&told, 2), [1, 1]);
    }

    #[test]
    fn without_reads_there_is_nothing_to_describe() {
        let mut annotations = Annotations::default();
        describe_reads(&[], &[], &mut annotations);
        assert_eq!(annotations.raw_mapping_quality, None);
        assert_eq!(annotations.mapping_quality, None);
        assert_eq!(annotations.base_quality_rank_sum, None);
    }
}
