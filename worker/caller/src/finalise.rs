//! The reads of a region made ready: clipped to what can be trusted, sorted, mates agreeing.
//!
//! Source: GATK 4.6 `AssemblyBasedCallerUtils.finalizeRegion`.

use crate::assembly_region::AssemblyRegion;
use crate::fragment;
use crate::mate_overlap;
use crate::region_read::RegionRead;
use crate::traversal::RawRegion;
use genome::region::Region;
use std::cmp::Ordering;

/// Clips and sorts the reads of a region; `minimum_base_quality` is that of the options.
pub fn finalise(region: &RawRegion, minimum_base_quality: u8) -> AssemblyRegion {
    let tail_quality = minimum_base_quality.saturating_sub(1);
    let reads = region.reads.iter();
    let mut reads: Vec<RegionRead> = reads
        .filter_map(|read| trusted_part(read, tail_quality, region.padded_span))
        .collect();
    sort(&mut reads);
    mate_overlap::correct(&mut reads);
    AssemblyRegion {
        span: region.span,
        padded_span: region.padded_span,
        is_active: region.is_active,
        reads,
    }
}

/// Returns what is left of a read within a span, if anything.
fn trusted_part(read: &RegionRead, tail_quality: u8, span: Region) -> Option<RegionRead> {
    let mut read = read.clone();
    if fragment::is_well_defined(&read) {
        read.unclip_soft();
    } else {
        read.cut_soft_clips();
    }
    read.cut_low_ends(tail_quality);
    cut_adaptor(&mut read);
    read.cut_to(span);
    let is_left = !read.is_empty() && read.span().overlaps(&span);
    is_left.then_some(read)
}

fn cut_adaptor(read: &mut RegionRead) {
    let Some(boundary) = fragment::adaptor_boundary(read) else {
        return;
    };
    let Ok(boundary) = u64::try_from(boundary) else {
        return;
    };
    if read.is_empty() || !(read.start..read.end()).contains(&boundary) {
        return;
    }
    if read.is_reverse() {
        read.cut_through(boundary);
    } else {
        read.cut_from(boundary);
    }
}

/// Sorts reads as their coordinates say; equal ones keep their order.
pub fn sort(reads: &mut [RegionRead]) {
    reads.sort_by(order);
}

fn order(a: &RegionRead, b: &RegionRead) -> Ordering {
    let (x, y) = (&a.head, &b.head);
    a.start
        .cmp(&b.start)
        .then_with(|| a.is_reverse().cmp(&b.is_reverse()))
        .then_with(|| x.name.cmp(&y.name))
        .then_with(|| x.flags.0.cmp(&y.flags.0))
        .then_with(|| x.mapping_quality.cmp(&y.mapping_quality))
        .then_with(|| {
            if x.flags.is_paired() && y.flags.is_paired() {
                return x.mate.cmp(&y.mate);
            }
            Ordering::Equal
        })
        .then_with(|| x.template_length.cmp(&y.template_length))
}
