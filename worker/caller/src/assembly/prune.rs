//! Chains that too few reads follow are cut out of the graph.
//!
//! Source: GATK 4.6 `LowWeightChainPruner`.

use super::graph::{EdgeId, VertexId};
use super::threading::ThreadingGraph;

/// An edge that fewer reads follow is in doubt.
pub const LEAST_READS: u32 = 2;

/// Removes the chains without branches whose edges are all in doubt, then lone vertices.
pub fn prune(threading: &mut ThreadingGraph) {
    let graph = &threading.graph;
    let mut seen = vec![false; graph.capacity()];
    let sources = graph.vertices().filter(|&v| graph.in_degree(v) == 0);
    let mut starts: Vec<VertexId> = sources.collect();
    starts.iter().for_each(|&v| seen[v as usize] = true);
    let mut doubtful: Vec<EdgeId> = Vec::new();
    while let Some(start) = starts.pop() {
        for (first, _) in graph.outgoing(start) {
            let kept = doubtful.len();
            let (end, is_doubtful) = follow(threading, first, &mut doubtful);
            if !is_doubtful {
                doubtful.truncate(kept);
            }
            if !std::mem::replace(&mut seen[end as usize], true) {
                starts.push(end);
            }
        }
    }
    for edge in doubtful {
        threading.graph.remove_edge(edge);
    }
    remove_lone(threading);
}

/// Collects the edges of a chain; returns its end and whether all of it is in doubt.
fn follow(threading: &ThreadingGraph, first: EdgeId, edges: &mut Vec<EdgeId>) -> (VertexId, bool) {
    let graph = &threading.graph;
    let start = graph.edge(first).source;
    let mut id = first;
    let mut is_doubtful = true;
    loop {
        let edge = graph.edge(id);
        edges.push(id);
        is_doubtful &= edge.reads < LEAST_READS && !edge.is_reference;
        let end = edge.target;
        let goes_on = graph.out_degree(end) == 1 && graph.in_degree(end) <= 1 && end != start;
        match graph.outgoing(end).next() {
            Some((next, _)) if goes_on => id = next,
            _ => return (end, is_doubtful),
        }
    }
}

fn remove_lone(threading: &mut ThreadingGraph) {
    let graph = &threading.graph;
    let is_lone = |&v: &VertexId| graph.in_degree(v) == 0 && graph.out_degree(v) == 0;
    let lone: Vec<VertexId> = graph.vertices().filter(is_lone).collect();
    lone.into_iter().for_each(|v| threading.remove_vertex(v));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Draft, ops};

    #[test]
    fn single_read_is_cut_out_and_two_stay() {
        let read = Draft {
            bases: b"ACGTTCCATCGA".to_vec(),
            qualities: vec![30; 12],
            cigar: ops("12M"),
            ..Draft::default()
        };
        for (count, vertices) in [(1, 9), (2, 13)] {
            let reads = vec![read.read(0); count];
            let mut threading = ThreadingGraph::new(b"ACGTTGCATCGA", &reads, 4, 10);
            prune(&mut threading);
            assert_eq!(threading.graph.len(), vertices);
        }
    }
}
