//! Branches that leave the reference and do not come back.

use super::{JOINT, MOST_OPERATIONS, SHORTEST_PATH, walk, without_trailing_deletion};
use crate::assembly::graph::{EdgeId, VertexId};
use crate::assembly::threading::ThreadingGraph;
use crate::smith_waterman::{Aligner, DANGLING_END, Overhang};
use genome::cigar::{self, CigarKind, CigarOp};

/// Joins each branch without an end to the reference, where its letters fit.
pub fn recover_tails(threading: &mut ThreadingGraph, aligner: &mut Aligner) {
    let vertices: Vec<VertexId> = threading.graph.vertices().collect();
    for vertex in vertices {
        let graph = &threading.graph;
        if graph.out_degree(vertex) > 0 || graph.is_reference_sink(vertex) {
            continue;
        }
        if let Some((from, to)) = joint(threading, vertex, aligner) {
            threading.graph.add_edge(from, to, JOINT);
        }
    }
}

/// Finds which vertex of the branch goes on at which vertex of the reference.
fn joint(
    threading: &ThreadingGraph,
    tail: VertexId,
    aligner: &mut Aligner,
) -> Option<(VertexId, VertexId)> {
    let branch = branch(threading, tail)?;
    let reference = reference_from(threading, branch[0], branch[1]);
    let suffixes =
        |path: &[VertexId]| -> Vec<u8> { path.iter().map(|&v| threading.suffix(v)).collect() };
    let (branch_letters, reference_letters) = (suffixes(&branch), suffixes(&reference));
    let overhang = Overhang::LeadingIndel;
    let found = aligner.align(&reference_letters, &branch_letters, &DANGLING_END, overhang);
    let ops = without_trailing_deletion(found.cigar);
    let (first, last) = (*ops.first()?, *ops.last()?);
    if ops.len() > MOST_OPERATIONS || last.kind() != CigarKind::Match {
        return None;
    }
    let on_reference = cigar::reference_span(ops.iter().copied()) as usize;
    let on_branch = cigar::read_span(ops.iter().copied()) as usize;
    let shared = shared_suffix(&reference_letters[..on_reference], &branch_letters);
    let shared = shared.min(last.len() as usize);
    if shared == 0 {
        return None;
    }
    let skips = |op: CigarOp| {
        op.kind() == CigarKind::Deletion && op.len() as usize + shared == on_reference
    };
    let to = on_reference - shared + usize::from(skips(first));
    let from = on_branch.saturating_sub(shared + 1);
    (to > 0).then(|| (branch[from], reference[to]))
}

/// Returns the branch from the reference on, or what stands for it.
fn branch(threading: &ThreadingGraph, tail: VertexId) -> Option<Vec<VertexId>> {
    let graph = &threading.graph;
    let path = walk(threading, tail, |vertex| {
        let (id, edge) = graph.incoming(vertex).next()?;
        let goes_on = graph.in_degree(vertex) == 1 && graph.out_degree(vertex) < 2;
        goes_on.then_some((id, edge.source))
    })?;
    let fits = graph.out_degree(path[0]) > 1
        && !graph.is_reference_source(path[0])
        && path.len() >= SHORTEST_PATH;
    fits.then_some(path)
}

/// Follows the reference, or the only other way, from where a branch leaves it.
fn reference_from(threading: &ThreadingGraph, start: VertexId, branch: VertexId) -> Vec<VertexId> {
    let graph = &threading.graph;
    let left: Option<EdgeId> = graph.incoming(branch).next().map(|(id, _)| id);
    let next = |vertex: VertexId| {
        let edges = graph.outgoing(vertex);
        if let Some((_, edge)) = edges.clone().find(|(_, edge)| edge.is_reference) {
            return Some(edge.target);
        }
        let mut others = edges.filter(|(id, _)| Some(*id) != left);
        let (_, edge) = others.next()?;
        others.next().is_none().then_some(edge.target)
    };
    let path = std::iter::successors(Some(start), |&vertex| next(vertex));
    path.take(graph.len()).collect()
}

fn shared_suffix(a: &[u8], b: &[u8]) -> usize {
    let pairs = a.iter().rev().zip(b.iter().rev());
    pairs.take_while(|(x, y)| x == y).count()
}
