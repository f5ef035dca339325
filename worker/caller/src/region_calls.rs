//! What a region gives.

use crate::call::Call;
use crate::realigned::Realigned;
use genome::region::Region;

/// One answer of a region.
#[derive(Debug, Clone, PartialEq)]
pub enum RegionRecord {
    /// A variant. Its quality by depth is raw: what is saturated is drawn when it is written.
    Call(Box<Call>),
    /// Confidence in the reference at one position; only where that is asked for.
    Reference(ReferencePosition),
}

impl RegionRecord {
    /// Returns the 0-based position.
    pub fn position(&self) -> u64 {
        match self {
            Self::Call(call) => call.position,
            Self::Reference(reference) => reference.position,
        }
    }
}

/// Confidence in the reference at one position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferencePosition {
    /// 0-based position.
    pub position: u64,
    /// Upper-case letter of the reference.
    pub base: u8,
    /// Phred-scaled likelihoods of the genotypes of reference and `<NON_REF>`, ploidy + 1 of them.
    pub likelihoods: Vec<u32>,
    /// Reads that show the reference, and others.
    pub allele_depths: [u32; 2],
}

/// All answers of a region, by position.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RegionCalls {
    /// Calls, and in reference-confidence modes one position for each of the region's span that
    /// starts no call: positions under a called deletion too.
    pub records: Vec<RegionRecord>,
    /// What the calls rest on, where that is asked for.
    pub realigned: Option<Box<Realigned>>,
}

/// A deletion that an earlier call emitted: where it reaches, `*` may be an allele.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmittedDeletion {
    /// The positions from the base before the deletion to its last deleted base.
    pub span: Region,
}
