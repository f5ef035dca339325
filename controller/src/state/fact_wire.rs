//! The stored form of facts. What a newer program added is kept as it was stored.

mod decode;
mod encode;

use common::wire::WireError;
use prost::Message;
use proto::state::v1 as wire;

use crate::core::fact::{Change, Fact};

pub(super) use decode::{
    failure as decode_failure, object as decode_object, output_files, plan as decode_plan,
};
pub(super) use encode::{
    failure as encode_failure, object as encode_object, output_file, plan as encode_plan,
    stage as encode_stage,
};

/// Returns the stored form of a fact.
pub fn encode(fact: &Fact) -> Vec<u8> {
    match &fact.stored {
        Some(stored) => stored.to_vec(),
        None => written(fact),
    }
}

/// Reads the stored form of a fact. A kind that is not known becomes [`Change::Unknown`].
///
/// # Errors
/// [`WireError`] if a known kind is not what its contract says.
pub fn decode(stored: &[u8]) -> Result<Fact, WireError> {
    let unreadable = |error| WireError::new("fact", format!("{error}"));
    let wire::Fact { at_ms, fact } = wire::Fact::decode(stored).map_err(unreadable)?;
    let change = match fact {
        None => Change::Unknown,
        Some(fact) => decode::change(fact)?,
    };
    let mut fact = Fact::new(at_ms, change);
    if written(&fact) != stored {
        fact.stored = Some(stored.into());
    }
    Ok(fact)
}

fn written(fact: &Fact) -> Vec<u8> {
    let record = wire::Fact {
        at_ms: fact.at_ms,
        fact: encode::change(&fact.change),
    };
    record.encode_to_vec()
}
