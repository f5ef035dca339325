//! Branches that come from nowhere and run into the reference.

use super::{JOINT, MOST_OPERATIONS, SHORTEST_PATH, walk, without_trailing_deletion};
use crate::assembly::graph::{VertexId, Weight};
use crate::assembly::threading::ThreadingGraph;
use crate::smith_waterman::{Aligner, DANGLING_END, Overhang};
use genome::cigar::{self, CigarKind, CigarOp};

/// Joins each branch without a beginning to the reference, where its letters fit.
pub fn recover_heads(threading: &mut ThreadingGraph, aligner: &mut Aligner) {
    let graph = &threading.graph;
    let is_head = |&v: &VertexId| graph.in_degree(v) == 0 && !graph.is_reference_source(v);
    let heads: Vec<VertexId> = graph.vertices().filter(is_head).collect();
    for head in heads {
        if let Some((from, to)) = joint(threading, head, aligner) {
            threading.graph.add_edge(from, to, JOINT);
        }
    }
}

/// Finds which vertex of the reference goes on at which vertex of the branch.
///
/// The branch is lengthened with the reference's letters where they meet before it begins.
fn joint(
    threading: &mut ThreadingGraph,
    head: VertexId,
    aligner: &mut Aligner,
) -> Option<(VertexId, VertexId)> {
    let branch = branch(threading, head)?;
    let reference = reference_to(threading, branch[0]);
    let branch_letters = backwards(threading, &branch);
    let reference_letters = backwards(threading, &reference);
    let overhang = Overhang::LeadingIndel;
    let found = aligner.align(&reference_letters, &branch_letters, &DANGLING_END, overhang);
    let ops = without_trailing_deletion(found.cigar);
    let first = *ops.first()?;
    if ops.len() > MOST_OPERATIONS || first.kind() != CigarKind::Match {
        return None;
    }
    let matched = first.len() as usize;
    let mismatch = last_mismatch(
        &reference_letters[..matched],
        &branch_letters[..matched],
        threading.kmers.k(),
    )?;
    if mismatch == 0 || mismatch + 1 >= reference.len() {
        return None;
    }
    let from = reference[mismatch + 1];
    if let Some(&to) = branch.get(mismatch) {
        return Some((from, to));
    }
    let more = mismatch - branch.len() + 2;
    let to = lengthen(threading, &branch, &reference, more, &ops)?;
    Some((from, to))
}

/// Returns the branch back from the reference.
fn branch(threading: &ThreadingGraph, head: VertexId) -> Option<Vec<VertexId>> {
    let graph = &threading.graph;
    let path = walk(threading, head, |vertex| {
        let (id, edge) = graph.outgoing(vertex).next()?;
        let goes_on = !graph.is_reference(vertex) && graph.out_degree(vertex) == 1;
        goes_on.then_some((id, edge.target))
    })?;
    let fits = graph.is_reference(path[0])
        && !graph.is_reference_sink(path[0])
        && path.len() >= SHORTEST_PATH;
    fits.then_some(path)
}

/// Follows the reference backwards from where a branch meets it.
fn reference_to(threading: &ThreadingGraph, start: VertexId) -> Vec<VertexId> {
    let graph = &threading.graph;
    let before = |&vertex: &VertexId| {
        let sources = graph.incoming(vertex).map(|(_, edge)| edge.source);
        sources
            .into_iter()
            .find(|&source| graph.is_reference(source))
    };
    let path = std::iter::successors(Some(start), before);
    path.take(graph.len()).collect()
}

/// Spells a path backwards; a vertex without a predecessor spells its whole k-mer.
fn backwards(threading: &ThreadingGraph, path: &[VertexId]) -> Vec<u8> {
    let mut letters = Vec::with_capacity(path.len() + threading.kmers.k());
    for &vertex in path {
        if threading.graph.in_degree(vertex) == 0 {
            letters.extend(threading.kmer(vertex).iter().rev());
        } else {
            letters.push(threading.suffix(vertex));
        }
    }
    letters
}

/// Returns the last place where two equally long sequences differ, unless they do so too often.
fn last_mismatch(a: &[u8], b: &[u8], k: usize) -> Option<usize> {
    let most = (a.len() / k).max(1);
    let differs = |index: &usize| a[*index] != b[*index];
    let count = (0..a.len()).filter(differs).count();
    let last = (0..a.len()).rev().find(differs)?;
    (count <= most).then_some(last)
}

/// Puts `more` vertices before the branch, spelled as the reference; returns the first of them.
fn lengthen(
    threading: &mut ThreadingGraph,
    branch: &[VertexId],
    reference: &[VertexId],
    more: usize,
    ops: &[CigarOp],
) -> Option<VertexId> {
    let shift = cigar::reference_span(ops.iter().copied()) as isize
        - cigar::read_span(ops.iter().copied()) as isize;
    let (&head, rest) = branch.split_last()?;
    let place = (rest.len() + more).checked_add_signed(shift)?;
    let letters = threading.kmer(*reference.get(place)?);
    let mut sequence = letters.get(..more)?.to_vec();
    sequence.extend_from_slice(threading.kmer(head));
    let (edge, first) = threading.graph.outgoing(head).next()?;
    let weight = Weight {
        multiplicity: first.multiplicity,
        is_reference: false,
    };
    let mut next = first.target;
    threading.graph.remove_edge(edge);
    let start = threading.kmers.push(&sequence);
    for offset in (1..=more).rev() {
        let vertex = threading.graph.add_vertex(start + offset as u32);
        threading.graph.add_edge(vertex, next, weight);
        next = vertex;
    }
    Some(next)
}
