//! Variant calling for one diploid sample: sorted records in, calls and reference blocks out.
//!
//! Main path: [`call()`] feeds records to a `Walk`. Reads tell how active each position is
//! ([`activity`]); the smoothed profile is cut to regions ([`traversal`]); a region's reads are
//! clipped ([`finalise`]) and assembled to haplotypes ([`assembly`]), which are cut to their
//! variation ([`trim`]). Reads are weighed against them ([`likelihoods`], [`pair_hmm`]) and
//! realigned ([`realign`]); each event is genotyped ([`genotyping`]) and described ([`annotate`]);
//! elsewhere stands the confidence in the reference ([`reference_confidence`]), joined to blocks
//! ([`gvcf`]). [`vcf`] turns both into text.
//!
//! A region's answer depends on its reads and its bounds alone, and its bounds on the reads around
//! it, never on where a part begins: see [`Scope`].

pub mod activity;
pub mod activity_profile;
pub mod annotate;
pub mod assembly;
pub mod assembly_region;
pub mod call;
mod cigar_builder;
mod clip;
pub mod downsample;
mod draws;
mod error;
pub mod events;
pub mod explain;
pub mod filter;
pub mod finalise;
mod flight;
pub mod forced;
pub mod fragment;
pub mod genotype;
pub mod genotyping;
pub mod gvcf;
pub mod haplotype;
pub mod haplotype_alignment;
mod indel_qualities;
mod indel_sight;
pub mod intake;
pub mod joint;
mod left_align;
pub mod likelihoods;
mod log_sum;
mod mate_overlap;
mod options;
pub mod pair_hmm;
pub mod random;
pub mod realign;
pub mod realigned;
pub mod reference_bases;
pub mod reference_confidence;
pub mod region_caller;
pub mod region_calls;
pub mod region_genotyper;
pub mod region_read;
mod scope;
pub mod smith_waterman;
mod summary;
#[cfg(test)]
mod testing;
pub mod traversal;
pub mod trim;
pub mod vcf;
mod walk;

pub use call::Call;
pub use error::{Error, Output};
pub use forced::{ForcedAlleles, ForcedRecord};
pub use options::{EmitMode, HaplotypesShown, Options, OptionsError, PcrIndelModel};
pub use scope::{LEAD_BP, MARGIN_BP, Scope};
pub use summary::Summary;

use walk::{Flow, Walk};

use genome::monitor::Monitor;
use genome::record::OwnedRecord;
use genome::reference::Reference;

/// Calls the variants of a scope; outputs come in the order of their positions.
///
/// `reads` are sorted by position and hold every record that overlaps [`Scope::evidence`]; others
/// do no harm. No more of them are taken than needed. Memory is bounded by the reads over one
/// position.
///
/// # Errors
/// [`Error`] says whether reads, sink, options or a cancellation ended the call.
pub fn call<E: std::error::Error + 'static>(
    reference: &Reference<'_>,
    scope: &Scope,
    reads: impl IntoIterator<Item = Result<OwnedRecord, E>>,
    options: &Options,
    monitor: &Monitor,
    sink: impl FnMut(Output) -> Result<(), E>,
) -> Result<Summary, Error<E>> {
    rayon::in_place_scope_fifo(|tasks| {
        let mut walk = Walk::new(reference, scope, options, monitor, (tasks, sink))?;
        for record in reads {
            let record = record.map_err(Error::Reads)?;
            if walk.push(record.view())? == Flow::Done {
                break;
            }
        }
        walk.finish()
    })
}
