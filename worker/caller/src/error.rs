//! What comes out of a call: outputs, or an error.

use crate::call::Call;
use crate::gvcf::Block;
use crate::options::OptionsError;
use crate::realigned::Realigned;
use crate::region_calls::ReferencePosition;
use genome::region::ContigId;

/// One record, in the order of positions.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// A variant.
    Call(Box<Call>),
    /// A block of reference confidence; only in a gVCF.
    Block(Block),
    /// Confidence in the reference at one position; only where each is asked for.
    Position(ContigId, ReferencePosition),
    /// What the calls of a region, which follow, rest on; only where that is asked for.
    Realigned(Box<Realigned>),
}

/// Why a call ended early. `E` is the error of the reads' source and of the sink.
#[derive(Debug, thiserror::Error)]
pub enum Error<E: std::error::Error + 'static> {
    /// The options cannot be followed.
    #[error("options of the call")]
    Options(#[from] OptionsError),
    /// The source of the reads failed.
    #[error("reading the reads")]
    Reads(#[source] E),
    /// The sink failed.
    #[error("writing the calls")]
    Sink(#[source] E),
    /// The records are not sorted by position.
    #[error("record {name} lies before the one that precedes it: the reads are not sorted")]
    Unsorted {
        /// Name of the read.
        name: String,
    },
    /// The monitor asked to stop.
    #[error("cancelled")]
    Cancelled,
}
