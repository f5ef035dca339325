//! Branches that end in the middle of nowhere, joined to the reference where they fit it.
//!
//! Source: GATK 4.6 `AbstractReadThreadingGraph`, its rules without a minimum of matching bases.

mod head;
mod tail;

pub use head::recover_heads;
pub use tail::recover_tails;

use super::graph::{EdgeId, VertexId, Weight};
use super::prune::LEAST_READS;
use super::threading::ThreadingGraph;
use genome::cigar::{Cigar, CigarKind, CigarOp};

/// The shortest branch worth an alignment, in vertices, with the one where it meets the reference.
const SHORTEST_PATH: usize = 5;

/// More operations than this are no good fit.
const MOST_OPERATIONS: usize = 3;

/// The weight of an edge that joins a branch.
const JOINT: Weight = Weight {
    multiplicity: 1,
    is_reference: false,
};

/// Walks from the end of a branch while `step` gives an edge and the vertex it leads to.
///
/// Returns the path with its last vertex first. What lies before an edge in doubt is left out.
fn walk(
    threading: &ThreadingGraph,
    start: VertexId,
    step: impl Fn(VertexId) -> Option<(EdgeId, VertexId)>,
) -> Option<Vec<VertexId>> {
    let mut path = Vec::new();
    let mut vertex = start;
    let mut left = threading.graph.capacity();
    while let Some((edge, next)) = step(vertex) {
        if threading.graph.edge(edge).reads.max(1) < LEAST_READS {
            path.clear();
        } else {
            path.push(vertex);
        }
        vertex = next;
        left = left.checked_sub(1)?;
    }
    path.push(vertex);
    path.reverse();
    Some(path)
}

fn without_trailing_deletion(mut cigar: Cigar) -> Cigar {
    let is_deletion = |op: &CigarOp| op.kind() == CigarKind::Deletion;
    if cigar.last().is_some_and(is_deletion) {
        cigar.pop();
    }
    cigar
}
