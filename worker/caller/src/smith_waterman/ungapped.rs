//! Alignments that need no table: so few letters differ that no gap can be worth it.

use super::{Overhang, Parameters};

/// Letters that are compared at once.
const STEP: usize = 16;

/// Returns where the query begins in the target if the best alignment certainly has no gap, no clip
/// and no rival.
///
/// A query that occurs as it is lies, soft-clipped, at its last occurrence. One other letter costs
/// less than the cheapest gap; a clip of few letters may cost less still, and another place with
/// one other letter as much: then nothing is said. From corner to corner a gap costs at least an
/// inserted letter and a deleted one.
pub(super) fn offset(
    target: &[u8],
    query: &[u8],
    parameters: &Parameters,
    overhang: Overhang,
) -> Option<usize> {
    match overhang {
        Overhang::SoftClip => clipped(target, query, parameters),
        Overhang::Indel => corners(target, query, parameters),
        Overhang::LeadingIndel => None,
    }
}

fn clipped(target: &[u8], query: &[u8], parameters: &Parameters) -> Option<usize> {
    let last = target.len().checked_sub(query.len())?;
    let (mut nearly, mut rivals) = (0, 0);
    for at in (0..=last).rev() {
        match differing(&target[at..at + query.len()], query, 1) {
            0 => return Some(at),
            1 => (nearly, rivals) = (at, rivals + 1),
            _ => {}
        }
    }
    let cost = parameters.matching - parameters.mismatch;
    let is_cheap = cost < -parameters.open && -parameters.extend >= 0;
    let affordable = (cost / parameters.matching) as usize;
    let clips = 1..=affordable.min(query.len() - 1);
    let is_clipped = |clip| target.starts_with(&query[clip..]) || ends_with(target, query, clip);
    (rivals == 1 && is_cheap && query.len() > affordable && !clips.into_iter().any(is_clipped))
        .then_some(nearly)
}

/// Says whether the target ends with the query less its last `clip` letters.
fn ends_with(target: &[u8], query: &[u8], clip: usize) -> bool {
    target.ends_with(&query[..query.len() - clip])
}

fn corners(target: &[u8], query: &[u8], parameters: &Parameters) -> Option<usize> {
    if target.len() != query.len() || parameters.extend > 0 {
        return None;
    }
    let cost = parameters.matching - parameters.mismatch;
    let gaps = parameters.matching - 2 * parameters.open;
    let most = ((gaps - 1) / cost) as usize;
    (differing(target, query, most) <= most).then_some(0)
}

/// Counts the places where two texts of one length differ, until there are more than `most`.
fn differing(one: &[u8], other: &[u8], most: usize) -> usize {
    let mut count = 0;
    for (one, other) in one.chunks(STEP).zip(other.chunks(STEP)) {
        count += one.iter().zip(other).filter(|(a, b)| a != b).count();
        if count > most {
            break;
        }
    }
    count
}
